"""Real predictions against real truth: labels mined from NIH reports against what radiologists saw in the images.

4,376 chest radiographs of the NIH archive that Google's readers labelled anew; both labels stand in one table that
torchxrayvision ships. The F1 that must come out, 0.458 for pneumothorax and 0.483 for nodule or mass, were computed
elsewhere, with another program.
"""

import csv
import gzip
import importlib.util
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, f1_score, matthews_corrcoef, roc_auc_score

from multimed_hf.metrics import classification, compare, multilabel, score_with_interval
from multimed_hf.metrics.multilabel import MULTILABEL

NAMES = ("Pneumothorax", "Nodule or mass")
MINED = {"Pneumothorax": {"Pneumothorax"}, "Nodule or mass": {"Nodule", "Mass"}}


@pytest.fixture(scope="module")
def table():
    """Mined labels, radiologists' labels, both `(n, 2)`, and the patient of each image."""
    spec = importlib.util.find_spec("torchxrayvision")
    if spec is None:
        pytest.skip("needs torchxrayvision, which ships the NIH's tables")
    path = Path(spec.submodule_search_locations[0]) / "data" / "google2019_nih-chest-xray-labels.csv.gz"
    with gzip.open(path, "rt") as file:
        rows = list(csv.DictReader(file))
    mined = [[bool(MINED[name] & set(row["Finding Labels"].split("|"))) for name in NAMES] for row in rows]
    seen = [[row[name] == "YES" for name in NAMES] for row in rows]
    return np.array(mined, dtype=float), np.array(seen, dtype=int), [row["Patient ID"] for row in rows]


def test_mined_labels_against_radiologists(table):
    mined, seen, _ = table
    scores = multilabel(mined, seen, labels=NAMES)
    assert len(seen) == 4376
    assert scores["f1/Pneumothorax"] == pytest.approx(0.458, abs=5e-4)
    assert scores["f1/Nodule or mass"] == pytest.approx(0.483, abs=5e-4)
    assert scores["macro_f1"] == pytest.approx(f1_score(seen, mined, average="macro"))
    assert scores["micro_f1"] == pytest.approx(f1_score(seen, mined, average="micro"))
    for column, name in enumerate(NAMES):
        assert scores[f"auroc/{name}"] == pytest.approx(roc_auc_score(seen[:, column], mined[:, column]))


def test_one_finding_as_a_class(table):
    mined, seen, _ = table
    probabilities = np.stack([1 - mined[:, 0], mined[:, 0]], axis=1)
    scores = classification(probabilities, seen[:, 0])
    assert scores["kappa"] == pytest.approx(cohen_kappa_score(seen[:, 0], mined[:, 0]))
    assert scores["mcc"] == pytest.approx(matthews_corrcoef(seen[:, 0], mined[:, 0]))


def test_interval_is_over_patients(table):
    mined, seen, patients = table
    options = {"main_score": "macro_f1", "resamples": 300}
    grouped = score_with_interval("multilabel", mined, seen, patients, "patient", **options)
    assert grouped["interval"]["groups"] == len(set(patients)) < len(patients)
    rows = score_with_interval("multilabel", mined, seen, **options)
    # Images of one patient share their errors: over rows the interval would be too narrow.
    wide, narrow = (scores["interval"]["high"] - scores["interval"]["low"] for scores in (grouped, rows))
    assert wide > 1.05 * narrow


def test_flipping_labels_at_random_is_seen_to_be_worse(table):
    mined, seen, patients = table
    flipped = np.where(np.random.default_rng(0).random(mined.shape) < 0.05, 1 - mined, mined)
    found = compare(
        MULTILABEL, "macro_f1", MULTILABEL.update(mined, seen), MULTILABEL.update(flipped, seen), patients, 300
    )
    assert found.difference > 0.05 and found.interval.low > 0 and found.p_value == pytest.approx(1 / 301)
