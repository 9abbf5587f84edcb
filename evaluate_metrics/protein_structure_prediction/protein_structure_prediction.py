"""The metric of the task `protein_structure_prediction`."""

from multimed_hf.evaluation import metric_module


class ProteinStructurePrediction(metric_module.MetricModule):
    metric = "protein_structure_prediction"
