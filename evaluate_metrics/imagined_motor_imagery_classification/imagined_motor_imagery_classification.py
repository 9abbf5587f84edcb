"""The metric of the task `imagined_motor_imagery_classification`."""

from multimed_hf.evaluation import metric_module


class ImaginedMotorImageryClassification(metric_module.MetricModule):
    metric = "imagined_motor_imagery_classification"
