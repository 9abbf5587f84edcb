"""The metric `classification`."""

from multimed_hf.evaluation import metric_module


class Classification(metric_module.MetricModule):
    metric = "classification"
