"""The metric `cell_type`."""

from multimed_hf.evaluation import metric_module


class CellType(metric_module.MetricModule):
    metric = "cell_type"
