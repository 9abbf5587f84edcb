"""How losses become one: weights against their formulas, what is learnt, and that nobody's absence counts."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers import AutoModel

from multimed_hf.models.balancing_multimed import (
    MultiMedDynamicBalancing,
    MultiMedFixedBalancing,
    MultiMedLossHistory,
    MultiMedUncertaintyBalancing,
)

TASKS = [
    {"name": "a/class", "kind": "single_label"},
    {"name": "b/value", "kind": "regression", "weight": 3.0},
    {"name": "c/class", "kind": "ordinal", "weight": 0.5},
]
LOSSES = {
    "a/class": torch.tensor([1.0, 2.0, 4.0]),
    "b/value": torch.tensor([0.25]),
    "c/class": torch.tensor([2.0, 6.0]),
}
KINDS = ["single_label", "regression", "ordinal", "survival"]


def balancing(kind, window=2):
    return kind(SimpleNamespace(tasks=TASKS, loss_balancing_window=window))


def test_fixed_is_a_weighted_sum():
    assert balancing(MultiMedFixedBalancing)(LOSSES).item() == 7 + 3 * 0.25 + 0.5 * 8
    assert not list(balancing(MultiMedFixedBalancing).state_dict())


def test_uncertainty_is_that_of_kendall():
    module = balancing(MultiMedUncertaintyBalancing)
    sigmas = {"a/class": 2.0, "b/value": 0.5, "c/class": 1.0}
    for name, sigma in sigmas.items():
        torch.nn.init.constant_(module.tasks[name].log_variance, math.log(sigma**2))
    expected = (7 / 2**2 + 3 * math.log(2)) + 3 * (0.25 / (2 * 0.5**2) + math.log(0.5)) + 0.5 * 8
    assert module(LOSSES).item() == pytest.approx(expected, rel=1e-6)


def test_regression_is_a_gaussian_likelihood():
    """Up to the constant log(sqrt(2 pi))."""
    module = balancing(MultiMedUncertaintyBalancing)
    module.weights["b/value"] = 1.0
    torch.nn.init.constant_(module.tasks["b/value"].log_variance, math.log(1.7**2))
    error = torch.tensor([0.3, -2.0])
    density = torch.distributions.Normal(0.0, 1.7).log_prob(error).sum() + math.log(2 * math.pi)
    assert module({"b/value": error.square()}).item() == pytest.approx(-density.item(), rel=1e-5)


def test_uncertainties_settle_where_losses_say():
    module = balancing(MultiMedUncertaintyBalancing)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.05)
    for _ in range(500):
        optimizer.zero_grad()
        module(LOSSES).backward()
        optimizer.step()
    variance = {name: task.log_variance.exp().item() for name, task in module.tasks.items()}
    # The minimum of L exp(-s) + s / 2 is at 2 L, that of half the first term at L.
    assert variance == pytest.approx({"a/class": 2 * 7 / 3, "b/value": 0.25, "c/class": 8.0}, rel=1e-3)


@pytest.mark.parametrize("kind", [MultiMedFixedBalancing, MultiMedUncertaintyBalancing, MultiMedDynamicBalancing])
def test_a_task_nobody_asks_has_no_influence(kind):
    asked = {name: each.clone().requires_grad_() for name, each in LOSSES.items() if name != "b/value"}
    module = balancing(kind)
    for _ in range(5):
        module({"b/value": torch.rand(3) * 100})
    total = module(asked)
    total.backward()
    other = balancing(kind)
    assert other(asked).item() == total.item()
    assert all(parameter.grad is None for name, parameter in module.named_parameters() if "b/value" in name)
    assert not module({})


def dynamic_weights(histories, window):
    """Of Liu et al., from all batch losses so far: task name to weight."""
    ratios = {}
    for name, losses in histories.items():
        windows = [np.mean(losses[i : i + window]) for i in range(0, len(losses) - window + 1, window)]
        ratios[name] = windows[-1] / windows[-2] if len(windows) > 1 else 1.0
    total = sum(np.exp(ratio / 2) for ratio in ratios.values())
    return {name: len(ratios) * np.exp(ratio / 2) / total for name, ratio in ratios.items()}


@pytest.mark.parametrize("window", [1, 2, 3])
def test_dynamic_weights_are_those_of_liu(window):
    rng = np.random.default_rng(0)
    module = balancing(MultiMedDynamicBalancing, window).train()
    histories = {name: [] for name in LOSSES}
    for step in range(14):
        names = ["a/class", "c/class"] if step % 3 == 1 else list(LOSSES)
        losses = {name: torch.from_numpy(rng.exponential(size=rng.integers(1, 5)) + 0.1).float() for name in names}
        weights = dynamic_weights({name: histories[name] for name in names}, window)
        expected = sum(module.weights[name] * weights[name] * losses[name].sum().item() for name in names)
        assert module(losses).item() == pytest.approx(expected, rel=1e-4)
        for name in names:
            histories[name].append(losses[name].mean().item())


def test_a_loss_that_overflowed_is_forgotten():
    history = MultiMedLossHistory(1)
    for loss in (float("inf"), 2.0, 1.0):
        history.update(torch.tensor(loss))
    assert history.ratio().tolist() == [0.5]


def test_dynamic_weights_keep_still_in_evaluation():
    module = balancing(MultiMedDynamicBalancing, 1)
    for scale in (1.0, 3.0):
        module({name: each * (scale if name == "a/class" else 1.0) for name, each in LOSSES.items()})
    state = {name: each.clone() for name, each in module.state_dict().items()}
    module.eval()
    assert module(LOSSES).item() != balancing(MultiMedFixedBalancing)(LOSSES).item()
    module(LOSSES)
    assert all(torch.equal(each, state[name]) for name, each in module.state_dict().items())


def model_of(tester, balancing, window=2):
    return tester.model(tester.config(["text", "scrna"], KINDS, loss_balancing=balancing, loss_balancing_window=window))


@pytest.mark.parametrize("balancing", ["uncertainty", "dynamic"])
def test_state_is_saved_and_loaded(tester, tmp_path, balancing):
    samples = tester.samples(["text", "scrna"])
    model = model_of(tester, balancing).train()
    batch, labels = tester.batch(samples), tester.labels(model.config, samples)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(5):
        optimizer.zero_grad()
        model(**batch, labels=labels).loss.backward()
        optimizer.step()
    model.eval().save_pretrained(tmp_path)
    loaded = AutoModel.from_pretrained(tmp_path)
    kept = loaded.heads.balancing.state_dict()
    assert kept.keys() == model.heads.balancing.state_dict().keys() and len(kept) >= len(KINDS)
    assert all(torch.equal(each, kept[name]) for name, each in model.heads.balancing.state_dict().items())
    assert all(each.any() for name, each in kept.items() if name.endswith(("recent", "before", "log_variance")))
    one, other = (each(**batch, labels=labels).loss.item() for each in (model, loaded))
    assert one == pytest.approx(other, abs=1e-6)


@pytest.mark.parametrize("balancing", ["uncertainty", "dynamic"])
def test_a_checkpoint_with_fixed_weights_can_go_on(tester, tmp_path, balancing):
    """The state that it lacks starts as that of a new model."""
    model_of(tester, "fixed").save_pretrained(tmp_path)
    config = tester.config(["text", "scrna"], KINDS, loss_balancing=balancing)
    for size in (1, 4):
        del [torch.full((size,), 1e9) for _ in range(500)][:]
    state = AutoModel.from_pretrained(tmp_path, config=config).heads.balancing.state_dict()
    assert len(state) >= len(KINDS) and not any(each.any() for each in state.values())


def test_samples_and_not_tasks_are_averaged(tester):
    """The total of a batch of which half the samples ask nothing is half the total."""
    samples = tester.samples(["scrna"])
    model = model_of(tester, "uncertainty")
    name = "cell_type/ten"
    labels = {name: torch.tensor([0, 1, 2, 1])[: len(samples)]}
    batch, twice = tester.batch(samples), tester.batch(samples * 2)
    absent = {name: torch.cat([labels[name], torch.full_like(labels[name], -100)])}
    whole, half = model(**batch, labels=labels), model(**twice, labels=absent)
    assert half.loss.item() == pytest.approx(whole.loss.item() / 2, rel=1e-4)
    assert half.losses[name].item() == pytest.approx(whole.losses[name].item(), rel=1e-4)
