"""What modalities add: against the model itself, the mean over all orders, and games whose values are known."""

from itertools import combinations, permutations

import numpy as np
import pytest
import torch

from multimed_hf.explanation import contributions
from multimed_hf.explanation.ablation import shapley_values
from multimed_hf.models.configuration_multimed import FUSIONS, MODALITIES

SOME = ["text", "eeg", "xray", "protein"]
KINDS = ("single_label", "multi_label", "ordinal", "regression", "answer", "survival", "label_text")


def coalitions(players):
    return [frozenset(part) for size in range(len(players) + 1) for part in combinations(players, size)]


def test_shapley_values_of_an_additive_game_are_its_terms():
    terms = {"a": 1.0, "b": -2.5, "c": 0.25, "d": 4.0}
    values = {part: 7.0 + sum(terms[player] for player in part) for part in coalitions(list(terms))}
    assert shapley_values(list(terms), values) == pytest.approx(terms)


def test_shapley_values_are_the_mean_over_all_orders():
    players, rng = list("abcd"), np.random.default_rng(0)
    values = {part: float(rng.normal()) for part in coalitions(players)}
    expected = dict.fromkeys(players, 0.0)
    for order in permutations(players):
        for place, player in enumerate(order):
            before = frozenset(order[:place])
            expected[player] += (values[before | {player}] - values[before]) / 24
    assert shapley_values(players, values) == pytest.approx(expected)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_ablation_is_the_output_without_the_modality(tester, columns, fusion):
    model, inputs = tester.model(tester.config(SOME, ["multi_label"], fusion=fusion)), columns(SOME)
    found = contributions(model, tester.processor, inputs, "findings/openi", "z", batch_size=5)

    def alone(names):
        with torch.no_grad():
            batch = tester.processor(**{name: inputs[name] for name in names})
            return float(model(**batch).logits["findings/openi"][0, 2])

    assert found.explained.value == pytest.approx(alone(SOME), abs=1e-4)
    for name in SOME:
        others = [other for other in SOME if other != name]
        assert found.alone[name] == pytest.approx(alone([name]), abs=1e-4)
        assert found.leave_one_out[name] == pytest.approx(alone(SOME) - alone(others), abs=1e-4)
    assert sum(found.shapley.values()) == pytest.approx(found.explained.value - found.empty, abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_values_of_every_kind_sum_to_what_there_is_to_explain(tester, columns, kind):
    model = tester.model(tester.config(SOME, [kind]))
    found = contributions(model, tester.processor, columns(SOME), model.config.tasks[0]["name"])
    assert sum(found.shapley.values()) == pytest.approx(found.explained.value - found.empty, abs=1e-4)
    assert any(abs(value) > 1e-6 for value in found.shapley.values())


def test_nothing_is_the_bias_of_the_head(tester, columns):
    model = tester.model(tester.config(SOME, ["multi_label"]))
    found = contributions(model, tester.processor, columns(SOME), "findings/openi", "y")
    assert found.empty == pytest.approx(model.heads.tasks["findings/openi"].out.bias[1].item())


def test_one_modality_left_out_leaves_nothing(tester, columns):
    model = tester.model(tester.config(["eeg"], ["single_label"]))
    found = contributions(model, tester.processor, {"eeg": columns(["eeg"])["eeg"]}, "cell_type/ten")
    difference = found.explained.value - found.empty
    assert found.leave_one_out == pytest.approx({"eeg": difference}) == found.shapley


def test_many_modalities_have_no_shapley_values(tester, columns):
    model = tester.model(tester.config(MODALITIES, ["survival"]))
    found = contributions(model, tester.processor, columns(MODALITIES[:7]), "prognosis/two")
    assert found.shapley is None and list(found.leave_one_out) == MODALITIES[:7]
