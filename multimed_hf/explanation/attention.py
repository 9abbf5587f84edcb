"""Where the sample's vector comes from along the paths of attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from .sample import PackedSample, undisturbed


def attention_shares(model: Any, processor: Any, inputs: Mapping[str, Sequence[Any]]) -> dict[str, float]:
    """Share of each modality in a sample's vector by attention rollout (Abnar and Zuidema, ACL 2020); they sum to 1.

    The rollout of layers l is the product of `(A_l + I) / 2`, A_l the mean over heads: what each last token takes from each
    first one. The pooler adds up three parts, each of which weighs the first tokens: their own mean, evenly; the mean of the
    last tokens, by the mean of their rows; the maximum of the last tokens, by the row of the token that has the maximum,
    averaged over features. The parts are weighed by the norms of what they put into the vector (after Kobayashi et al.,
    EMNLP 2020). Summary tokens, which are no input, are left out.

    Shares say where information may come from, not whether it is for or against an answer, nor whether the answer would
    change: they know no task. A modality of many tokens has a large share even where nothing depends on it.

    Args:
        model: a `MultiMedForMultitask` with early fusion; left as it was.
        processor: its processor.
        inputs: what the processor takes, for one sample.

    Raises:
        ValueError: another fusion, in which attention does not cross from one modality to another.
    """
    if model.config.fusion != "early":
        raise ValueError(
            f"Expected early fusion, got {model.config.fusion!r}, in which attention stays within modalities and says "
            "nothing of their shares: take `contributions`."
        )
    sample = PackedSample.of(model, processor, inputs)
    arguments = sample.copies([sample.modalities])
    with undisturbed(model, eager=True) as ready, torch.no_grad():
        backbone = ready.multimed
        output = backbone(
            arguments["sample_ids"], arguments["inputs"], output_attentions=True, output_hidden_states=True
        )
        rollout = rollout_of([layer[0] for layer in output.attentions])
        weights = _pooled(backbone.pooler.mix, output.hidden_states[0], output.last_hidden_state, rollout)
    mass = {name: float(weights[places].sum()) for name, places in output.token_index.items()}
    return {name: each / sum(mass.values()) for name, each in mass.items()}


def rollout_of(attentions: Sequence[torch.Tensor]) -> torch.Tensor:
    """What each last token takes from each first one, `(length, length)` with rows that sum to 1.

    Args:
        attentions: weights of each layer, `(heads, length, length)`.
    """
    identity = torch.eye(attentions[0].shape[-1], device=attentions[0].device)
    rollout = identity
    for weights in attentions:
        rollout = (weights.float().mean(0) + identity) / 2 @ rollout
    return rollout


def _pooled(mix: Any, first: torch.Tensor, last: torch.Tensor, rollout: torch.Tensor) -> torch.Tensor:
    """Weight of each first token in the sample's vector, `(length,)`; see `MultiMedPooler` for its three parts."""
    of_mean, of_max = mix.weight.split(last.shape[1], dim=1)
    highest, token = last.max(0)
    parts = [
        (first.mean(0), torch.full_like(rollout[0], 1 / len(rollout))),
        (of_mean @ last.mean(0), rollout.mean(0)),
        (of_max @ highest, rollout[token].mean(0)),
    ]
    norms = torch.stack([vector.norm() for vector, _ in parts])
    weights = torch.stack([each for _, each in parts])
    return (norms / norms.sum()) @ weights
