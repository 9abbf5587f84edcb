"""The metric `structure`."""

from multimed_hf.evaluation import metric_module


class Structure(metric_module.MetricModule):
    metric = "structure"
