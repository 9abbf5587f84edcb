"""The metric `ordinal`."""

from multimed_hf.evaluation import metric_module


class Ordinal(metric_module.MetricModule):
    metric = "ordinal"
