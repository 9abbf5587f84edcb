"""The metric of the task `report_findings`."""

from multimed_hf.evaluation import metric_module


class ReportFindings(metric_module.MetricModule):
    metric = "report_findings"
