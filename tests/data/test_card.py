import re
from pathlib import Path

import pytest
from huggingface_hub import DatasetCard

from multimed_hf.data.build import build
from multimed_hf.data.card import fingerprints_in_card, render_card
from multimed_hf.data.manifest import Manifest

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
    assert "{{" not in text.replace("{{The multimed", "") and "{%" not in text


def test_a_card_says_how_to_use_the_data_and_what_they_are_no_good_for():
    with pytest.warns(UserWarning):
        build(["eeg"])
        build(["xray"], ["nih_chestxray14"])
    manifest = Manifest.read("multimed")
    text = Path("multimed/README.md").read_text().split("---\n", 2)[2]
    assert re.findall("^## (.*)", text, re.MULTILINE) == [
        "How to load",
        "What is in it",
        "Splits and groups",
        "Licences",
        "Use and limits",
        "Bias",
        "Personal data",
        "How to cite",
        "eeg: Electroencephalography",
        "xray: Radiographs",
    ]
    for needed in (
        "**Part of this data set is synthetic: made by a program, not recorded from people.",
        'load_dataset("multimed", "eeg", split="train", streaming=True)',
        "| `eeg` | 42 train, 9 validation, 9 test | synthetic | imagined_motor_imagery_classification |",
        "| `eeg` | synthetic | Apache-2.0 |",
        "| `xray` | nih_chestxray14 | unknown: check the terms of the NIH Clinical Center |",
        "- Not for diagnosis, triage",
        "is no sample of any population of patients",
        "must not try to find out who somebody is",
        "were drawn by a program",
        "@software{multimed_hf,",
    ):
        assert needed in text, needed
    published = DatasetCard(render_card(manifest, "org/multimed"))
    assert 'load_dataset("org/multimed", "eeg")' in published.text and '"multimed"' not in published.text
    data = published.data.to_dict()
    assert (data["license"], data["license_name"]) == ("other", "that-of-each-source")
    assert data["license_link"] == "https://huggingface.co/datasets/org/multimed#licences"
    assert data["task_categories"] == ["image-classification"]
    assert data["tags"] == ["medical", "multimodal", "eeg", "text", "xray", "ct", "mri", "synthetic"]


def test_streaming_runs_as_the_card_says(capsys):
    build(["eeg"])
    snippets = re.findall(r"```python\n(.*?)```", Path("multimed/README.md").read_text(), re.DOTALL)
    for snippet in snippets:
        exec(snippet, {})
    assert len(snippets) == 2 and capsys.readouterr().out.startswith("synthetic/")


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
