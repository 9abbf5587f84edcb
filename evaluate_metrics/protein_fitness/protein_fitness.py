"""The metric of the task `protein_fitness`."""

from multimed_hf.evaluation import metric_module


class ProteinFitness(metric_module.MetricModule):
    metric = "protein_fitness"
