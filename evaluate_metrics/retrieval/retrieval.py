"""The metric `retrieval`."""

from multimed_hf.evaluation import metric_module


class Retrieval(metric_module.MetricModule):
    metric = "retrieval"
