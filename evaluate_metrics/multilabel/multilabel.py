"""The metric `multilabel`."""

from multimed_hf.evaluation import metric_module


class Multilabel(metric_module.MetricModule):
    metric = "multilabel"
