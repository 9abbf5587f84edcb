"""The model users train: the fused backbone with one head per task."""

import copy
from dataclasses import dataclass

import numpy as np
import torch
from transformers import initialization as init
from transformers.modeling_outputs import ModelOutput
from transformers.utils.generic import can_return_tuple

from .configuration_multimed import MultiMedConfig
from .modeling_multimed import MultiMedModel, MultiMedPreTrainedModel
from .task_heads_multimed import MultiMedHeads

_FORMS = ("structure", "answer", "label_text", "decoder")


def _form(task):
    """What a task's head wants to know besides the samples' vectors goes by its head, or by its kind."""
    return task.get("head") or task["kind"]


@dataclass
class MultiMedOutput(ModelOutput):
    """Output of [`MultiMedForMultitask`].

    Args:
        loss (`torch.FloatTensor` of shape `(1,)`): mean over samples of the weighted losses of the tasks they ask.
        logits (`dict[str, torch.FloatTensor]`): task name to what its head predicts; shapes as the heads say, empty
            without a chain, a candidate or the words of an answer to predict for.
        losses (`dict[str, torch.FloatTensor]`): task name to the mean loss of the samples that ask it, detached.
        pooler_output (`torch.FloatTensor` of shape `(batch_size, hidden_size)`): one vector per sample.
        hidden_states, attentions (`tuple`): with `output_hidden_states` and `output_attentions`, as in
            [`MultiMedModelOutput`].
    """

    loss: torch.FloatTensor | None = None
    logits: dict | None = None
    losses: dict | None = None
    pooler_output: torch.FloatTensor | None = None
    hidden_states: tuple | None = None
    attentions: tuple | None = None


