"""The Python blocks of docs/metrics.md run, in order, and print what stands behind them."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BLOCKS = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs/metrics.md").read_text(), flags=re.M | re.S)


@pytest.fixture(scope="module")
def namespace():
    return {}


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_block_prints_what_it_says(number, namespace, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    exec(compile(BLOCKS[number], f"docs/metrics.md, block {number + 1}", "exec"), namespace)
    printed = capsys.readouterr().out.split("\n")
    said = re.findall(r"^print\(.*?(?:  # (.+))?$", BLOCKS[number], re.M)
    assert [line for line, wanted in zip(printed, said, strict=False) if wanted] == [
        wanted for wanted in said if wanted
    ]


def test_every_metric_stands_in_the_table():
    from multimed_hf.metrics import METRICS

    text = (ROOT / "docs/metrics.md").read_text()
    assert re.findall(r"^\| `(\w+)` \| .* \| .* \|$", text.split("## Three ways")[0], re.M) == list(METRICS)
