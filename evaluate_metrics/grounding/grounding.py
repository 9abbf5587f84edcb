"""The metric `grounding`."""

from multimed_hf.evaluation import metric_module


class Grounding(metric_module.MetricModule):
    metric = "grounding"
