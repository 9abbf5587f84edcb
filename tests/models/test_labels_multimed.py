"""Labels that no head can learn from are refused, with what was expected and what came; those that it can are not."""

from __future__ import annotations

import pytest
import torch

from .conftest import TASKS, VARIANTS

NAMES = ["text", "protein"]
ALL = {**TASKS, **VARIANTS}


@pytest.fixture(scope="module")
def setting(tester):
    """A model with heads of every form, a batch with choices, and right labels."""
    model = tester.model(tester.config(NAMES, tuple(ALL)))
    samples = tester.samples(NAMES)
    batch = tester.batch(samples, [["yes", "no"]] * len(samples))
    labels = tester.labels(model.config, samples)
    labels["question/pubmedqa"] = labels["question/pubmedqa"].clamp(max=1)
    return model, batch, labels


def changed(labels, place, value):
    labels = labels.clone()
    labels[place] = value
    return labels


def structure(**parts):
    return lambda labels: {**labels, **{name: change(labels[name]) for name, change in parts.items()}}


WRONG = [
    ("single_label", lambda labels: labels.float(), "as a tensor of int64, got torch.float32"),
    ("single_label", lambda labels: labels.tolist(), "as a tensor of int64, got list"),
    ("single_label", lambda labels: labels[:-1], r"of shape \(5,\), got \(4,\)"),
    ("single_label", lambda labels: labels[:, None], r"of shape \(5,\), got \(5, 1\)"),
    ("single_label", lambda labels: changed(labels, 1, 3), "of 0 to 2, or -100 where not asked, got others"),
    ("single_label", lambda labels: changed(labels, 1, -1), "of 0 to 2, or -100"),
    ("label_text", lambda labels: changed(labels, 0, 2), "of 0 to 1, or -100"),
    ("ordinal", lambda labels: changed(labels, 0, 5), "of 0 to 4, or -100"),
    ("ordinal", lambda labels: labels / 2, "as a tensor of int64"),
    ("answer", lambda labels: changed(labels, 0, 2), "of 0 to 1, or -100"),
    ("decoder", lambda labels: labels[:, 0], r"of shape \(5, 'answer tokens'\), got \(5,\)"),
    ("decoder", lambda labels: labels[:-1], r"of shape \(5, \d\), got \(4, \d\)"),
    ("decoder", lambda labels: changed(labels, (0, 0), 10_000), "or -100 where not asked, got others"),
    ("multi_label", lambda labels: labels[:, :3], r"of shape \(5, 4\), got \(5, 3\)"),
    ("multi_label", lambda labels: labels[:, 0], r"of shape \(5, 4\), got \(5,\)"),
    ("multi_label", lambda labels: changed(labels, (0, 0), 2.0), "of 0 to 1, or -100 for unknown, got others"),
    ("multi_label", lambda labels: changed(labels, (0, 0), torch.nan), "of 0 to 1, or -100"),
    ("label_texts", lambda labels: changed(labels, (1, 0), -1.0), "of 0 to 1, or -100"),
    ("regression", lambda labels: labels[:, 0], r"of shape \(5, 3\), got \(5,\)"),
    ("regression", lambda labels: labels[:, :2], r"regression labels of shape \(5, 3\), as the logits, got \(5, 2\)"),
    ("regression", lambda labels: changed(labels, (0, 0), torch.inf), "of finite numbers, or NaN where not measured"),
    ("survival", lambda labels: labels[:, :1], r"of shape \(5, 2\), got \(5, 1\)"),
    ("survival", lambda labels: changed(labels, (0, 0), -3.0), "a finite time and event of at least 0"),
    ("survival", lambda labels: changed(labels, (0, 0), torch.inf), "a finite time"),
    ("structure", lambda labels: labels["backbone"], "as a dict with backbone and resolved, got Tensor"),
    ("structure", lambda labels: {"backbone": labels["backbone"]}, r"got \['backbone'\]"),
    ("structure", structure(resolved=lambda values: values[:, 1:]), r"`resolved` of .* of shape \(5, longest chain\)"),
    ("structure", structure(backbone=lambda values: values * torch.nan), "of finite coordinates of resolved residues"),
]


@pytest.mark.parametrize(
    ("kind", "change", "message"), WRONG, ids=[f"{kind}-{n}" for n, (kind, *_) in enumerate(WRONG)]
)
def test_wrong_labels_are_refused(setting, kind, change, message):
    model, batch, labels = setting
    name = ALL[kind]["name"]
    model(**batch, labels={name: labels[name]})
    with pytest.raises(ValueError, match=message) as error:
        model(**batch, labels={name: change(labels[name])})
    assert "Expected" in str(error.value) and "got" in str(error.value)


def test_labels_that_nobody_asks_are_no_mistake(setting):
    model, batch, labels = setting
    absent = {
        name: {**value, "resolved": torch.full_like(value["resolved"], -100)}
        if isinstance(value, dict)
        else torch.full_like(value, torch.nan)
        if name in ("expression/pbmc", "expression/genes", "prognosis/two")
        else torch.full_like(value, -100)
        for name, value in labels.items()
    }
    output = model(**batch, labels=absent)
    assert output.losses == {} and output.loss == 0.0
    # What is not resolved need not be a number.
    backbone = labels["structure/backbone"]["backbone"].clone()
    backbone[labels["structure/backbone"]["resolved"] != 1] = torch.nan
    loss = model(**batch, labels={"structure/backbone": {**labels["structure/backbone"], "backbone": backbone}}).loss
    assert loss.isfinite()
