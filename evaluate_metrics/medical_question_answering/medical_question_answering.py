"""The metric of the task `medical_question_answering`."""

from multimed_hf.evaluation import metric_module


class MedicalQuestionAnswering(metric_module.MetricModule):
    metric = "medical_question_answering"
