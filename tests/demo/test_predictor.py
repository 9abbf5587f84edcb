import numpy as np
import pytest
import torch

from multimed_hf.demo.limits import Refused
from multimed_hf.demo.predictor import Predictor, own_labels

from ..models.conftest import GENES
from .conftest import HEADS, head_names
from .results import result

GIVEN = {"protein": "MKVLA", "text": "no effusion"}


def test_every_kind_of_head_answers(predictor):
    found = {answer.kind: answer for answer in predictor.predict(GIVEN)}
    assert set(found) == set(HEADS) - {"answer", "label_text", "decoder"}
    for kind in ("single_label", "multi_label", "ordinal"):
        scores = [score for _, score in found[kind].scores]
        assert (
            found[kind].probabilities and scores == sorted(scores, reverse=True) and 0 <= scores[-1] <= scores[0] <= 1
        )
    assert sum(score for _, score in found["ordinal"].scores) == pytest.approx(1)
    assert "5 residues" in found["structure"].words and "Log risk" in found["survival"].words
    assert len(found["regression"].scores) == 3 and not found["regression"].probabilities


def test_predictions_are_those_of_the_bare_model(predictor):
    batch = predictor.processor(**{name: [value] for name, value in GIVEN.items()})
    with torch.no_grad():
        logits = predictor.model(**batch).logits["cell_type/ten"][0]
    wanted = dict(zip("abc", logits.softmax(-1).tolist(), strict=True))
    found = next(answer for answer in predictor.predict(GIVEN) if answer.head == "cell_type/ten")
    assert dict(found.scores) == pytest.approx(wanted, abs=1e-6)


def test_calibration_is_said_where_it_was_measured(predictor):
    own = Predictor(predictor.model, predictor.processor, results=[result(head="cell_type/ten", scores={"ece": 0.2})])
    notes = {answer.head: answer.calibration for answer in own.predict(GIVEN)}
    assert "off by 0.20" in notes["cell_type/ten"] and "not measured" in notes["findings/openi"]
    assert notes["structure/backbone"] == ""


def test_unknown_genes_are_left_out(predictor):
    known = predictor.predict({"scrna": {"genes": GENES[:2], "values": np.float32([1, 2])}})
    mixed = predictor.predict({"scrna": {"genes": [GENES[0], "?", GENES[1]], "values": np.float32([1, 9, 2])}})
    assert known == mixed
    with pytest.raises(Refused, match="knows 24 genes by their symbols, and none of those given"):
        predictor.predict({"scrna": {"genes": ["?"], "values": np.float32([1])}})


def test_what_cannot_be_predicted(predictor):
    with pytest.raises(Refused, match="something to read first"):
        predictor.predict({})
    with pytest.raises(Refused, match=r"reads text, .*, not heart"):
        predictor.predict({"heart": 1})
    # The processor's own words.
    with pytest.raises(Refused, match="Expected a sequence of 1 to 8192 letters, got 9000"):
        predictor.predict({"protein": "A" * 9000})


def test_labels_of_ones_own(predictor):
    (found,) = predictor.compare(GIVEN, "effusion, no disease\nheart")
    assert found.head == "disease/named" and {label for label, _ in found.scores} == {"effusion", "no disease", "heart"}
    assert sum(score for _, score in found.scores) == pytest.approx(1) and "not measured" in found.calibration


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (" , \n", "Type one or more labels"),
        ("a, b, A", "repeated"),
        (",".join(map(str, range(21))), "up to 20 labels, got 21"),
        ("x" * 101, "a longer one"),
        ("x," * 50_000, "100,000 characters"),
    ],
)
def test_lists_of_labels(text, words):
    with pytest.raises(Refused, match=words):
        own_labels(text)


def test_questions(predictor):
    (chosen,) = predictor.answer({}, "is there an effusion?", "yes, no")
    assert chosen.head == "question/pubmedqa" and {label for label, _ in chosen.scores} == {"yes", "no"}
    (written,) = predictor.answer(GIVEN, "is there an effusion?")
    assert written.head == "question/open" and written.words
    # Text that was given is the context of the question.
    contexts = [predictor.answer({"text": text}, "is there an effusion?", "yes, no") for text in ("no", "lungs clear")]
    assert len({tuple(found[0].scores) for found in [*contexts, [chosen]]}) == 3


@pytest.mark.parametrize(
    ("question", "candidates", "words"),
    [
        (" ", "", "Type a question"),
        ("?", "yes", "Expected two or more answers"),
        ("?", "yes, yes", "repeated"),
        ("?" * 20_001, "", "20,001"),
    ],
)
def test_questions_that_are_none(predictor, question, candidates, words):
    with pytest.raises(Refused, match=words):
        predictor.answer(GIVEN, question, candidates)


def test_explanations(predictor):
    names = predictor.explainable(GIVEN)
    assert names == [name for name in head_names() if not name.startswith(("structure", "question"))]
    before = predictor.predict(GIVEN)
    drawn = predictor.explain(GIVEN, "cell_type/ten")
    assert drawn.png.startswith(b"\x89PNG") and "protein adds" in drawn.words and "text adds" in drawn.words
    assert predictor.predict(GIVEN) == before
    with pytest.raises(Refused, match="Choose a head"):
        predictor.explain(GIVEN, "structure/backbone")


def test_one_request_at_a_time_uses_the_model(predictor):
    from concurrent.futures import ThreadPoolExecutor

    wanted, drawn = predictor.predict(GIVEN), []
    with ThreadPoolExecutor(4) as threads:
        drawn = [threads.submit(predictor.explain, GIVEN, "cell_type/ten") for _ in range(2)]
        found = [threads.submit(predictor.predict, GIVEN) for _ in range(30)]
        assert all(each.result() == wanted for each in found)
    assert all(each.result().png for each in drawn)


def test_a_saved_checkpoint(predictor, tmp_path):
    folder = tmp_path / "run" / "checkpoint"
    predictor.model.save_pretrained(folder)
    predictor.processor.save_pretrained(folder)
    loaded = Predictor.load(folder)
    assert loaded.name == "run/checkpoint" and loaded.results == []
    found, wanted = loaded.predict(GIVEN), predictor.predict(GIVEN)
    assert [answer.head for answer in found] == [answer.head for answer in wanted]
    assert dict(found[0].scores) == pytest.approx(dict(wanted[0].scores), abs=1e-6)
