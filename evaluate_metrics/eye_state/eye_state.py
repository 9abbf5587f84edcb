"""The metric of the task `eye_state`."""

from multimed_hf.evaluation import metric_module


class EyeState(metric_module.MetricModule):
    metric = "eye_state"
