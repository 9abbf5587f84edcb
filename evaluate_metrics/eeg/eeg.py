"""The metric `eeg`."""

from multimed_hf.evaluation import metric_module


class Eeg(metric_module.MetricModule):
    metric = "eeg"
