from dataclasses import replace

import pytest

from multimed_hf.evaluation.report import AUXILIARY, GAP, NO_INTERVAL, lines, markdown, plot, table
from multimed_hf.evaluation.results import Result

MAIN = Result(
    task="cell_type_classification",
    head="cell_type_classification/pbmc68k",
    subset="scrna",
    source="pbmc68k",
    synthetic=False,
    auxiliary=False,
    split="test",
    metric="macro_f1",
    n=1050,
    groups=105,
    unit="cell",
    score=0.8,
    low=0.71,
    high=0.88,
    level=0.95,
    scores={"macro_f1": 0.8},
    baselines={
        "trivial": {"name": "class prior", "score": 0.05},
        "classical": {"name": "logistic regression", "score": 0.825},
    },
    limits="one donor",
    model="checkpoint",
    seed=0,
    data_fingerprint="0123",
    code_version="0.1.0",
)
FEW = {"low": None, "high": None, "reasons": {"interval": "4 groups"}}
AUX = replace(MAIN, task="eye_state", source="uci_eye_state", auxiliary=True, groups=4, limits="one subject", **FEW)
SIMULATED = replace(MAIN, source="synthetic", synthetic=True, limits="made by a program", baselines={})
WHY = {"score": "no rows in the test split", "interval": "no rows in the test split"}
SKIPPED = replace(MAIN, source="pdb", n=0, groups=0, score=None, low=None, high=None, baselines={}, reasons=WHY)


def shown(results, width=150):
    from rich.console import Console

    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(table(results))
    return console.export_text()


def test_a_line_says_score_interval_baselines_and_gap():
    (line,), notes = lines([MAIN])
    assert (line.n, line.groups, line.score, line.interval) == ("1,050", "105 x cell", "0.800", "0.710 to 0.880")
    assert line.trivial == ("0.050", "class prior") and line.classical == ("0.825", "logistic regression")
    assert line.gap == "-0.025"
    assert notes == ["[1] pbmc68k: one donor.", GAP]


def test_what_is_special_is_marked():
    found, notes = lines([AUX, SIMULATED, SKIPPED])
    assert [line.task for line in found] == ["cell_type_classification", "cell_type_classification", "eye_state*"]
    simulated, skipped, auxiliary = found
    assert simulated.gap == "-" and simulated.classical == ("-", "")
    assert (skipped.score, skipped.n, skipped.interval) == ("-", "0", "-")
    assert auxiliary.interval == "-"
    assert notes == [
        "[1] synthetic data: made by a program.",
        "[2] pdb: not scored, no rows in the test split.",
        "[3] uci_eye_state: one subject.",
        AUXILIARY,
        GAP,
        NO_INTERVAL,
    ]


def test_zero_shot_is_never_silent(tmp_path):
    result = replace(MAIN, zero_shot="report_findings/openi_reports")
    (line,), notes = lines([result])
    assert line.metric == "macro_f1 (zero-shot)"
    assert (
        notes[0] == "[1] pbmc68k: zero-shot, by the texts of labels through report_findings/openi_reports; one donor."
    )
    assert "(zero-shot)" in markdown([result]) and "zero-shot" in shown([result])
    # Never one line with what was trained.
    assert lines([result, MAIN])[1][:2] != lines([MAIN, MAIN])[1][:2]


def test_tables_hold_every_cell():
    results = [MAIN, AUX, SIMULATED, SKIPPED]
    text = " ".join(shown(results).split())
    marked = markdown(results)
    for line in lines(results)[0]:
        for cell in (line.source, line.score, line.interval, line.gap, line.n, line.groups):
            assert cell in text and cell in marked
    assert "eye state*" in text and r"eye_state\*" in marked
    assert AUXILIARY in text and GAP in marked
    body = [line for line in marked.splitlines() if line.startswith("|")]
    assert len(body) == 6 and len({line.count("|") for line in body}) == 1


def test_a_narrow_console_still_shows_all_words():
    text = shown([MAIN, AUX], width=80)
    assert max(map(len, text.splitlines())) <= 80 and "…" not in text
    assert all(number in text for number in ("0.800", "0.825", "-0.025", "macro", "pbmc68k"))


def test_the_plot_is_an_image_of_1200_pixels(tmp_path):
    from PIL import Image

    path = tmp_path / "runs" / "results.png"
    plot([MAIN, AUX, SIMULATED, SKIPPED], path)
    with Image.open(path) as image:
        assert image.width == 1200 and len(set(image.convert("L").resize((60, 40)).get_flattened_data())) > 5
    with pytest.raises(ValueError, match="Expected at least one result with a score"):
        plot([SKIPPED], path)


def test_texts_of_the_plot_lie_inside_and_apart(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    plot(
        [replace(MAIN, task="imagined_motor_imagery_classification", metric="balanced_accuracy"), AUX, SIMULATED],
        tmp_path / "a.png",
    )
    (figure,) = drawn
    figure.draw_without_rendering()
    axes = figure.axes[0]
    labels = [label.get_window_extent() for label in axes.get_yticklabels()]
    boxes = [*labels, axes.xaxis.label.get_window_extent(), figure.legends[0].get_window_extent()]
    boxes.append(figure._suptitle.get_window_extent())
    assert not any(a.overlaps(b) for number, a in enumerate(boxes) for b in boxes[:number])
    assert all(box.x0 >= 0 and box.x1 <= 1200 and box.y0 >= 0 for box in boxes)
