"""Sums over sets of numbered things: what cells (genes) and open chromatin (peaks) are read by."""

import torch
from torch import nn


class MultiMedSetEmbedding(nn.EmbeddingBag):
    """One learned vector a thing, summed over each set with a weight: `(sets, width)`.

    Args:
        known: how many things there are.
        width: numbers of a vector.
        dropout: share of the things that are left out of a set in training.
        thing: what they are called, and `field` the part of the configuration that says how many there are, for messages.
        field: see `thing`.
    """

    def __init__(self, known, width, dropout, thing, field):
        super().__init__(known, width, mode="sum")
        self.dropout, self.thing, self.field = dropout, thing, field

    def forward(self, ids, values, lengths):  # type: ignore[override]  # a set has its weights before its lengths
        """Sums.

        Args:
            ids: `(things,)` numbers from 0, of all sets end to end.
            values: `(things,)` the weight of each.
            lengths: `(sets,)` things per set.

        Raises:
            ValueError: a number of a thing that is not known. On a GPU, where looking costs a wait, it is CUDA's own error.
        """
        if not ids.is_cuda and len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) < self.num_embeddings:
            raise ValueError(
                f"Expected numbers of {self.thing}s from 0 to {self.num_embeddings - 1} (`{self.field}` of the model is "
                f"{self.num_embeddings}), got {int(ids.min())} to {int(ids.max())}: number them as the model does, or give "
                "symbols where its processor knows them."
            )
        values = values.to(self.weight.dtype)
        if self.training and self.dropout:
            values = nn.functional.dropout(values, self.dropout)
        return super().forward(ids, torch.cumsum(lengths, 0) - lengths, per_sample_weights=values)
