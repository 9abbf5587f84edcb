"""What each modality adds to a prediction: the model reads any set of modalities, so presence is truly taken away."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import torch

from .explained import Explained, ask, empty_score, score
from .sample import PackedSample, undisturbed

MOST_FOR_SHAPLEY = 6
"""Modalities up to which all coalitions are asked: 63 for six."""


@dataclass(frozen=True)
class Contributions:
    """What modalities add to a number f; all in its unit.

    Attributes:
        explained: the number; `explained.value` is that of the whole sample, f(all).
        empty: f without any modality: what the head says to a vector of zeros, its bias. Of a head of regression that is the
            mean of its training targets, but for what the bias learnt; it is near the prior of a class, not the prior.
        alone: modality to f of that modality alone.
        leave_one_out: modality to f(all) - f(all but this one).
        shapley: modality to its Shapley value; they sum to f(all) - f(none). None beyond `MOST_FOR_SHAPLEY` modalities.
    """

    explained: Explained
    empty: float
    alone: dict[str, float]
    leave_one_out: dict[str, float]
    shapley: dict[str, float] | None


def contributions(
    model: Any,
    processor: Any,
    inputs: Mapping[str, Sequence[Any]],
    task: str,
    target: str | int | None = None,
    batch_size: int = 16,
) -> Contributions:
    """What each modality of a sample adds to one number of one task.

    Shapley values (Shapley, 1953; for models: Covert et al., JMLR 2021) are the mean of what a modality adds over all orders
    in which modalities can come: `phi_m = sum_{S without m} |S|! (M - |S| - 1)! / M! (f(S and m) - f(S))`.

    Args:
        model: a `MultiMedForMultitask`; left as it was.
        processor: its processor.
        inputs: what the processor takes, for one sample: modality name, or "choices", to a list of one value.
        task: name of the head.
        target: label, candidate answer or target of regression, by name or number. None for the label of the highest logit,
            for regression the target that lies farthest from its training mean; ordinal and survival have one number.
        batch_size: copies of the sample in one batch.

    Raises:
        ValueError: more samples than one, a modality that the model does not read, no such head or target, or a head of
            which no single number can be explained: structures, and answers that are written word by word.
    """
    sample = PackedSample.of(model, processor, inputs)
    names = tuple(sample.modalities)
    every = range(1, len(names) + 1) if len(names) <= MOST_FOR_SHAPLEY else {1, len(names) - 1, len(names)}
    coalitions = [frozenset(part) for size in every for part in combinations(names, size)]
    with undisturbed(model) as ready, torch.no_grad():
        explained = ask(ready, sample, task, target)
        values = {frozenset[str](): empty_score(ready, sample, explained)}
        for start in range(0, len(coalitions), batch_size):
            chunk = coalitions[start : start + batch_size]
            values |= zip(chunk, score(ready, sample.copies(chunk), explained).tolist(), strict=True)
    whole = frozenset(names)
    return Contributions(
        explained=explained,
        empty=values[frozenset()],
        alone={name: values[frozenset([name])] for name in names},
        leave_one_out={name: values[whole] - values[whole - {name}] for name in names},
        shapley=shapley_values(names, values) if len(names) <= MOST_FOR_SHAPLEY else None,
    )


def shapley_values(players: Sequence[str], values: Mapping[frozenset[str], float]) -> dict[str, float]:
    """The Shapley value of each player.

    Args:
        players: the players.
        values: every coalition, the empty one included, to its worth.
    """
    total = len(players)
    shares = dict.fromkeys(players, 0.0)
    for player in players:
        others = [other for other in players if other != player]
        for size in range(total):
            weight = math.factorial(size) * math.factorial(total - size - 1) / math.factorial(total)
            for part in map(frozenset, combinations(others, size)):
                shares[player] += weight * (values[part | {player}] - values[part])
    return shares
