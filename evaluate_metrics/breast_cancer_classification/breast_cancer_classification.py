"""The metric of the task `breast_cancer_classification`."""

from multimed_hf.evaluation import metric_module


class BreastCancerClassification(metric_module.MetricModule):
    metric = "breast_cancer_classification"
