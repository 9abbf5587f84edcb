"""What is explained: which number of which head, and what is refused."""

import math

import pytest
import torch

from multimed_hf.explanation import contributions

SOME = ["text", "protein"]


@pytest.fixture(scope="module")
def model(tester):
    kinds = ("single_label", "multi_label", "ordinal", "regression", "answer", "survival", "structure", "decoder")
    made = tester.model(tester.config(SOME, kinds))
    made.set_target_statistics("expression/pbmc", [0.0, 0.0, 50.0], [1.0, 1.0, 1.0])
    return made


@pytest.fixture
def ask(model, tester, columns):
    return lambda *asked: contributions(model, tester.processor, columns(SOME), *asked).explained


@pytest.fixture
def logits(model, tester, columns):
    with torch.no_grad():
        return model(**tester.processor(**columns(SOME))).logits


def test_log_odds_of_the_predicted_label(ask, logits):
    chances = logits["cell_type/ten"][0].softmax(0).tolist()
    found = ask("cell_type/ten")
    assert found.target == "abc"[chances.index(max(chances))] and found.unit == "log odds"
    assert found.value == pytest.approx(math.log(max(chances) / (1 - max(chances))), abs=1e-5)
    assert ask("cell_type/ten", "b").value == pytest.approx(math.log(chances[1] / (1 - chances[1])), abs=1e-5)
    assert ask("cell_type/ten", 1) == ask("cell_type/ten", "b")


def test_other_kinds(ask, logits):
    assert ask("findings/openi", "w").value == pytest.approx(float(logits["findings/openi"][0, 3]), abs=1e-5)
    grade = sum(place * chance for place, chance in enumerate(logits["grade/five"][0].exp().tolist()))
    assert ask("grade/five").value == pytest.approx(grade, abs=1e-5)
    assert ask("prognosis/two").value == pytest.approx(float(logits["prognosis/two"][0, 0]), abs=1e-5)
    answers = logits["question/pubmedqa"][0]
    assert ask("question/pubmedqa").target == ["yes", "no", "maybe"][int(answers.argmax())]
    # The one that lies farthest from its mean, 50, is not the largest number of deviations by itself.
    found = ask("expression/pbmc")
    distances = (logits["expression/pbmc"][0] - torch.tensor([0.0, 0.0, 50.0])).abs()
    assert found.index == int(distances.argmax()) and found.unit == "units of the data"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["none/here"], "one of .*'cell_type/ten'.*, got 'none/here'"),
        (["cell_type/ten", "q"], "target of 'cell_type/ten' among a, b, c, got 'q'"),
        (["cell_type/ten", 3], "among a, b, c, got 3"),
        (["prognosis/two", "a"], "no target for 'prognosis/two'"),
        (["structure/backbone"], "comes down to one number.*'structure/backbone'"),
        (["question/open"], "comes down to one number.*'decoder' head"),
    ],
)
def test_what_cannot_be_asked_is_refused(ask, asked, message):
    with pytest.raises(ValueError, match=message):
        ask(*asked)


def test_answers_need_candidates(model, tester, columns):
    inputs = columns(SOME)
    with pytest.raises(ValueError, match="candidate answers under `choices`"):
        contributions(model, tester.processor, {**inputs, "choices": None}, "question/pubmedqa")
    with pytest.raises(ValueError, match="two answers or more"):
        contributions(model, tester.processor, {**inputs, "choices": [["yes"]]}, "question/pubmedqa")
