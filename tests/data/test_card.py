from pathlib import Path

import pytest
from huggingface_hub import DatasetCard

from multimed_hf.data.build import build
from multimed_hf.data.card import fingerprints_in_card, render_card, strictest_licence
from multimed_hf.data.manifest import Manifest
from multimed_hf.sources import SOURCES

from . import tiny


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    tiny.install(monkeypatch)
    monkeypatch.chdir(tmp_path)


def test_head():
    report = build(["eeg", "scrna"], rows=20)
    data = DatasetCard.load(Path("multimed/README.md")).data.to_dict()
    assert [config["config_name"] for config in data["configs"]] == ["eeg", "scrna"]
    assert data["configs"][0] == {
        "config_name": "eeg",
        "version": "0.1.0",
        "description": f"fingerprint {report.subsets['eeg'].fingerprint}",
        "data_files": [{"split": split, "path": f"eeg/{split}-*"} for split in ("train", "validation", "test")],
    }
    assert [info["config_name"] for info in data["dataset_info"]] == ["eeg", "scrna"]
    sizes = {split["name"]: split["num_examples"] for split in data["dataset_info"][0]["splits"]}
    assert sizes == report.subsets["eeg"].rows
    assert data["dataset_info"][0]["download_size"] == sum(
        file.size for path, file in report.subsets["eeg"].files.items() if path.endswith("parquet")
    )
    assert (data["license"], data["size_categories"]) == ("other", ["n<1K"])
    assert fingerprints_in_card("multimed") == {name: record.fingerprint for name, record in report.subsets.items()}


def test_body_says_all_that_a_reader_must_know():
    with pytest.warns(UserWarning):
        build(["eeg"])
        build(["xray"], ["nih_chestxray14"])
    text = Path("multimed/README.md").read_text().split("---\n", 2)[2]
    for needed in (
        "not a medical device",
        'eeg = load_dataset("multimed", "eeg")',
        "**Synthetic: made by a program, not recorded from people.**",
        "| synthetic (made by a program) | 42 | 9 | 9 | simulated subject |",
        "- Note: Signals are white noise.",
        "- Limits: labels were mined from reports by a program",
        "- No rows in: validation, test",
        "these rows may not be published",
        "Wang et al., ChestX-ray8",
        "`eeg_sampling_rate` | `float32` | Hz |",
        "- `motor_imagery`: 0 left_fist, 1 right_fist, 2 both_fists, 3 both_feet",
        "0 Atelectasis, 1 Cardiomegaly",
        "the strictest of them is **unknown: check the terms of the NIH Clinical Center**",
        "&lt;source>/&lt;item>",
    ):
        assert needed in text
    assert "{{" not in text and "{%" not in text


def test_only_synthetic_data_is_called_so():
    build(["scrna"])
    text = Path("multimed/README.md").read_text()
    assert "synthetic" not in text.replace("'synthetic' if a program made it", "")
    assert DatasetCard.load(Path("multimed/README.md")).data.license == "bsd-3-clause"


def test_the_card_is_a_function_of_the_manifest():
    build(["eeg"])
    build(["scrna"])
    assert Path("multimed/README.md").read_text() == render_card(Manifest.read("multimed"))
    together = build(["scrna", "eeg"], out="together").out
    assert (together / "README.md").read_text() == Path("multimed/README.md").read_text()


def test_no_card_lists_nothing(tmp_path):
    assert fingerprints_in_card(tmp_path) == {}


def test_strictest_licence():
    assert strictest_licence(["MIT", "CC0-1.0"]) == "MIT"
    assert strictest_licence(["CC-BY-NC-ND-4.0", "GPL-2.0-only", "CC-BY-4.0"]) == "CC-BY-NC-ND-4.0"
    assert strictest_licence(["CC-BY-NC-ND-4.0", "unknown: ask"]) == "unknown: ask"


@pytest.mark.parametrize("source", SOURCES.values(), ids=lambda source: source.name)
def test_every_declared_licence_has_its_rank_or_is_called_unknown(source):
    stricter_than_all = strictest_licence(["CC-BY-NC-ND-4.0", f"{source.licence}"]) == source.licence
    assert source.licence.startswith("unknown: ") or source.licence == "CC-BY-NC-ND-4.0" or not stricter_than_all
