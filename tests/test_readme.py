"""Every Python block of the README runs, in order, where a (small) quickstart has been."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .data.openi_reports import fake as openi_reports

ROOT = Path(__file__).resolve().parent.parent
BLOCKS = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), flags=re.M | re.S)


@pytest.fixture(scope="module")
def namespace() -> dict[str, object]:
    return {}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the quickstart leaves it, with a model too small to be good."""
    from multimed_hf.data.build import build
    from multimed_hf.training.train import fit

    folder = tmp_path_factory.mktemp("readme")
    (folder / "reports").mkdir()
    reports = openi_reports.write(folder / "reports")
    build(["eeg"], rows=80, out=folder / "multimed")
    build(["text"], ["openi_reports"], {"openi_reports": reports}, 80, folder / "multimed")
    tiny = {"hidden_size": 32, "num_hidden_layers": 1, "intermediate_size": 32}
    fit(folder / "multimed", output_dir=folder / "runs/quickstart", max_steps=2, config=tiny, progress=False)
    (folder / "evaluate_metrics").symlink_to(ROOT / "evaluate_metrics")
    return folder


def test_the_readme_shows_what_it_promises() -> None:
    text = "\n".join(BLOCKS)
    for call in ("load_dataset(", "from_pretrained(", "Trainer(", "get_peft_model(", "evaluate.load("):
        assert call in text


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_block_runs(number: int, folder: Path, namespace: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    exec(compile(BLOCKS[number], f"README.md, block {number + 1}", "exec"), namespace)
