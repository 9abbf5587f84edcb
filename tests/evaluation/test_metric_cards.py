"""The cards in `evaluate_metrics`: fresh, and true to docstrings and tasks."""

import re

import pytest
import yaml

from multimed_hf.evaluation import metric_cards
from multimed_hf.evaluation.metric_module import GROUPED, PER_ROW
from multimed_hf.metrics import METRICS, find_metric
from multimed_hf.resources import folder
from multimed_hf.tasks import TASKS

NAMES = metric_cards.card_names()


@pytest.fixture(scope="module")
def cards():
    return {
        name: (folder("evaluate_metrics") / name / metric_cards.CARD_NAME).read_text(encoding="utf-8") for name in NAMES
    }


def section(card, heading):
    return card.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def test_cards_are_fresh():
    stale = metric_cards.stale_cards(folder("evaluate_metrics"))
    assert not stale, "run python -m multimed_hf.evaluation.metric_cards"


def test_check_names_stale_cards_and_writing_mends_them(tmp_path, monkeypatch, capsys):
    names = ("answer", "eye_state", "survival")
    for name, text in zip(names, ("card of answer", "an old card", None), strict=True):
        (tmp_path / name).mkdir()
        if text:
            (tmp_path / name / "README.md").write_text(text, encoding="utf-8")
    monkeypatch.setattr(metric_cards, "card_names", lambda: names)
    monkeypatch.setattr(metric_cards, "render_card", lambda name: f"card of {name}")
    monkeypatch.setattr(metric_cards.resources, "folder", lambda name: tmp_path)
    stale = [tmp_path / name / "README.md" for name in names[1:]]
    assert metric_cards.main(["--check"]) == 1
    assert capsys.readouterr().out == "".join(f"stale: {path}\n" for path in stale)
    assert metric_cards.main([]) == 0
    assert capsys.readouterr().out == "".join(f"wrote {path}\n" for path in stale)
    assert metric_cards.main(["--check"]) == 0


def test_front_matter_is_what_a_space_needs(cards):
    for name, card in cards.items():
        facts = yaml.safe_load(card.split("---\n", 2)[1])
        keys = ["title", "emoji", "colorFrom", "colorTo", "sdk", "sdk_version", "app_file", "tags"]
        assert list(facts) == keys, name
        assert (facts["sdk"], facts["app_file"], facts["tags"]) == ("gradio", "app.py", ["evaluate", "metric"])
        assert {facts["colorFrom"], facts["colorTo"]} <= set("red yellow green blue indigo purple pink gray".split())
        assert f"\n# {facts['title']}\n" in card


def test_cards_say_main_score_summary_and_what_it_is_not(cards):
    for name, card in cards.items():
        named = find_metric(name)
        assert f"**`{named.main_score}`**" in card
        assert named.task is None or named.task.summary in " ".join(card.split())
        assert card.endswith("Research software, not a medical device.\n")
        assert "@software" in card


def test_arguments_are_those_of_the_function_less_what_the_task_fixes(cards):
    for name, card in cards.items():
        named = find_metric(name)
        listed = re.findall(r"^- `(\w+)`: ", section(card, "Arguments"), re.MULTILINE)
        fixed = set(named.task.options) if named.task else set()
        parameters = named.function.__code__.co_varnames[: named.function.__code__.co_argcount]
        assert listed == [parameter for parameter in parameters if parameter not in fixed], name
        for option in fixed:
            assert f"- `{option}=" in card
        for interval_argument in GROUPED:
            assert f"- `{interval_argument}`: " in section(card, "How to call it")


def test_arguments_with_an_entry_a_row_exist():
    parameters = {name for metric in METRICS.values() for name in metric.function.__code__.co_varnames}
    assert parameters >= PER_ROW


def test_no_text_of_a_card_is_left_to_chance(cards):
    assert set(metric_cards.EXAMPLES) == set(metric_cards._LOOKS) == set(NAMES)
    assert set(metric_cards._REASONS) == {find_metric(name).main_score for name in NAMES}
    assert set(metric_cards.SHOWN) == set(METRICS)
    for name, card in cards.items():
        assert not re.search(
            r"\{\{|\{%|\bNone\b(?!;)|'nan'|: nan", card.split("## What is computed")[0].split("or None")[0]
        ), name


def test_functions_that_score_one_chain_are_explained(cards):
    text = section(cards["protein_structure_prediction"], "Functions named above")
    assert "### tm_score\n\nTM-score at the known residue correspondence" in text
    assert "Arguments and errors as for" not in text


def test_keys_of_another_metric_are_written_out(cards):
    scores = section(cards["eye_state"], "Scores")
    assert "All keys of `classification`:" in scores
    assert "- `balanced_accuracy`: mean recall" in scores


def test_task_says_what_stands_beside_the_main_score(cards):
    for name, task in TASKS.items():
        assert all(f"`{key}`" in cards[name].split("## How to call it")[0] for key in task.beside), name
