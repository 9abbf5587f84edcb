"""Cox's partial likelihood, against its definition written out and against scikit-survival."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.linear_model.coxph import CoxPHOptimizer

from multimed_hf.models.heads_multimed import is_present
from multimed_hf.models.survival_multimed import MultiMedSurvivalHead, cox_losses

TIES = ["efron", "breslow"]
NAN = float("nan")


def outcomes(size, seed, distinct):
    """Log risks, times among few values, and events."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=size) * 2, rng.integers(1, distinct + 1, size) * 30.0, rng.random(size) < 0.6


def losses(risk, time, event, ties):
    return cox_losses(*(torch.from_numpy(part) for part in (risk, time, event)), ties)


def definition(risk, time, event, ties):
    """Time by time, event by event, as the papers have it."""
    total = 0.0
    for at in np.unique(time[event]):
        tied = np.flatnonzero((time == at) & event)
        at_risk = np.exp(risk[time >= at]).sum()
        for place, row in enumerate(tied):
            gone = place / len(tied) * np.exp(risk[tied]).sum() if ties == "efron" else 0.0
            total += np.log(at_risk - gone) - risk[row]
    return total


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("distinct", [3, 10, 1000])
def test_loss_is_the_negative_log_partial_likelihood(ties, distinct):
    risk, time, event = outcomes(40, distinct, distinct)
    found = losses(risk, time, event, ties)
    assert found.dtype == torch.float32 and not found[~torch.from_numpy(event)].any()
    assert found.sum().item() == pytest.approx(definition(risk, time, event, ties), rel=1e-5)
    theirs = CoxPHOptimizer(risk[:, None], event, time, np.zeros(1), ties).nlog_likelihood(np.ones(1))
    assert found.mean().item() == pytest.approx(theirs, rel=1e-5)


def test_treatments_of_ties_differ_only_with_ties():
    risk, time, event = outcomes(40, 0, 5)
    assert losses(risk, time, event, "efron").sum() < losses(risk, time, event, "breslow").sum() - 1
    time = np.random.default_rng(0).permutation(40).astype(float)
    torch.testing.assert_close(losses(risk, time, event, "efron"), losses(risk, time, event, "breslow"))


@pytest.mark.parametrize("ties", TIES)
def test_gradient_vanishes_where_scikit_survival_ends(ties):
    """Its coefficients are the maximum of the same likelihood."""
    rng = np.random.default_rng(1)
    features = rng.normal(size=(80, 3))
    time = np.ceil(rng.exponential(size=80) * np.exp(-features @ [1.0, -0.5, 0.0]) * 5)
    event = rng.random(80) < 0.7
    outcome = np.array(list(zip(event, time, strict=True)), dtype=[("event", bool), ("time", float)])
    fitted = CoxPHSurvivalAnalysis(ties=ties, tol=1e-12).fit(features, outcome)
    weights = torch.tensor(fitted.coef_, dtype=torch.float32, requires_grad=True)
    risk = torch.from_numpy(features).float() @ weights
    cox_losses(risk, torch.from_numpy(time), torch.from_numpy(event), ties).mean().backward()
    assert weights.grad.abs().max() < 1e-5
    assert fitted.coef_[0] > 0.5


@pytest.mark.parametrize("ties", TIES)
def test_order_and_level_do_not_count(ties):
    risk, time, event = outcomes(30, 3, 6)
    total = losses(risk, time, event, ties).sum().item()
    order = np.random.default_rng(0).permutation(30)
    assert losses(risk[order], time[order], event[order], ties).sum().item() == pytest.approx(total, rel=1e-5)
    assert losses(risk + 7.0, time * 0.1, event, ties).sum().item() == pytest.approx(total, rel=1e-5)


def test_extreme_risks_stay_finite():
    risk = torch.tensor([300.0, -300.0, 0.0], requires_grad=True)
    cox_losses(risk, torch.tensor([3.0, 1.0, 1.0]), torch.tensor([True, True, True])).sum().backward()
    assert torch.isfinite(risk.grad).all()


@pytest.mark.parametrize("ties", TIES)
def test_absent_rows_are_in_no_risk_set(tester, ties):
    """What the batch holds for other tasks changes neither loss nor gradient."""
    head = MultiMedSurvivalHead(tester.config(), {"ties": ties}).eval()
    risk, time, event = outcomes(12, 5, 4)
    asked = torch.arange(12) % 3 != 1
    labels = torch.from_numpy(np.stack([time, event], 1)).float()
    labels[~asked] = NAN
    labels[1] = torch.tensor([5.0, NAN])
    logits = torch.from_numpy(risk).float()[:, None].requires_grad_()
    found = head.loss(logits, labels)
    alone = head.loss(logits.detach()[asked], labels[asked])
    torch.testing.assert_close(found[asked], alone)
    assert alone.sum() > 0 and not found[~asked].any()
    found.sum().backward()
    assert torch.isfinite(logits.grad).all() and not logits.grad[~asked].any()
    assert torch.equal(is_present("survival", labels), asked)


def test_logits_are_log_risks(tester):
    head = MultiMedSurvivalHead(tester.config(), {}).eval()
    pooled = torch.randn(5, tester.config().hidden_size)
    assert head(pooled).shape == (5, 1)
    assert not head(torch.zeros_like(pooled)).any()
    assert head.loss(head(pooled), torch.full((5, 2), NAN)).tolist() == [0.0] * 5
