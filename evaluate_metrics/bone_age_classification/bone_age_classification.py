"""The metric of the task `bone_age_classification`."""

from multimed_hf.evaluation import metric_module


class BoneAgeClassification(metric_module.MetricModule):
    metric = "bone_age_classification"
