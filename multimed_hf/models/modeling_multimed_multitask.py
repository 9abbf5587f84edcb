"""The model users train: the fused backbone with one head per task."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from transformers.modeling_outputs import ModelOutput
from transformers.utils.generic import can_return_tuple

from .configuration_multimed import MultiMedConfig
from .heads_multimed import HEADS, is_present
from .modeling_multimed import MultiMedModel, MultiMedPreTrainedModel


@dataclass
class MultiMedOutput(ModelOutput):
    """Output of [`MultiMedForMultitask`].

    Args:
        loss (`torch.FloatTensor` of shape `(1,)`): mean over samples of the weighted losses of the tasks they ask.
        logits (`dict[str, torch.FloatTensor]`): task name to what its head predicts; shapes as the heads say, empty
            without a chain or a candidate to predict for.
        losses (`dict[str, torch.FloatTensor]`): task name to the mean loss of the samples that ask it, detached.
        pooler_output (`torch.FloatTensor` of shape `(batch_size, hidden_size)`): one vector per sample.
    """

    loss: torch.FloatTensor | None = None
    logits: dict | None = None
    losses: dict | None = None
    pooler_output: torch.FloatTensor | None = None


class MultiMedHeads(nn.Module):
    """All heads behind one module, so that PEFT's `modules_to_save=["heads"]` can copy them."""

    def __init__(self, config: MultiMedConfig):
        super().__init__()
        self.kinds = {task["name"]: task["kind"] for task in config.tasks}
        self.tasks = nn.ModuleDict({task["name"]: HEADS[task["kind"]](config, task) for task in config.tasks})

    def forward(self, pooled, chains=(), candidates=()):
        """Logits of every task; those of a task whose input no sample has are empty, so that all batches have one form.

        Args:
            pooled: `(batch, hidden)`.
            chains: what `MultiMedStructureHead` takes besides; empty without protein.
            candidates: what `MultiMedAnswerHead` takes besides; empty without choices.
        """
        besides = {"structure": chains, "answer": candidates}
        return {name: head(pooled, *besides.get(self.kinds[name], ())) for name, head in self.tasks.items()}

    def losses(self, logits, labels):
        """Per task, the losses of the samples that ask it, `(asking,)`; tasks that no sample asks are left out."""
        losses = {}
        for name, target in labels.items():
            if name not in self.kinds:
                raise ValueError(f"Expected labels of tasks among {list(self.kinds)}, got {name!r}.")
            if not logits[name].numel():
                continue
            present = is_present(self.kinds[name], target)
            if bool(present.any()):
                losses[name] = self.tasks[name].loss(logits[name], target)[present]
        return losses


class MultiMedForMultitask(MultiMedPreTrainedModel):
    """One model for any set of modalities and tasks.

    A sample carries any non-empty set of the configured modalities, and labels for any set of the configured tasks. Every
    head predicts for every sample it can; the loss counts only labels that are there.
    """

    def __init__(self, config: MultiMedConfig):
        super().__init__(config)
        self.multimed = MultiMedModel(config)
        self.heads = MultiMedHeads(config)
        self.weights = {task["name"]: float(task.get("weight", 1.0)) for task in config.tasks}
        self.post_init()

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

    @can_return_tuple
    def forward(
        self,
        sample_ids: torch.Tensor,
        inputs: dict,
        choices: dict | None = None,
        labels: dict | None = None,
        **kwargs,
    ) -> MultiMedOutput:
        """Predicts every task for a packed batch, as `MultiMedProcessor` makes it.

        Args:
            sample_ids: `(batch_size,)`, one entry per sample.
            inputs: modality name to its packed tensors.
            choices: candidate answers, `input_ids` and `lengths` of the distinct ones and `index`
                `(batch_size, most candidates)`, -1 where a sample has fewer.
            labels: task name to labels in the form its head takes.

        Raises:
            ValueError: a modality or task that the configuration does not have, or a sample without any modality.
        """
        encoded = self.multimed(sample_ids, inputs)
        chains: tuple = ()
        candidates: tuple = ()
        if "protein" in (encoded.token_index or {}):
            residues = encoded.last_hidden_state[encoded.token_index["protein"]]
            chains = (residues, encoded.token_lengths["protein"], inputs["protein"]["samples"])
        if choices is not None and "answer" in self.heads.kinds.values():
            # Candidates are samples of their own: read by the same network, never mixed with the questions.
            every = torch.arange(len(choices["lengths"]), device=sample_ids.device)
            text = {"input_ids": choices["input_ids"], "lengths": choices["lengths"], "samples": every}
            candidates = (self.multimed(every, {"text": text}).pooler_output, choices["index"])
        logits = self.heads(encoded.pooler_output, chains, candidates)
        loss, means = None, None
        if labels is not None:
            losses = self.heads.losses(logits, labels)
            # A batch that asks nothing still has a loss that can be differentiated.
            loss = encoded.pooler_output.float().sum() * 0.0
            loss = loss + sum(each.sum() * self.weights[name] for name, each in losses.items()) / len(sample_ids)
            means = {name: each.detach().mean() for name, each in losses.items()}
        return MultiMedOutput(loss=loss, logits=logits, losses=means, pooler_output=encoded.pooler_output)


__all__ = ["MultiMedForMultitask", "MultiMedOutput"]
