"""Shares of attention: they sum to one, follow the product of the layers, and want early fusion."""

import numpy as np
import pytest
import torch

from multimed_hf.explanation import attention_shares
from multimed_hf.explanation.attention import rollout_of
from multimed_hf.models.configuration_multimed import MODALITIES


def test_shares_sum_to_one(tester, columns):
    model, inputs = tester.model(tester.config(MODALITIES, ["single_label"])), columns(MODALITIES)
    shares = attention_shares(model, tester.processor, inputs)
    assert list(shares) == MODALITIES and sum(shares.values()) == pytest.approx(1)
    assert all(share > 0 for share in shares.values())
    assert attention_shares(model, tester.processor, {"eeg": inputs["eeg"]}) == {"eeg": pytest.approx(1)}


def test_rollout_is_the_product_of_the_layers():
    rng = np.random.default_rng(0)
    layers = rng.dirichlet(np.ones(4), size=(3, 2, 4))
    found = rollout_of([torch.from_numpy(layer) for layer in layers]).numpy()
    mixed = [(layer.mean(0) + np.eye(4)) / 2 for layer in layers]
    np.testing.assert_allclose(found, mixed[2] @ mixed[1] @ mixed[0], rtol=1e-6)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-6)


def test_without_layers_that_add_shares_are_numbers_of_tokens(tester, columns, linear):
    model, inputs = linear(["text", "protein"]), columns(["text", "protein"])
    model.multimed.summary.data.fill_(1.0)
    counts = {
        name: int(tester.processor(**{name: inputs[name]})["inputs"][name]["lengths"])
        for name in inputs
        if name != "choices"
    }
    expected = {name: count / sum(counts.values()) for name, count in counts.items()}
    assert attention_shares(model, tester.processor, inputs) == pytest.approx(expected)


def test_other_fusions_are_refused(tester, columns):
    model = tester.model(tester.config(["text", "eeg"], ["single_label"], fusion="late"))
    with pytest.raises(ValueError, match="early fusion, got 'late'"):
        attention_shares(model, tester.processor, columns(["text", "eeg"]))
