"""Fusion: how the modalities of a sample become its one vector.

With `early`, there is nothing here: one sequence holds all tokens of a sample. In all other fusions each modality of a sample
is a sequence of its own, with a summary token of its own, and the pooler gives a vector `v_m` for each modality m that the
sample has. A module of this file makes one vector of them. Modalities that are absent are not computed.
"""

from itertools import combinations

import torch
from torch import nn

from .heads_multimed import MultiMedUnitLinear
from .packing_multimed import Packing


def number_sequences(none, samples, lengths):
    """Makes a sequence of every segment that holds tokens.

    Args:
        none: an empty int64 tensor.
        samples: modality name to the sample of each of its segments `(segments,)`.
        lengths: modality name to the tokens of each of them `(segments,)`.

    Returns:
        The sample of each sequence `(sequences,)`, modality after modality; modality name to the sequence of each of its
        segments `(segments,)`, 0 for those without tokens; and name to number of sequences, where there are any.
    """
    owner, sequence = none, {}
    counts: dict[str, int] = {}
    for name, own in samples.items():
        held = lengths[name] > 0
        sequence[name] = torch.where(held, len(owner) + torch.cumsum(held, 0) - 1, 0)
        owner = torch.cat([owner, own[held]])
        if len(owner) > sum(counts.values()):
            counts[name] = len(owner) - sum(counts.values())
    return owner, sequence, counts


def _total(values, samples, num_samples):
    """Sum over the modalities of each sample: `(segments, size)` to `(samples, size)` in float32."""
    total = torch.zeros(num_samples, values.shape[1], device=values.device, dtype=torch.float32)
    return total.index_add(0, samples, values.float())


def _each(layers, vectors, counts):
    """Every modality's vectors through the layer of its own: `(segments, hidden)` to `(segments, size)`."""
    parts = vectors.split(list(counts.values()))
    return torch.cat([layers[name](part) for name, part in zip(counts, parts, strict=True)])


class MultiMedLateFusion(nn.Module):
    """The mean over the modalities that are there: `y = 1/|P| sum_{m in P} v_m`."""

    def __init__(self, config):
        super().__init__()

    def forward(self, vectors, samples, counts, num_samples):
        """Fuses the vectors of modalities; all fusions take and give the same.

        Args:
            vectors: `(segments, hidden)`, modality after modality.
            samples: `(segments,)`, the sample that each belongs to; every sample has at least one.
            counts: modality name to its number of segments, in the order of `vectors`.
            num_samples: samples in the batch.

        Returns:
            `(samples, hidden)`.
        """
        present = torch.zeros(num_samples, device=samples.device).index_add(
            0, samples, torch.ones_like(samples).float()
        )
        return (_total(vectors, samples, num_samples) / present[:, None]).to(vectors.dtype)


class MultiMedBottleneckFusion(MultiMedLateFusion):
    """Modalities meet in a few bottleneck tokens only (Nagrani et al., NeurIPS 2021).

    From layer `fusion_layer` on, B = `fusion_tokens` tokens z join the sequence x_m of each modality:
    `[x_m | z_m] <- layer([x_m | z])`, then `z <- 1/|P| sum_{m in P} z_m`. In the end, the mean over modalities as in `late`.
    What a modality wrote is read by the others one layer later, so that it takes two layers at least.
    """

    def __init__(self, config):
        super().__init__(config)
        self.tokens = nn.Parameter(torch.zeros(config.fusion_tokens, config.hidden_size))

    def join(self, hidden_states, packing, segments):
        """Adds the bottleneck tokens to every sequence: packed `(tokens, hidden)` and its packing, as `segments` made it, to both
        with them.
        """
        every = torch.arange(len(packing.lengths), device=packing.lengths.device)
        tokens = self.tokens.to(hidden_states.dtype).repeat(len(every), 1)
        segments = [*segments, (every, torch.full_like(every, len(self.tokens)))]
        joined = Packing.of(len(every), segments, len(hidden_states) + len(tokens))
        return joined.pack(torch.cat([hidden_states.index_select(0, packing.index), tokens])), joined

    def exchange(self, hidden_states, joined, samples, num_samples):
        """Puts the mean over the sequences of a sample in place of their bottleneck tokens; `samples` `(sequences,)`."""
        places = joined.index[-len(samples) * len(self.tokens) :]
        written = hidden_states.index_select(0, places).view(len(samples), -1)
        mean = super().forward(written, samples, None, num_samples)
        return hidden_states.index_copy(0, places, mean.index_select(0, samples).view(len(places), -1))


class MultiMedGatedFusion(nn.Module):
    """Gated multimodal unit (Arevalo et al., ICLR 2017 workshop): `y = sum_{m in P} g_m * tanh(W_m v_m + b_m)`, the gates
    `g_m = softmax_{m in P}(V_m v_m + c_m)` for each feature on its own.

    For two modalities that is the bimodal unit of the paper, whose gate is `sigmoid(V [v_1, v_2])`, with V = [V_1, -V_2].
    """

    def __init__(self, config):
        super().__init__()
        size = config.hidden_size
        self.value = nn.ModuleDict({name: MultiMedUnitLinear(size, size) for name in config.modalities})
        self.gate = nn.ModuleDict({name: nn.Linear(size, size) for name in config.modalities})

    def forward(self, vectors, samples, counts, num_samples):
        """As [`MultiMedLateFusion`]."""
        values, gates = torch.tanh(_each(self.value, vectors, counts)), _each(self.gate, vectors, counts).float()
        index = samples[:, None].expand_as(gates)
        highest = gates.new_zeros(num_samples, gates.shape[1]).scatter_reduce(
            0, index, gates.detach(), "amax", include_self=False
        )
        weights = torch.exp(gates - highest.index_select(0, samples))
        mixed = _total(weights * values, samples, num_samples) / _total(weights, samples, num_samples)
        return mixed.to(vectors.dtype)


