"""The metric of the task `disease_classification`."""

from multimed_hf.evaluation import metric_module


class DiseaseClassification(metric_module.MetricModule):
    metric = "disease_classification"
