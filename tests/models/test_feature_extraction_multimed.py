"""Feature extractors: what becomes of raw values, and which ones are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multimed_hf.models import (
    MultiMedCellFeatureExtractor,
    MultiMedSequenceFeatureExtractor,
    MultiMedSignalFeatureExtractor,
)
from multimed_hf.models.electrodes_multimed import position
from multimed_hf.models.feature_extraction_multimed import AMINO_ACIDS, NUCLEOTIDES


def recording(signal, channels=("C3", "Cz"), rate=128.0):
    return {"signal": signal, "channels": list(channels), "sampling_rate": rate}


def test_signal_is_cut_into_patches_of_single_channels():
    extract = MultiMedSignalFeatureExtractor(patch_size=64)
    signal = np.random.default_rng(0).normal(size=(2, 150)) * 20 + np.array([[100.0], [-5.0]])
    first = extract([recording(signal)])
    # 150 samples are two whole patches and one filled up with zeros, for each of two channels.
    assert first["values"].shape == (6, 64) and first["values"].dtype == np.float32
    centred = (signal - signal.mean(1, keepdims=True)) / 20
    np.testing.assert_allclose(first["values"].reshape(2, -1)[:, :150], centred, atol=1e-5)
    assert not first["values"].reshape(2, -1)[:, 150:].any()
    assert first["times"].tolist() == [0, 1, 2, 0, 1, 2]
    np.testing.assert_allclose(first["electrodes"], [position("C3")] * 3 + [position("Cz")] * 3, atol=1e-6)
    both = extract([recording(signal), recording(signal[:1, :10], ["Oz"])])
    assert both["lengths"].tolist() == [6, 1]
    np.testing.assert_array_equal(both["values"][:6], first["values"])


def test_signal_is_clipped_in_microvolt():
    extract = MultiMedSignalFeatureExtractor(patch_size=8, limit=500.0, unit=20.0)
    values = extract([recording([[4000.0, -4000.0] * 4], ["Cz"])])["values"]
    assert values.max() == 25.0 and values.min() == -25.0


@pytest.mark.parametrize("rate", [100.0, 160.0, 250.0, 256.0, 512.0])
def test_signal_is_resampled(rate):
    """10 Hz at any rate is 10 Hz at 128 Hz, edges aside."""
    extract = MultiMedSignalFeatureExtractor(sampling_rate=128.0, patch_size=64)
    seconds = np.arange(int(4 * rate)) / rate
    wave = extract([recording(20 * np.sin(2 * np.pi * 10 * seconds)[None], ["Cz"], rate)])["values"].ravel()
    assert len(wave) == 512
    expected = np.sin(2 * np.pi * 10 * np.arange(512) / 128)
    assert np.abs(wave - expected)[40:-40].max() < 0.02


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (recording([1.0, 2.0]), r"shape \(channels, time\), got \(2,\)"),
        (recording(np.zeros((2, 0))), r"shape \(channels, time\), got \(2, 0\)"),
        (recording(np.zeros((3, 9))), "Expected 3 channel names, got 2"),
        (recording([[1.0, np.nan], [0.0, 0.0]]), "finite EEG values in microvolt, got NaN"),
        (recording([[1.0, np.inf], [0.0, 0.0]]), "finite EEG values"),
        (recording(np.zeros((2, 9)), rate=0.0), "sampling rate of at least 1 Hz, got 0.0"),
        (recording(np.zeros((2, 9)), rate=-128.0), "sampling rate"),
        (recording(np.zeros((2, 9)), rate=float("nan")), "sampling rate of at least 1 Hz, got nan"),
        (recording(np.zeros((2, 9)), rate=float("inf")), "sampling rate"),
        (recording(np.zeros((2, 9)), ["C3", "ECG"]), "10-10 electrode such as 'C3' or 'FCz', got 'ECG'"),
        ({"signal": np.zeros((2, 9))}, r"dict with signal, channels, sampling_rate, got \['signal'\]"),
        (np.zeros((2, 9)), "dict with signal, channels, sampling_rate, got ndarray"),
    ],
)
def test_wrong_signals_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        MultiMedSignalFeatureExtractor()([recording(np.zeros((2, 9))), wrong])


@given(st.lists(st.text(NUCLEOTIDES, min_size=1, max_size=30), min_size=1, max_size=5))
def test_sequences_can_be_read_back(sequences):
    packed = MultiMedSequenceFeatureExtractor(NUCLEOTIDES)([sequence.lower() for sequence in sequences])
    assert packed["lengths"].tolist() == [len(sequence) for sequence in sequences]
    assert "".join(NUCLEOTIDES[code] for code in packed["input_ids"]) == "".join(sequences)


@pytest.mark.parametrize(
    ("alphabet", "wrong", "message"),
    [
        (NUCLEOTIDES, "ACGU-", r"letters of 'ACGTN' \(N unknown\), got \['-', 'U'\]"),
        (NUCLEOTIDES, "", "1 to 12 letters, got 0"),
        (NUCLEOTIDES, "A" * 13, "1 to 12 letters, got 13"),
        (AMINO_ACIDS, "MKB", r"\(X unknown\), got \['B'\]"),
    ],
)
def test_wrong_sequences_are_refused(alphabet, wrong, message):
    with pytest.raises(ValueError, match=message):
        MultiMedSequenceFeatureExtractor(alphabet, max_length=12)([alphabet[:3], wrong])


def test_cells_by_symbol_or_index():
    extract = MultiMedCellFeatureExtractor(["CD3E", "MS4A1", "NKG7"])
    by_symbol = extract([{"genes": ["NKG7", "CD3E"], "values": [1.5, 0.5]}, {"genes": ["MS4A1"], "values": [2.0]}])
    by_index = extract([{"genes": np.array([2, 0]), "values": [1.5, 0.5]}, {"genes": [1], "values": [2.0]}])
    for packed in (by_symbol, by_index):
        assert packed["gene_ids"].tolist() == [2, 0, 1] and packed["gene_ids"].dtype == np.int64
        assert packed["values"].tolist() == [1.5, 0.5, 2.0] and packed["values"].dtype == np.float32
        assert packed["lengths"].tolist() == [2, 1]
    # Without symbols any index may be right: the model knows how many there are.
    assert MultiMedCellFeatureExtractor()([{"genes": [9999], "values": [1.0]}])["gene_ids"].tolist() == [9999]


@pytest.mark.parametrize(
    ("genes", "values", "message"),
    [
        (["CD3E"], [1.0, 2.0], "as many values as genes, at least one, got 2 and 1"),
        ([], [], "at least one, got 0 and 0"),
        (["CD3E"], [-0.1], "finite and not negative"),
        (["CD3E"], [np.nan], "finite and not negative"),
        (["CD3E", "ACTB"], [1.0, 1.0], r"genes of the model's 3, got \['ACTB'\]: leave them out"),
        ([3], [1.0], "indices below 3, got 3"),
        ([-1], [1.0], r"indices from 0, got \[-1\]"),
        ([0.5], [1.0], r"indices from 0, got \[0.5\]"),
    ],
)
def test_wrong_cells_are_refused(genes, values, message):
    with pytest.raises(ValueError, match=message):
        MultiMedCellFeatureExtractor(["CD3E", "MS4A1", "NKG7"])([{"genes": genes, "values": values}])


def test_cells_without_values_are_refused():
    with pytest.raises(ValueError, match=r"dict with genes, values, got \['genes'\]"):
        MultiMedCellFeatureExtractor()([{"genes": [0]}])
