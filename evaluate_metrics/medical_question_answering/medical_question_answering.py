"""The metric of the task `medical_question_answering`."""

from multimed_hf.evaluation import metric_module


class MedicalQuestionAnswering(metric_module.TaskMetric):
    task = "medical_question_answering"