class MultiMedTensorFusion(nn.Module):
    """Tensor fusion (Zadeh et al., EMNLP 2017) up to pairs: a linear layer on the outer product of the vectors `[1, z_m]`,
    `z_m = tanh(P_m v_m + c_m)` of size d = `fusion_size`, of which the products of more than two modalities are left out:
    `y = b + sum_{m in P} U_m z_m + sum_{m < n in P} W_mn vec(z_m z_n^T)`.

    An absent modality is the vector [1, 0, ..., 0]: every product with its z is zero, and is not computed. For up to two
    modalities that is the whole tensor; for M it has `M (M - 1) / 2 * d^2` entries beside the single ones and not `(d + 1)^M`.
    """

    def __init__(self, config):
        super().__init__()
        names, hidden, size = config.modalities, config.hidden_size, config.fusion_size
        self.project = nn.ModuleDict({name: MultiMedUnitLinear(hidden, size) for name in names})
        self.single = nn.ModuleDict({name: MultiMedUnitLinear(size, hidden, bias=False) for name in names})
        self.pair = nn.ModuleDict(
            {f"{a}-{b}": MultiMedUnitLinear(size**2, hidden, bias=False) for a, b in combinations(names, 2)}
        )
        self.bias = nn.Parameter(torch.zeros(hidden))

    def forward(self, vectors, samples, counts, num_samples):
        """As [`MultiMedLateFusion`]."""
        names, numbers = list(counts), list(counts.values())
        z = torch.tanh(_each(self.project, vectors, counts))
        total = _total(_each(self.single, z, counts), samples, num_samples)
        # Row of each modality of each sample, -1 where absent; then all pairs that are there, pair after pair.
        kind = torch.repeat_interleave(torch.tensor(numbers, device=samples.device))
        rows = torch.full((len(names), num_samples), -1, device=samples.device)
        rows[kind, samples] = torch.arange(len(samples), device=samples.device)
        pairs = torch.combinations(torch.arange(len(names), device=samples.device))
        left, right = rows[pairs[:, 0]], rows[pairs[:, 1]]  # (pairs, samples)
        both = (left >= 0) & (right >= 0)
        product = (z[left[both]][:, :, None] * z[right[both]][:, None, :]).flatten(1)
        owners = both.nonzero()[:, 1]
        parts = zip(combinations(names, 2), product.split(both.sum(1).tolist()), strict=True)
        mixed = [self.pair[f"{a}-{b}"](part) for (a, b), part in parts if len(part)]
        if mixed:
            total = total + _total(torch.cat(mixed), owners, num_samples)
        return (total + self.bias.float()).to(vectors.dtype)


class MultiMedFactor(MultiMedUnitLinear):
    """A modality's factors of [`MultiMedLowRankFusion`]: biases start as ones, so that a product starts as nearly a sum."""


class MultiMedLowRankFusion(nn.Module):
    """Low-rank multimodal fusion (Liu et al., ACL 2018): tensor fusion of all orders, its weights factored by modality:
    `y = b + sum_r w_r prod_{m in P} (F_m^r v_m + f_m^r)`, the product for each feature on its own, `r` up to `fusion_rank`.

    Absent modalities have no factor. Products are taken in float32.
    """

    def __init__(self, config):
        super().__init__()
        self.rank = config.fusion_rank
        factors = {
            name: MultiMedFactor(config.hidden_size, self.rank * config.hidden_size) for name in config.modalities
        }
        self.factor = nn.ModuleDict(factors)
        self.weight = nn.Parameter(torch.full((self.rank,), 1.0 / self.rank))
        self.bias = nn.Parameter(torch.full((config.hidden_size,), -1.0))

    def forward(self, vectors, samples, counts, num_samples):
        """As [`MultiMedLateFusion`]."""
        product = torch.ones(num_samples, self.rank * vectors.shape[1], device=vectors.device)
        numbers = list(counts.values())
        parts = zip(counts, vectors.split(numbers), samples.split(numbers), strict=True)
        for name, part, own in parts:
            product = product.index_copy(0, own, product.index_select(0, own) * self.factor[name](part).float())
        summed = (product.view(num_samples, self.rank, -1) * self.weight.float()[:, None]).sum(1)
        return (summed + self.bias.float()).to(vectors.dtype)


FUSIONS = {
    "late": MultiMedLateFusion,
    "bottleneck": MultiMedBottleneckFusion,
    "tensor": MultiMedTensorFusion,
    "lowrank": MultiMedLowRankFusion,
    "gated": MultiMedGatedFusion,
}


def build_fusion(config):
    """The module that fuses the vectors of modalities; None for `early`, which fuses tokens."""
    return None if config.fusion == "early" else FUSIONS[config.fusion](config)
