"""The metric of the task `radiographic_findings_classification`."""

from multimed_hf.evaluation import metric_module


class RadiographicFindingsClassification(metric_module.MetricModule):
    metric = "radiographic_findings_classification"
