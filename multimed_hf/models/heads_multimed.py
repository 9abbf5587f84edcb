"""Heads: from a sample's vector, or a chain's residues, to the target of a task. Each knows its own loss."""

import torch
from torch import nn

from .chain_multimed import build_chain, frame_aligned_error, orientation_error
from .survival_multimed import MultiMedSurvivalHead

IGNORE = -100
"""Label of a sample that a task does not ask; NaN does the same for regression and survival."""

THRESHOLD_RATE = 10.0
"""How much faster the thresholds of ordered labels learn than weights do."""

RESOLVED = 4
"""Residues that a chain must have resolved to ask for its structure: fewer fix none."""


class MultiMedClassHead(nn.Module):
    """One of several labels. Logits `(batch, labels)`; labels `(batch,)` int64."""

    def __init__(self, config, task):
        super().__init__()
        self.dropout = nn.Dropout(config.head_dropout)
        self.out = nn.Linear(config.hidden_size, len(task["labels"]))

    def forward(self, pooled):
        return self.out(self.dropout(pooled))

    def loss(self, logits, labels):
        """Cross-entropy of each sample `(batch,)`, zero where the label is absent."""
        return nn.functional.cross_entropy(logits.float(), labels, ignore_index=IGNORE, reduction="none")


class MultiMedLabelsHead(MultiMedClassHead):
    """Any of several labels. Logits `(batch, labels)`; labels `(batch, labels)` float, 0, 1 or -100 for unknown."""

    def loss(self, logits, labels):
        """Binary cross-entropy of each sample, averaged over its known labels `(batch,)`."""
        known = labels != IGNORE
        each = nn.functional.binary_cross_entropy_with_logits(
            logits.float(), labels.float().clamp(0, 1), reduction="none"
        )
        return (each * known).sum(1) / known.sum(1).clamp(min=1)


class MultiMedThresholds(nn.Linear):
    """Thresholds of ordered labels, in units of 1 / THRESHOLD_RATE, and their initial weights too.

    An optimizer such as Adam moves every weight by the same step. A score sums up many, a threshold is one, and the many of
    bone age would stay where they started, so close that no age between two becomes likely.
    """


class MultiMedOrdinalHead(nn.Module):
    """Ordered labels by a cumulative link, proportional odds (McCullagh, 1980): `P(y > k) = sigmoid(score - threshold_k)`.

    One score `w x` for all thresholds, which ascend whatever the weights: each is the one before and a softplus. Logits
    `(batch, labels)` are log probabilities, so that softmax gives the probabilities; labels `(batch,)` int64.
    """

    def __init__(self, config, task):
        super().__init__()
        self.dropout = nn.Dropout(config.head_dropout)
        self.out = nn.Linear(config.hidden_size, 1, bias=False)
        # First threshold, then the logs of the distances to the next ones; initial weights give evenly spread thresholds.
        self.thresholds = MultiMedThresholds(1, len(task["labels"]) - 1)

    def forward(self, pooled):
        raw = THRESHOLD_RATE * (self.thresholds.bias + self.thresholds.weight[:, 0]).float()
        # No less than what single precision tells apart: at a step of 0 a label would be impossible.
        steps = nn.functional.softplus(raw[1:] + 0.5).clamp(min=1e-6)
        thresholds = torch.cumsum(torch.cat([raw[:1], steps]), 0) - steps.sum() / 2
        distance = self.out(self.dropout(pooled)).float() - thresholds  # (batch, labels - 1)
        above, below = nn.functional.logsigmoid(distance), nn.functional.logsigmoid(-distance)
        # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)): in logs, so that a label far off keeps a gradient.
        between = above[:, :-1] + below[:, 1:] + torch.log(-torch.expm1(-steps))
        return torch.cat([below[:, :1], between, above[:, -1:]], 1)

    def loss(self, logits, labels):
        """Negative log likelihood of each sample `(batch,)`."""
        return nn.functional.nll_loss(logits.float(), labels, ignore_index=IGNORE, reduction="none")


class MultiMedUnitLinear(nn.Linear):
    """A linear layer whose initial weights keep the variance of its inputs: their standard deviation is `in_features**-0.5`."""


