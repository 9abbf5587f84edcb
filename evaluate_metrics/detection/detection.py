"""The metric `detection`."""

from multimed_hf.evaluation import metric_module


class Detection(metric_module.MetricModule):
    metric = "detection"
