"""`pipeline("multimed-classification", model=...)`: raw values in, probabilities per task out."""

from transformers import Pipeline


class MultiMedPipeline(Pipeline):
    """Predicts all tasks, or those named by `tasks=[...]`, for one sample given as `{"eeg": ..., "text": ...}`.

    Answers, in the style of other classification pipelines, `{task: [{"label": str, "score": float}, ...]}` with the
    likeliest label first for tasks with labels; regression and structure give `{task: nested list}`.
    """

    _load_processor = True
    _load_tokenizer = False
    _load_feature_extractor = False
    _load_image_processor = False

    def _sanitize_parameters(self, tasks=None, **kwargs):
        return {}, {}, {} if tasks is None else {"tasks": tasks}

    def preprocess(self, inputs, **kwargs):
        batch = self.processor(**{name: [value] for name, value in inputs.items() if value is not None})
        return {**batch, "asked": inputs.get("choices")}

    def _forward(self, model_inputs, **kwargs):
        asked = model_inputs.pop("asked")
        return {"logits": self.model(**model_inputs).logits, "asked": asked}

    def postprocess(self, model_outputs, tasks=None, **kwargs):
        answers = {}
        for task in self.model.config.tasks:
            name, kind = task["name"], task["kind"]
            logits = model_outputs["logits"][name].float()
            if not logits.numel() or (tasks is not None and name not in tasks):
                continue
            if kind in ("regression", "structure"):
                answers[name] = logits[0].tolist()
                continue
            labels = model_outputs["asked"] if kind == "answer" else task["labels"]
            scores = (logits[0].sigmoid() if kind == "multi_label" else logits[0].softmax(-1)).tolist()
            ranked = sorted(zip(labels, scores, strict=True), key=lambda pair: -pair[1])
            answers[name] = [{"label": label, "score": score} for label, score in ranked]
        return answers


__all__ = ["MultiMedPipeline"]
