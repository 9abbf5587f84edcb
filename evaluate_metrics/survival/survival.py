"""The metric `survival`."""

from multimed_hf.evaluation import metric_module


class Survival(metric_module.MetricModule):
    metric = "survival"
