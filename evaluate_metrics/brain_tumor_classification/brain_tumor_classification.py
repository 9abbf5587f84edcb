"""The metric of the task `brain_tumor_classification`."""

from multimed_hf.evaluation import metric_module


class BrainTumorClassification(metric_module.MetricModule):
    metric = "brain_tumor_classification"
