import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.preprocessing import StandardScaler

from multimed_hf.evaluation.features import (
    AMINO_ACIDS,
    BANDS,
    BandPowers,
    CellFeatures,
    Composition,
    GenomicsFeatures,
    PeakFeatures,
    PlainFeatures,
    SequenceFeatures,
    TextFeatures,
    band_powers,
    plain_samples,
)


def dense(matrix):
    return matrix.toarray() if hasattr(matrix, "toarray") else np.asarray(matrix)


def sample(**inputs):
    return {"inputs": inputs, "choices": None, "labels": {}}


@pytest.mark.parametrize(
    ("frequency", "band"), [(2.0, "delta"), (6.0, "theta"), (10.0, "alpha"), (20.0, "beta"), (40.0, "gamma")]
)
def test_a_wave_has_its_power_in_its_band(frequency, band):
    time = np.arange(512) / 128
    powers = band_powers(10 * np.sin(2 * np.pi * frequency * time)[None], ["cz"], 128.0)
    assert list(BANDS)[powers["CZ"].argmax()] == band


def test_band_power_is_log_of_the_density_of_white_noise():
    noise = np.random.default_rng(0).normal(0, 3.0, (1, 128 * 600))
    # White noise of variance 9 at 128 Hz has the one-sided density 9 / 64 at every frequency.
    assert band_powers(noise, ["Cz"], 128.0)["CZ"] == pytest.approx(np.full(5, np.log10(9 / 64)), abs=0.02)


def test_flat_and_short_windows_have_finite_powers():
    assert np.isfinite(band_powers(np.zeros((1, 256)), ["Cz"], 128.0)["CZ"]).all()
    assert np.isfinite(band_powers(np.ones((1, 20)), ["Cz"], 50.0)["CZ"]).all()


def test_channels_are_aligned_by_name():
    left, right = np.arange(5.0), np.arange(5.0) + 10
    features = BandPowers().fit([{"C3": left, "C4": right}, {"C4": right, "C3": left}])
    rows = features.transform([{"C4": right, "C3": left}, {"C4": right}])
    assert rows[0].tolist() == [*left, *right]
    assert rows[1].tolist() == [*right, *right]


def test_different_montages_are_averaged_over_channels():
    features = BandPowers().fit([{"C3": np.zeros(5)}, {"C4": np.ones(5), "CZ": np.zeros(5)}])
    assert features.transform([{"C4": np.ones(5), "CZ": np.zeros(5)}]).tolist() == [[0.5] * 5]


@given(st.lists(st.text("ACGTN", min_size=12, max_size=12), min_size=1, max_size=5))
def test_one_hot_is_the_plain_loop(sequences):
    expected = [[float(letter == base) for letter in sequence for base in "ACGT"] for sequence in sequences]
    assert dense(SequenceFeatures().fit(sequences).transform(sequences)).tolist() == expected


