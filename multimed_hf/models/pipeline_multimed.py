"""`pipeline("multimed-classification", model=...)`: raw values in, probabilities per task out."""

from transformers import Pipeline


class MultiMedPipeline(Pipeline):
    """Predicts all tasks, or those named by `tasks=[...]`, for one sample given as `{"eeg": ..., "text": ...}`.

    Answers, in the style of other classification pipelines, `{task: [{"label": str, "score": float}, ...]}` with the
    likeliest label first for tasks with labels; regression, structure and survival give `{task: nested list}`, and open
    answers `{task: str}`.
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
        open_ended = [task["name"] for task in self.model.config.tasks if task.get("head") == "decoder"]
        written = {name: self.model.generate_answers(**model_inputs, task=name)[0] for name in open_ended}
        return {"logits": self.model(**model_inputs).logits, "asked": asked, "written": written}

    def postprocess(self, model_outputs, tasks=None, **kwargs):
        answers = {}
        for task in self.model.config.tasks:
            name, kind = task["name"], task["kind"]
            if tasks is not None and name not in tasks:
                continue
            if name in model_outputs["written"]:
                ids = model_outputs["written"][name]
                ends = (ids == task["end_token_id"]).nonzero().flatten().tolist()
                answers[name] = self.processor.tokenizer.decode(ids[: ends[0]] if ends else ids)
                continue
            logits = model_outputs["logits"][name].float()
            if not logits.numel():
                continue
            if kind in ("regression", "structure", "survival"):
                answers[name] = logits[0].tolist()
                continue
            labels = model_outputs["asked"] if kind == "answer" else task["labels"]
            scores = (logits[0].sigmoid() if kind == "multi_label" else logits[0].softmax(-1)).tolist()
            ranked = sorted(zip(labels, scores, strict=True), key=lambda pair: -pair[1])
            answers[name] = [{"label": label, "score": score} for label, score in ranked]
        return answers


__all__ = ["MultiMedPipeline"]
