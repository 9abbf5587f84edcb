"""The metric of the task `diabetic_retinopathy_classification`."""

from multimed_hf.evaluation import metric_module


class DiabeticRetinopathyClassification(metric_module.MetricModule):
    metric = "diabetic_retinopathy_classification"
