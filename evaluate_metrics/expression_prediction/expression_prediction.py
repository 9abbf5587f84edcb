"""The metric of the task `expression_prediction`."""

from multimed_hf.evaluation import metric_module


class ExpressionPrediction(metric_module.MetricModule):
    metric = "expression_prediction"
