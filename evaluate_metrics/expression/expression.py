"""The metric `expression`."""

from multimed_hf.evaluation import metric_module


class Expression(metric_module.MetricModule):
    metric = "expression"