class MultiMedForMultitask(MultiMedPreTrainedModel):
    """One model for any set of modalities and tasks.

    A sample carries any non-empty set of the configured modalities, and labels for any set of the configured tasks. Every
    head predicts for every sample it can; the loss counts only labels that are there.
    """

    def __init__(self, config: MultiMedConfig):
        super().__init__(config)
        self.multimed = MultiMedModel(config)
        self.heads = MultiMedHeads(config)
        self._check_decoders(config)
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module):
        super()._init_weights(module)
        if hasattr(module, "reset_scalars"):
            module.reset_scalars(init)

    def get_input_embeddings(self):
        return self.multimed.get_input_embeddings()

    def set_input_embeddings(self, value):
        self.multimed.set_input_embeddings(value)

    def set_target_statistics(
        self, name: str, mean: "torch.Tensor | np.ndarray", scale: "torch.Tensor | np.ndarray"
    ) -> None:
        """Keeps the mean and the scale of a regression task's training targets, each `(num_targets,)`, with its head.

        Raises:
            ValueError: no regression task has this name, a shape is wrong, or a scale is not positive.
        """
        if self.heads.kinds.get(name) != "regression":
            raise ValueError(f"Expected the name of a regression task, got {name!r}.")
        head = self.heads.tasks[name]
        statistics = [torch.as_tensor(values, dtype=torch.float32) for values in (mean, scale)]
        for values in statistics:
            if values.shape != head.mean.shape or not bool(torch.isfinite(values).all()):
                raise ValueError(f"Expected {tuple(head.mean.shape)} finite statistics of {name!r}, got {values}.")
        if not bool((statistics[1] > 0).all()):
            raise ValueError(f"Expected positive scales for {name!r}: give 1 for targets that never vary.")
        head.mean.copy_(statistics[0])
        head.scale.copy_(statistics[1])

    def add_task(self, task: dict, ignore_mismatched_sizes: bool = False) -> None:
        """Adds a head with fresh weights to the model, and its entry to `config.tasks`, so that both are saved.

        Call it before an optimizer or PEFT takes hold of the parameters.

        Args:
            task: an entry of `MultiMedConfig.tasks`. That of a head that the model has changes nothing if it is the same.
            ignore_mismatched_sizes: where the model has a head of this name with another entry, above all other labels,
                replace it by a fresh one.

        Raises:
            ValueError: an entry that is wrong, or of the name of another one, without `ignore_mismatched_sizes`.
        """
        name: str = task.get("name", "")
        old = next((entry for entry in self.config.tasks if entry["name"] == name), None)
        if old == task:
            return
        if old is not None and not ignore_mismatched_sizes:
            raise ValueError(
                f"Expected a new task or {old} as it is, got {task}; pass ignore_mismatched_sizes=True to replace its head "
                "by a fresh one."
            )
        tasks = [task if entry is old else entry for entry in self.config.tasks] + ([] if old else [task])
        config = copy.copy(self.config)
        config.tasks = [dict(entry) for entry in tasks]
        config._check()
        self._check_decoders(config)
        self.heads.add(config, task)
        balancing = self.heads.balancing.tasks
        for added in (self.heads.tasks[name], *([balancing[name]] if name in balancing else [])):
            for module in added.modules():
                self._init_weights(module)
            added.to(device=self.device, dtype=self.dtype).train(self.training)
        # The backbone saves a configuration too.
        self.config.tasks = self.multimed.config.tasks = config.tasks

    @torch.no_grad()
    def zero_shot(
        self, sample_ids: torch.Tensor, inputs: dict, label_ids: list[list[int]], task: str | None = None, **kwargs
    ) -> torch.Tensor:
        """Logits `(batch_size, labels)` for any labels, by their texts: probabilities by softmax for a task of kind
        "single_label", by sigmoid for "multi_label".

        Args:
            sample_ids, inputs: as `forward` takes them; other parts of a batch are left alone.
            label_ids: token ids of each label, from `processor.encode_labels(labels)`.
            task: the task with the head "label_text" that compares; may be left out if there is one only.

        Raises:
            ValueError: no such task, or no label.
        """
        name = self._only("label_text", task)
        if not label_ids or not all(label_ids):
            raise ValueError(f"Expected token ids of one label or more, got {label_ids}: take processor.encode_labels.")
        pooled = self.multimed(sample_ids, inputs).pooler_output
        return self.heads.tasks[name](pooled, self._read_lists(label_ids))

    @torch.no_grad()
    def generate_answers(
        self, sample_ids: torch.Tensor, inputs: dict, task: str | None = None, max_new_tokens: int = 16, **kwargs
    ) -> torch.Tensor:
        """The likeliest answer word by word: token ids `(batch_size, new tokens)`, padding after the end token.

        Args:
            sample_ids, inputs: as `forward` takes them; other parts of a batch are left alone.
            task: the task with the head "decoder" that answers; may be left out if there is one only.
            max_new_tokens: the most tokens of an answer, its end token included.

        Raises:
            ValueError: no such task, or no token to write.
        """
        name = self._only("decoder", task)
        if max_new_tokens < 1:
            raise ValueError(f"Expected max_new_tokens of at least 1, got {max_new_tokens}.")
        encoded = self.multimed(sample_ids, inputs)
        fill = self.config.pad_token_id or 0
        return self.heads.tasks[name].generate(encoded.pooler_output, *self._memory(encoded), max_new_tokens, fill)

    def _only(self, head, name):
        """The name of the task with this head."""
        names = [task["name"] for task in self.config.tasks if task.get("head") == head]
        if (name is None and len(names) != 1) or (name is not None and name not in names):
            raise ValueError(f"Expected the name of a task with the head {head!r}, one of {names}, got {name!r}.")
        return name or names[0]

    def _check_decoders(self, config):
        """Decoders read and write through the embedding of texts."""
        decoders = [task["name"] for task in config.tasks if task.get("head") == "decoder"]
        embedding = self.get_input_embeddings()
        width = None if embedding is None else embedding.weight.shape[1]
        if decoders and width != config.hidden_size:
            raise ValueError(
                f"Expected text embeddings of width {config.hidden_size}, `hidden_size`, for the head 'decoder' of "
                f"{decoders}, got {width}; use the text encoder of the model's own."
            )

    @can_return_tuple
    def forward(
        self,
        sample_ids: torch.Tensor,
        inputs: dict,
        choices: dict | None = None,
        labels: dict | None = None,
        targets: dict | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        **kwargs,
    ) -> MultiMedOutput:
        """Predicts every task for a packed batch, as `MultiMedProcessor` makes it.

        Args:
            sample_ids: `(batch_size,)`, one entry per sample.
            inputs: modality name to its packed tensors.
            choices: candidate answers, `input_ids` and `lengths` of the distinct ones and `index`
                `(batch_size, most candidates)`, -1 where a sample has fewer.
            labels: task name to labels in the form its head takes.
            targets: name of a regression task to the `(targets asked,)` int64 numbers of those of its targets that logits
                and labels are to have, for heads with very many; all by default.
            output_attentions, output_hidden_states: as [`MultiMedModel`] takes them.

        Raises:
            ValueError: a modality or task that the configuration does not have, or a sample without any modality.
        """
        encoded = self.multimed(
            sample_ids, inputs, output_attentions=output_attentions, output_hidden_states=output_hidden_states
        )
        logits = self.heads(encoded.pooler_output, self._besides(encoded, inputs, choices, labels, targets))
        loss, means = None, None
        if labels is not None:
            losses = self.heads.losses(logits, labels, targets)
            # A batch that asks nothing still has a loss that can be differentiated.
            loss = encoded.pooler_output.float().sum() * 0.0
            loss = loss + self.heads.balancing(losses) / len(sample_ids)
            means = {name: each.detach().mean() for name, each in losses.items()}
        return MultiMedOutput(
            loss=loss,
            logits=logits,
            losses=means,
            pooler_output=encoded.pooler_output,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )

    def _besides(self, encoded, inputs, choices, labels, targets):
        """What each head takes besides the samples' vectors, as far as the batch has it: task name to a tuple."""
        besides: dict[str, tuple] = {name: (asked,) for name, asked in (targets or {}).items()}
        tasks = {kind: [task for task in self.config.tasks if _form(task) == kind] for kind in _FORMS}
        if tasks["structure"] and "protein" in (encoded.token_index or {}):
            residues = encoded.last_hidden_state[encoded.token_index["protein"]]
            chains = (residues, encoded.token_lengths["protein"], inputs["protein"]["samples"])
            besides |= {task["name"]: chains for task in tasks["structure"]}
        if tasks["answer"] and choices is not None:
            candidates = (self._read(choices["input_ids"], choices["lengths"]), choices["index"])
            besides |= {task["name"]: candidates for task in tasks["answer"]}
        if tasks["label_text"]:
            texts = self._read_lists([ids for task in tasks["label_text"] for ids in task["label_ids"]])
            sizes = [len(task["labels"]) for task in tasks["label_text"]]
            parts = zip(tasks["label_text"], texts.split(sizes), strict=True)
            besides |= {task["name"]: (part,) for task, part in parts}
        for task in tasks["decoder"]:
            if labels is not None and task["name"] in labels:
                besides[task["name"]] = (*self._memory(encoded), labels[task["name"]])
        return besides

    def _memory(self, encoded):
        """What a decoder looks at: the tokens of all samples, where they lie, and the embedding of texts."""
        return encoded.last_hidden_state, encoded.packing, self.get_input_embeddings().weight

    def _read(self, input_ids, lengths):
        """A vector per text, `(texts, hidden)`: read by the same network, as samples of their own that never mix."""
        every = torch.arange(len(lengths), device=lengths.device)
        text = {"input_ids": input_ids, "lengths": lengths, "samples": every}
        return self.multimed(every, {"text": text}).pooler_output

    def _read_lists(self, texts):
        """A vector per text, from lists of token ids."""
        ids = torch.tensor([token for text in texts for token in text], device=self.device)
        return self._read(ids, torch.tensor([len(text) for text in texts], device=self.device))


__all__ = ["MultiMedForMultitask", "MultiMedOutput"]