class MultiMedRegressionHead(nn.Module):
    """A vector of numbers, in the units of the data. Logits and labels `(batch, targets)`, NaN where not measured.

    With a `rank` r the weights are the product of `(targets, r)` and `(r, hidden)`: of 20,000 genes at a width of 128, a
    rank of 16 takes 342,048 parameters instead of 2,580,000. Of many targets a forward may compute a part only.

    Mean and scale of the training targets are kept with the weights: set them with
    `model.set_target_statistics(name, mean, scale)`.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, config, task):
        super().__init__()
        size, rank = int(task["num_targets"]), task.get("rank")
        self.dropout = nn.Dropout(config.head_dropout)
        # Small weights twice over would leave the first steps next to no gradient.
        self.factors = MultiMedUnitLinear(config.hidden_size, rank, bias=False) if rank else None
        self.out = nn.Linear(rank or config.hidden_size, size)
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))

    def forward(self, pooled, asked=None):
        """`pooled` `(batch, hidden)`; `asked` `(targets asked,)` int64, of which alone logits are then computed."""
        pooled = self.dropout(pooled)
        if self.factors is not None:
            pooled = self.factors(pooled)
        if asked is None:
            return self.out(pooled).float() * self.scale.float() + self.mean.float()
        values = nn.functional.linear(pooled, self.out.weight[asked], self.out.bias[asked])
        return values.float() * self.scale[asked].float() + self.mean[asked].float()

    def loss(self, logits, labels, asked=None):
        """Squared error in units of the training variance, averaged over the measured targets of each sample `(batch,)`."""
        if logits.shape != labels.shape:
            raise ValueError(
                f"Expected regression labels of shape {tuple(logits.shape)}, as the logits, got {tuple(labels.shape)}; give "
                "a column for each target that is asked."
            )
        known = ~torch.isnan(labels)
        scale = self.scale if asked is None else self.scale[asked]
        error = (logits - torch.where(known, labels, logits).float()) / scale.float()
        return error.square().sum(1) / known.sum(1).clamp(min=1)


class MultiMedStructureHead(nn.Module):
    """Backbones of chains. Logits `(batch, longest chain, 3, 3)`, N, C-alpha and C in angstrom, zero beyond a chain's end and
    for samples without one; labels `{"backbone": (batch, longest chain, 3, 3), "resolved": (batch, longest chain)}`, where 1
    is a resolved residue and 0, or -100 beyond the end, is none.
    """

    def __init__(self, config, task):
        super().__init__()
        # Orientations are normalised: from outputs near zero they would be all noise and their gradients immense.
        self.mix = MultiMedUnitLinear(config.hidden_size, config.hidden_size)
        self.out = MultiMedUnitLinear(config.hidden_size, 6)

    def forward(self, pooled, residues=None, lengths=None, samples=None):
        """`pooled` `(batch, hidden)`; of all chains end to end `residues` `(residues, hidden)`, `lengths` `(chains,)` and the
        sample that each belongs to, `samples` `(chains,)`; None without protein.
        """
        if residues is None:
            return pooled.new_zeros(len(pooled), 0, 3, 3)
        six = self.out(nn.functional.gelu(self.mix(residues)))
        # Half precision is too coarse for coordinates: a chain is hundreds of angstrom long.
        with torch.autocast(six.device.type, enabled=False):
            chains = [build_chain(part) for part in torch.split(six.float(), lengths.tolist())]
            padded = nn.utils.rnn.pad_sequence(chains, batch_first=True)  # (chains, longest chain, 3, 3)
            return padded.new_zeros(len(pooled), *padded.shape[1:]).index_copy(0, samples, padded)

    def loss(self, logits, labels):
        """Frame-aligned point error and four times the orientation error of each chain `(batch,)`; zero where not asked."""
        if logits.shape != labels["backbone"].shape:
            raise ValueError(
                f"Expected backbones of shape {tuple(logits.shape)}, as the chains of the batch are long, got "
                f"{tuple(labels['backbone'].shape)}; make labels of the same sequences, every residue counted."
            )
        asked = is_present("structure", labels).tolist()
        losses = []
        with torch.autocast(logits.device.type, enabled=False):
            chains = zip(asked, logits, labels["backbone"], labels["resolved"] == 1, strict=True)
            for ask, prediction, reference, resolved in chains:
                chain = prediction.float(), reference.float(), resolved
                # Distances place parts that gaps separate; orientations, with a gradient for every unit, fold the chain.
                error = frame_aligned_error(*chain) + 4 * orientation_error(*chain) if ask else logits.new_zeros(())
                losses.append(error)
        return torch.stack(losses)


class MultiMedAnswerHead(nn.Module):
    """The best of each sample's candidate answers. Logits `(batch, most candidates)`, the lowest float where a sample has
    fewer; labels `(batch,)` int64 index of the right candidate.
    """

    def __init__(self, config, task):
        super().__init__()
        self.dropout = nn.Dropout(config.head_dropout)
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, pooled, candidates=None, index=None):
        """`candidates` `(distinct candidates, hidden)`, `index` `(batch, most candidates)` into them, -1 for none; None without
        choices.
        """
        if candidates is None:
            return pooled.new_zeros(len(pooled), 0)
        scores = self.query(self.dropout(pooled)) @ self.key(candidates).T / pooled.shape[-1] ** 0.5
        chosen = scores.float().gather(1, index.clamp(min=0))
        return chosen.masked_fill(index < 0, torch.finfo(torch.float32).min)

    def loss(self, logits, labels):
        """Cross-entropy over the candidates of each sample `(batch,)`."""
        return nn.functional.cross_entropy(logits, labels, ignore_index=IGNORE, reduction="none")


HEADS = {
    "single_label": MultiMedClassHead,
    "multi_label": MultiMedLabelsHead,
    "ordinal": MultiMedOrdinalHead,
    "regression": MultiMedRegressionHead,
    "structure": MultiMedStructureHead,
    "answer": MultiMedAnswerHead,
    "survival": MultiMedSurvivalHead,
}
"""Kind of a task to its head, unless its entry names another `head`."""


def is_present(kind, labels):
    """Which samples `(batch,)` ask this task; `labels` as the head of `kind` takes them."""
    if kind == "structure":
        return (labels["resolved"] == 1).sum(1) >= RESOLVED
    if kind == "regression":
        return (~torch.isnan(labels)).any(1)
    if kind == "survival":
        return ~torch.isnan(labels).any(1)
    # Of several labels a sample, as of the tokens of an answer, one will do.
    return labels != IGNORE if labels.dim() == 1 else (labels != IGNORE).any(1)
