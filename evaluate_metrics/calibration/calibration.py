"""The metric `calibration`."""

from multimed_hf.evaluation import metric_module


class Calibration(metric_module.MetricModule):
    metric = "calibration"
