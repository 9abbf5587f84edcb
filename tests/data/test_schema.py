import datasets
import numpy as np
import pytest
from datasets.info import DatasetInfosDict
from huggingface_hub import DatasetCardData

from multimed_hf.columns import Column
from multimed_hf.data.schema import RowCompleter, absent, features_of
from multimed_hf.sources import NIH_FINDINGS, OPENI_FINDINGS
from multimed_hf.subsets import SUBSETS

EEG = {
    "id": "synthetic/0",
    "source": "synthetic",
    "group": "subject-0",
    "has_eeg": True,
    "eeg": [[1.0, 2.0], [3.0, 4.0]],
    "eeg_channels": ["C3", "C4"],
    "eeg_sampling_rate": 160.0,
    "motor_imagery": "both_feet",
}


def test_types():
    protein = features_of("protein")
    assert protein["backbone"] == datasets.List(
        datasets.List(datasets.List(datasets.Value("float32"), length=3), length=3)
    )
    assert protein["resolved"] == datasets.List(datasets.Value("bool"))
    assert features_of("eeg")["eye_state"] == datasets.ClassLabel(names=["open", "closed"])
    assert list(features_of("text")["report_findings"]) == [*OPENI_FINDINGS, *NIH_FINDINGS]
    assert features_of("text")["report_findings"]["nodule"].names == ["absent", "present", "uncertain"]
    assert features_of("ct")["ct"] == datasets.Image()
    assert features_of("ct")["ct_volume"].feature.feature.feature == datasets.Value("int16")


@pytest.mark.parametrize("subset", SUBSETS)
def test_features_survive_a_card_and_a_parquet_file(subset, tmp_path):
    features = features_of(subset)
    data = DatasetCardData()
    DatasetInfosDict({subset: datasets.DatasetInfo(features=features)}).to_dataset_card_data(data)
    loaded = DatasetInfosDict.from_dataset_card_data(DatasetCardData(**data.to_dict()))
    assert loaded[subset].features == features

    bare = {column.name: [absent(subset, column)] for column in SUBSETS[subset].columns}
    datasets.Dataset.from_dict(bare, features=features).to_parquet(tmp_path / "bare.parquet")
    row = datasets.Dataset.from_parquet(str(tmp_path / "bare.parquet"), cache_dir=str(tmp_path))
    assert row.features == features
    assert row[0] == {name: values[0] for name, values in bare.items()}


def test_absent_values():
    def of(dtype):
        return absent("text", Column("x", dtype, "", ""))

    assert [of("string"), of("bool"), of("int32"), of("list<list<float32, 3>>"), of("class")] == ["", False, 0, [], -1]
    assert of("image") is None


def test_a_row_is_completed():
    row = RowCompleter("eeg")(EEG)
    assert list(row) == [column.name for column in SUBSETS["eeg"].columns]
    assert row["motor_imagery"] == 3
    assert (row["eye_state"], row["has_text"], row["text"], row["session"]) == (-1, False, "", "")
    assert features_of("eeg").encode_example(row) == row


def test_labels_may_be_indices_and_states_of_findings_names():
    assert RowCompleter("eeg")({**EEG, "motor_imagery": np.int64(2)})["motor_imagery"] == 2
    report = {"id": "openi_reports/1", "source": "openi_reports", "group": "a", "has_text": True, "text": "Clear."}
    row = RowCompleter("text")({**report, "report_findings": {"normal": "present", "nodule": 2}})
    assert {label: state for label, state in row["report_findings"].items() if state >= 0} == {"normal": 1, "nodule": 2}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"signal": [1]}, r"'synthetic/0' of subset 'eeg' has columns that the subset does not declare: \['signal'\]"),
        ({"has_eeg": False}, "carries no modality"),
        ({"eeg": [], "eeg_channels": [], "eeg_sampling_rate": 0}, "has_eeg=True, but the filled ones"),
        ({"text": "No finding."}, "has_text=False, but the filled ones"),
        ({"session": None}, "null in 'session'"),
        ({"motor_imagery": "tongue"}, r"'tongue' in 'motor_imagery', expected one of \['left_fist'"),
        ({"motor_imagery": 4}, "class 4 in 'motor_imagery'"),
        ({"motor_imagery": -2}, "class -2"),
        ({"motor_imagery": 1.5}, "1.5 in 'motor_imagery', expected a label or its index"),
        ({"motor_imagery": float("nan")}, "nan in 'motor_imagery'"),
        ({"eeg": [[1.0, float("nan")]]}, "NaN or infinite values in 'eeg'"),
        ({"eeg": np.array([[1.0, np.inf]])}, "NaN or infinite values in 'eeg'"),
        ({"eeg": [[1.0], [2.0, -1e39]]}, "NaN or infinite values in 'eeg'"),
        ({"eeg_sampling_rate": float("inf")}, "in 'eeg_sampling_rate'"),
        ({"group": ""}, "empty 'group'"),
        ({"id": "0"}, "expected synthetic/<item>"),
    ],
)
def test_bad_rows_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        RowCompleter("eeg")({**EEG, **change})


def test_unknown_finding_is_refused():
    report = {"id": "openi_reports/1", "source": "openi_reports", "group": "a", "has_text": True, "text": "Clear."}
    with pytest.raises(ValueError, match=r"has \['gout'\] in 'report_findings'"):
        RowCompleter("text")({**report, "report_findings": {"gout": "present"}})
    with pytest.raises(ValueError, match=r"'maybe' in 'report_findings.nodule'"):
        RowCompleter("text")({**report, "report_findings": {"nodule": "maybe"}})