@given(st.lists(st.text("ACGTN", min_size=1, max_size=30), min_size=2, max_size=5))
def test_word_counts_are_those_of_scikit_learn(sequences):
    sequences = [*sequences, "A" * 31, "C" * 32]
    words = ["".join("ACGT"[code // 4**place % 4] for place in (3, 2, 1, 0)) for code in range(256)]
    counter = CountVectorizer(analyzer="char", ngram_range=(4, 4), lowercase=False, vocabulary=words)
    got = dense(SequenceFeatures().fit(sequences).transform(sequences))
    assert got.tolist() == counter.transform(sequences).toarray().tolist()


def test_a_sequence_of_another_length_is_cut_or_left_empty_at_its_end():
    features = SequenceFeatures().fit(["ACG"])
    rows = dense(features.transform(["ACGT", "A"]))
    assert rows.tolist() == [[1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0], [1] + [0] * 11]


def test_cells_keep_the_genes_of_training_only():
    features = CellFeatures().fit([{"genes": [7, 2], "values": [1.0, 2.0]}, {"genes": [2], "values": [3.0]}])
    rows = features.transform([{"genes": [7, 5, 2], "values": np.array([0.5, 9.0, 0.25])}])
    assert rows.tolist() == [[0.25, 0.5]]


def test_peaks_are_tf_idf_of_those_open_in_training():
    train = [[4, 9], [9], [2, 4, 9], [9, 2]]
    names = {2: "two", 4: "four", 9: "nine", 7: "seven"}
    texts = [" ".join(names[peak] for peak in peaks) for peaks in train]
    expected = TfidfVectorizer(vocabulary=["two", "four", "nine"]).fit(texts)
    features = PeakFeatures().fit(train)
    test = [[7, 9, 4], [2], [7], []]
    texts = [" ".join(names[peak] for peak in peaks) for peaks in test]
    got = dense(features.transform(test))
    assert got == pytest.approx(expected.transform(texts).toarray() * np.sqrt(3))
    assert (got[:2] ** 2).mean() == pytest.approx(1)


def test_dna_and_peaks_stand_side_by_side():
    train = ["AC", {"peaks": np.array([5])}, {"dna": "CC", "peaks": [5, 3]}]
    features = GenomicsFeatures().fit(train)
    rows = dense(features.transform([*train, {"dna": "AC", "peaks": [8]}]))
    one_hot = dense(SequenceFeatures().fit(["AC", "CC"]).transform(["AC", "", "CC", "AC"]))
    peaks = dense(PeakFeatures().fit([[5], [5, 3]]).transform([[], [5], [5, 3], [8]]))
    assert rows == pytest.approx(np.concatenate([one_hot, peaks], 1)) and not rows[3, 8:].any()
    only = GenomicsFeatures().fit(train[1:2])
    assert only.transform(train).shape == (3, 1) and GenomicsFeatures().fit(["AC"]).transform(train).shape == (3, 8)


def test_composition_counts_residues():
    row = Composition().transform(["AACX"])[0]
    assert dict(zip(AMINO_ACIDS, row, strict=True)) == {**dict.fromkeys(AMINO_ACIDS, 0.0), "A": 0.5, "C": 0.25}


def test_texts_are_tf_idf_of_words_and_pairs():
    texts = [("is it so", "the heart is big"), "the heart is small", "the lungs are clear"]
    joined = ["is it so the heart is big", *texts[1:]]
    expected = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2).fit_transform(joined)
    got = TextFeatures().fit(texts).transform(texts)
    assert got.toarray() == pytest.approx(expected.toarray())
    assert TextFeatures().fit(["alone here"]).transform(["alone"]).nnz == 1
    with pytest.raises(ValueError, match="Expected texts with words"):
        TextFeatures().fit(["", "?"])


def test_modalities_stand_side_by_side_and_what_a_row_lacks_is_zero():
    cells = [{"genes": [0], "values": [1.0]}, {"genes": [0], "values": [3.0]}]
    train = [sample(scrna=cells[0]), sample(scrna=cells[1], genomics="AC"), sample(genomics="CC")]
    features = PlainFeatures().fit(train)
    got = dense(features.transform([*train, sample(protein="MK")]))
    scaled = StandardScaler().fit_transform([[1.0], [3.0]]).ravel().tolist()
    one_hot = {"AC": [1, 0, 0, 0, 0, 1, 0, 0], "CC": [0, 1, 0, 0, 0, 1, 0, 0]}
    expected = [[*[0] * 8, scaled[0]], [*one_hot["AC"], scaled[1]], [*one_hot["CC"], 0], [0] * 9]
    assert got == pytest.approx(np.array(expected))
    with pytest.raises(ValueError, match="Expected training rows"):
        PlainFeatures().fit([])


def test_plain_samples_hold_band_powers_instead_of_signals():
    class Windows:
        def __len__(self):
            return 3

        def __getitems__(self, indices):
            signal = {"signal": np.ones((2, 64)), "channels": ["C3", "C4"], "sampling_rate": 64.0}
            return [sample(eeg=dict(signal), text="a") for _ in indices]

    samples = plain_samples(Windows(), progress=False)
    assert (
        len(samples) == 3 and set(samples[0]["inputs"]["eeg"]) == {"C3", "C4"} and samples[0]["inputs"]["text"] == "a"
    )
