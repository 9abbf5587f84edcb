"""The metric of the task `disease_prognosis`."""

from multimed_hf.evaluation import metric_module


class DiseasePrognosis(metric_module.MetricModule):
    metric = "disease_prognosis"
