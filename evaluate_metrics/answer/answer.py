"""The metric `answer`."""

from multimed_hf.evaluation import metric_module


class Answer(metric_module.MetricModule):
    metric = "answer"
