"""The metric of the task `splice_site`."""

from multimed_hf.evaluation import metric_module


class SpliceSite(metric_module.MetricModule):
    metric = "splice_site"
