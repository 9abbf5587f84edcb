"""The metric of the task `cell_type_classification`."""

from multimed_hf.evaluation import metric_module


class CellTypeClassification(metric_module.MetricModule):
    metric = "cell_type_classification"
