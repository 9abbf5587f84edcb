"""`pipeline("multimed-classification", model=...)`: raw values in, probabilities per task out."""

from transformers import Pipeline


class MultiMedPipeline(Pipeline):
    """Predicts all tasks, or those named by `tasks=[...]`, for one sample given as `{"eeg": ..., "text": ...}`.

    With `candidate_labels=[...]`, which need not have been trained on, tasks with the head "label_text" score these instead of
    their own labels, and other tasks are left out.

    Answers, in the style of other classification pipelines, `{task: [{"label": str, "score": float}, ...]}` with the
    likeliest label first for tasks with labels; regression, structure and survival give `{task: nested list}`, and open
    answers `{task: str}`.

    Raises:
        ValueError: `candidate_labels` without a label, or for a model or `tasks` without such a head.
    """

    _load_processor = True
    _load_tokenizer = False
    _load_feature_extractor = False
    _load_image_processor = False

    def _sanitize_parameters(self, tasks=None, candidate_labels=None, **kwargs):
        given = {} if tasks is None else {"tasks": tasks}
        if candidate_labels is None:
            return {}, given, given
        if isinstance(candidate_labels, str):
            candidate_labels = [label.strip() for label in candidate_labels.split(",")]
        if not candidate_labels or not all(candidate_labels):
            raise ValueError(f"Expected one or more candidate_labels, texts with a word each, got {candidate_labels}.")
        given |= {"candidate_labels": candidate_labels}
        if not self._asked(**given):
            raise ValueError(
                "Expected a task with the head 'label_text' to compare candidate_labels with, got none among "
                f"{tasks or [task['name'] for task in self.model.config.tasks]}."
            )
        return {}, given, given

    def _asked(self, tasks=None, candidate_labels=None):
        """Entries of the tasks to predict."""
        named = [task for task in self.model.config.tasks if tasks is None or task["name"] in tasks]
        return named if candidate_labels is None else [task for task in named if task.get("head") == "label_text"]

    def preprocess(self, inputs, **kwargs):
        batch = self.processor(**{name: [value] for name, value in inputs.items() if value is not None})
        return {**batch, "asked": inputs.get("choices")}

    def _forward(self, model_inputs, tasks=None, candidate_labels=None, **kwargs):
        asked = model_inputs.pop("asked")
        entries = self._asked(tasks, candidate_labels)
        if candidate_labels is not None:
            ids = self.processor.encode_labels(candidate_labels)
            logits = {
                task["name"]: self.model.zero_shot(**model_inputs, label_ids=ids, task=task["name"]) for task in entries
            }
            return {"logits": logits, "asked": asked, "written": {}}
        open_ended = [task["name"] for task in entries if task.get("head") == "decoder"]
        written = {name: self.model.generate_answers(**model_inputs, task=name) for name in open_ended}
        return {"logits": self.model(**model_inputs).logits, "asked": asked, "written": written}

    def postprocess(self, model_outputs, tasks=None, candidate_labels=None, **kwargs):
        answers = {}
        for task in self._asked(tasks, candidate_labels):
            name, kind = task["name"], task["kind"]
            if name in model_outputs["written"]:
                (answers[name],) = self.processor.decode_answers(model_outputs["written"][name], task["end_token_id"])
                continue
            logits = model_outputs["logits"][name].float()
            if not logits.numel():
                continue
            if kind in ("regression", "structure", "survival"):
                answers[name] = logits[0].tolist()
                continue
            labels = model_outputs["asked"] if kind == "answer" else candidate_labels or task["labels"]
            scores = (logits[0].sigmoid() if kind == "multi_label" else logits[0].softmax(-1)).tolist()
            ranked = sorted(zip(labels, scores, strict=True), key=lambda pair: -pair[1])
            answers[name] = [{"label": label, "score": score} for label, score in ranked]
        return answers


__all__ = ["MultiMedPipeline"]
