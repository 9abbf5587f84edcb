"""How to train, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Settings:
    """How to train.

    Attributes:
        epochs: passes over the mixture, see `mixture_indices`.
        max_steps: steps to take instead of `epochs`; -1 for none.
        batch_size: samples a step and process.
        learning_rate: highest learning rate of AdamW, reached after the warm-up; it then falls to 0 as a cosine.
        weight_decay: decoupled weight decay of matrices; vectors (biases, norms) have none.
        warmup: share of the steps over which the learning rate rises.
        max_grad_norm: gradients with a larger norm are scaled down to it.
        mixture: exponent of the task mixture: 1 as the data are, 0 the same share for every head.
        select: "last" keeps the weights of the last step, "best" those of the epoch with the lowest loss on the
            validation splits.
        save_steps: steps between two states from which a run can be taken up again; with "best" it is one an epoch.
        vocab_size: the most entries of the tokenizer of a new model.
        label_text: compare samples with the texts of labels in all heads of one or several labels, which can then be asked
            for labels that they were not trained on.
        lora_rank: rank of LoRA matrices.
        lora_alpha: their scale, times the rank.
        lora_dropout: dropout on their input.
        num_workers: processes that prepare batches; 0 for none.
        config: what `MultiMedConfig` should hold instead of its defaults, pre-trained `encoders` among them; with a start
            checkpoint only dropout rates.
    """

    epochs: float = 10.0
    max_steps: int = -1
    batch_size: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup: float = 0.1
    max_grad_norm: float = 1.0
    mixture: float = 0.5
    select: str = "last"
    save_steps: int = 500
    vocab_size: int = 8192
    label_text: bool = False
    lora_rank: int = 8
    lora_alpha: int = 16
    lora_dropout: float = 0.0
    num_workers: int = 0
    config: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.select not in ("last", "best"):
            raise ValueError(f"Expected select to be 'last' or 'best', got {self.select!r}.")
        if self.epochs <= 0 or self.batch_size < 1 or self.save_steps < 1 or self.learning_rate <= 0:
            raise ValueError(
                "Expected epochs and learning_rate above 0, batch_size and save_steps of at least 1, got "
                f"{self.epochs}, {self.learning_rate}, {self.batch_size}, {self.save_steps}."
            )
        if not 0 <= self.warmup < 1:
            raise ValueError(f"Expected warmup to be a share from 0 to below 1, got {self.warmup}.")
        if not 0 <= self.mixture <= 1:
            raise ValueError(f"Expected mixture to be an exponent from 0 to 1, got {self.mixture}.")
