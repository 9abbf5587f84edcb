"""The metric of the task `eye_state`."""

from multimed_hf.evaluation import metric_module


class EyeState(metric_module.TaskMetric):
    task = "eye_state"
