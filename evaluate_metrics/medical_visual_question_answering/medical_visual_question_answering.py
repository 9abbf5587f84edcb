"""The metric of the task `medical_visual_question_answering`."""

from multimed_hf.evaluation import metric_module


class MedicalVisualQuestionAnswering(metric_module.MetricModule):
    metric = "medical_visual_question_answering"
