"""The metric `segmentation`."""

from multimed_hf.evaluation import metric_module


class Segmentation(metric_module.MetricModule):
    metric = "segmentation"
