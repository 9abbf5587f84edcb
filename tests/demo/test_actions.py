import logging

import pytest

from multimed_hf.demo import actions as module
from multimed_hf.demo.actions import TYPED, Actions
from multimed_hf.demo.uploads import Given

NOTHING = ("", "", "")


@pytest.fixture
def actions(predictor):
    return Actions(predictor)


def test_uploads_and_texts_are_predicted_together(actions, png, scan):
    session, words = actions.upload("xray", str(png), None, {})
    assert "image of 30 x 20" in words
    session, _ = actions.upload("mri", str(scan), None, session)
    assert list(session) == ["xray", "mri"]
    html = actions.predict(session, "no effusion", "acgt", "")
    assert "From X-ray, MRI, text, DNA." in html and "<h3>cell_<wbr>type/ten</h3>" in html


def test_a_bad_upload_takes_the_place_of_a_good_one(actions, png, tmp_path):
    session, _ = actions.upload("xray", str(png), None, {"eeg": Given(0, "")})
    (tmp_path / "bad.png").write_bytes(b"<b>")
    session, words = actions.upload("xray", str(tmp_path / "bad.png"), None, session)
    assert list(session) == ["eeg"] and 'role="alert"' in words and str(tmp_path) not in words


def test_files_fill_boxes(actions, tmp_path):
    (tmp_path / "x.fa").write_text(">a\nacgt\n")
    assert actions.fill("genomics", str(tmp_path / "x.fa"))[0] == "ACGT"
    (tmp_path / "x.fa").write_text("ACGU")
    text, words = actions.fill("genomics", str(tmp_path / "x.fa"))
    assert text == "" and "found &#x27;U&#x27;" in words


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (NOTHING, "something to read first"),
        (("a" * 100_000, "", ""), "100,000 characters"),
        (("", "ACGU", ""), "letters of DNA"),
        (("", "", "M<"), "letters of a protein"),
    ],
)
def test_bad_texts(actions, typed, words):
    for html in (
        actions.predict({}, *typed),
        actions.explain("cell_type/ten", {}, *typed),
        actions.compare("a", {}, *typed),
    ):
        assert html.startswith('<div class="mm-problem" role="alert">') and words in html
    assert actions.heads({}, *typed) == []


def test_other_actions(actions):
    typed = ("no effusion", "", "")
    assert "disease/named" in actions.compare("heart, lungs", {}, *typed)
    assert "repeated" in actions.compare("heart, heart", {}, *typed)
    assert "question/pubmedqa" in actions.answer("is there?", "yes, no", {}, *NOTHING)
    assert "cell_type/ten" in actions.heads({}, *typed)
    assert "data:image/png" in actions.explain("cell_type/ten", {}, *typed)
    assert "Choose a head" in actions.explain(None, {}, *typed)


def test_an_example_says_that_it_is_synthetic(actions):
    session, typed, question, _, words = actions.example("protein")
    assert not session and set(typed) == {"protein"} and not question
    assert "synthetic example, made by a program" in words
    assert "structure/backbone" in actions.predict(session, *[typed.get(name, "") for name in TYPED])
    session, _, question, _, _ = actions.example("vqa")
    assert session and question.endswith("?")
    assert "went wrong" in actions.example("nothing")[-1]


def test_a_defect_shows_and_logs_nothing_of_what_was_given(actions, monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError("/a/path of Jane Doe")

    monkeypatch.setattr(actions.predictor, "_inputs", fail)
    with caplog.at_level(logging.INFO):
        html = actions.predict({}, "x", "", "")
    assert "Something went wrong" in html and "Jane" not in html + caplog.text and "RuntimeError" in caplog.text


def test_a_missing_library_is_named_as_such(monkeypatch, actions, png):
    def fail(*_):
        raise ImportError("No module named 'h5py'")

    monkeypatch.setattr(module, "read_upload", fail)
    assert "lacks what it takes" in actions.upload("xray", str(png), None, {})[1]
