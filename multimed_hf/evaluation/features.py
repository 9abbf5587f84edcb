"""Plain features of the inputs that the model sees, for the classical baselines.

Every modality has features that a textbook would start with. They are fitted on training rows only.

| modality | features | scale |
|---|---|---|
| text | TF-IDF of words and word pairs in two or more texts, sublinear; question and text as one | as they are |
| eeg | log power of five bands (Welch 1967) by channel; mean over channels where montages differ | standardised |
| genomics: DNA | one-hot by position; counts of words of four letters where lengths differ | as they are |
| genomics: peaks | TF-IDF of the peaks that training samples have open | mean square 1 |
| scrna | log1p counts of the genes that training cells express | standardised |
| protein | share of each amino acid | standardised |
| images, slices | brightness and contrast of 8 x 8 cells, histogram, edge directions by cell | standardised |
| volumes | mean and deviation of 4 x 4 x 4 blocks, histogram | standardised |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from ..data.samples import Sample
from .image_features import SCANS, ScanFeatures, scan_features
from .predict import Samples

BANDS = {"delta": (1.0, 4.0), "theta": (4.0, 8.0), "alpha": (8.0, 13.0), "beta": (13.0, 30.0), "gamma": (30.0, 45.0)}
"""Bands of the EEG in Hz, lower end included, upper end not."""

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
NUCLEOTIDES = "ACGT"
WORD_LENGTH = 4

_LEAST_POWER = 1e-12  # microvolt^2 / Hz: what a flat channel has
_SECONDS = 2.0  # per Welch segment, so that the lowest band has several bins
_READ = 256


class Features(Protocol):
    """Features of one modality: `fit` on the values of training rows, `transform` any to `(rows, features)`."""

    def fit(self, values: Sequence[Any]) -> Features:
        """Learns vocabulary, positions or scale, and returns itself."""

    def transform(self, values: Sequence[Any]) -> Any:
        """A dense or sparse matrix `(rows, features)`."""


def plain_samples(dataset: Samples, progress: bool = True, description: str = "features") -> list[Sample]:
    """All samples, with EEG and images already reduced to features, so that a whole split fits into memory.

    Args:
        dataset: the rows.
        progress: whether to show a bar.
        description: name of the bar.
    """
    from tqdm.auto import tqdm

    samples: list[Sample] = []
    with tqdm(total=len(dataset), desc=description, unit=" rows", disable=not progress) as bar:
        for start in range(0, len(dataset), _READ):
            for sample in dataset.__getitems__(range(start, min(start + _READ, len(dataset)))):
                inputs = {name: _reduced(name, value) for name, value in sample["inputs"].items()}
                samples.append({**sample, "inputs": inputs})
                bar.update()
    return samples


def band_powers(signal: np.ndarray, channels: Sequence[str], sampling_rate: float) -> dict[str, np.ndarray]:
    """Log power by channel in each of `BANDS`.

    Args:
        signal: `(channels, time)`, microvolt.
        channels: names of the electrodes.
        sampling_rate: Hz.

    Returns:
        Channel name in upper case to log10 of the mean power density `(bands,)`, microvolt^2 / Hz. A band without a
        frequency bin, in a short or slow recording, takes the nearest bin.
    """
    from scipy.signal import welch

    segment = min(signal.shape[1], round(_SECONDS * float(sampling_rate)))
    frequencies, density = welch(np.asarray(signal, np.float64), float(sampling_rate), nperseg=segment)
    powers = []
    for low, high in BANDS.values():
        inside = np.flatnonzero((frequencies >= low) & (frequencies < high))
        bins = inside if len(inside) else [int(np.abs(frequencies - (low + high) / 2).argmin())]
        powers.append(density[:, bins].mean(1))
    logs = np.log10(np.stack(powers, 1) + _LEAST_POWER)
    return {name.strip().strip(".").upper(): power for name, power in zip(channels, logs, strict=True)}


class BandPowers:
    """Band powers of EEG windows, as `band_powers` gives them, side by side.

    By channel where all training windows have the same channels, else averaged over the channels of each window.
    """

    def fit(self, values: Sequence[dict[str, np.ndarray]]) -> BandPowers:
        """Learns the channels, or that there is no common set of them."""
        montages = {frozenset(value) for value in values}
        self.channels = sorted(montages.pop()) if len(montages) == 1 else []
        return self

    def transform(self, values: Sequence[dict[str, np.ndarray]]) -> np.ndarray:
        """`(windows, channels * bands)` or `(windows, bands)`; a channel that a window lacks has the others' mean."""
        rows = []
        for value in values:
            mean = np.mean(list(value.values()), axis=0)
            rows.append(np.concatenate([value.get(name, mean) for name in self.channels] or [mean]))
        return np.stack(rows)


class SequenceFeatures:
    """DNA: one-hot by position where all training sequences have one length, else counts of words of four letters.

    Letters other than A, C, G, T are no feature. Positions beyond the training length are not seen.
    """

    def fit(self, values: Sequence[str]) -> SequenceFeatures:
        """Learns whether there is one length."""
        lengths = {len(value) for value in values}
        self.length = lengths.pop() if len(lengths) == 1 else None
        return self

    def transform(self, values: Sequence[str]) -> Any:
        """`(sequences, 4 * length)` zeros and ones, or `(sequences, 4 ** 4)` counts, sparse."""
        from scipy.sparse import csr_matrix

        columns = [self._words(value) if self.length is None else self._positions(value) for value in values]
        rows = np.repeat(np.arange(len(values)), [len(part) for part in columns])
        width = len(NUCLEOTIDES) ** WORD_LENGTH if self.length is None else len(NUCLEOTIDES) * self.length
        flat = np.concatenate(columns) if columns else np.zeros(0, np.int64)
        # Entries of one word add up.
        return csr_matrix((np.ones(len(flat)), (rows, flat)), shape=(len(values), width))

    def _positions(self, sequence: str) -> np.ndarray:
        codes = _codes(sequence, NUCLEOTIDES)[: self.length]
        places = np.flatnonzero(codes >= 0)
        return places * len(NUCLEOTIDES) + codes[places]

    def _words(self, sequence: str) -> np.ndarray:
        codes = _codes(sequence, NUCLEOTIDES)
        if len(codes) < WORD_LENGTH:
            return np.zeros(0, np.int64)
        windows = np.lib.stride_tricks.sliding_window_view(codes, WORD_LENGTH)
        return windows[(windows >= 0).all(1)] @ len(NUCLEOTIDES) ** np.arange(WORD_LENGTH)[::-1]


class PeakFeatures:
    """Open chromatin: TF-IDF of peaks (Cusanovich et al., Science 2015), each row of one length whatever its depth.

    The mean square of all features is 1, so that one penalty suits them and standardised ones. Peaks that are open in no
    training sample are not seen.
    """

    def fit(self, values: Sequence[Sequence[int]]) -> PeakFeatures:
        """Learns the peaks, and how rare each is."""
        from sklearn.feature_extraction.text import TfidfTransformer

        self.peaks = np.unique(np.concatenate([np.asarray(value, np.int64) for value in values]))
        self.weights = TfidfTransformer().fit(self._open(values))
        return self

    def transform(self, values: Sequence[Sequence[int]]) -> Any:
        """`(samples, peaks)`, sparse."""
        return self.weights.transform(self._open(values)) * np.sqrt(len(self.peaks))

    def _open(self, values: Sequence[Sequence[int]]) -> Any:
        from scipy.sparse import csr_matrix

        seen = [np.asarray(value, np.int64) for value in values]
        seen = [value[np.isin(value, self.peaks)] for value in seen]
        rows = np.repeat(np.arange(len(seen)), [len(value) for value in seen])
        columns = np.searchsorted(self.peaks, np.concatenate(seen))
        return csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(seen), len(self.peaks)))


class GenomicsFeatures:
    """DNA and open peaks side by side; what a sample lacks of them is all zeros."""

    def fit(self, values: Sequence[Any]) -> GenomicsFeatures:
        """Learns from the training samples that have either: strings of DNA, or dicts with `dna` and `peaks`."""
        kinds: dict[str, type] = {"dna": SequenceFeatures, "peaks": PeakFeatures}
        self.features: dict[str, Features] = {}
        for kind, make in kinds.items():
            if present := [part for value in values if (part := _part(value, kind)) is not None]:
                self.features[kind] = make().fit(present)
        return self

    def transform(self, values: Sequence[Any]) -> Any:
        """`(samples, features)`, sparse."""
        from scipy.sparse import hstack

        empty: dict[str, Any] = {"dna": "", "peaks": ()}
        blocks = []
        for kind, features in self.features.items():
            parts = [_part(value, kind) for value in values]
            blocks.append(features.transform([empty[kind] if part is None else part for part in parts]))
        return hstack(blocks, format="csr")


class CellFeatures:
    """Expression of the genes that training cells express; other genes are not seen."""

    def fit(self, values: Sequence[dict[str, Any]]) -> CellFeatures:
        """Learns the genes."""
        self.genes = np.unique(np.concatenate([np.asarray(value["genes"], np.int64) for value in values]))
        return self

    def transform(self, values: Sequence[dict[str, Any]]) -> np.ndarray:
        """`(cells, genes)`, log1p counts per 10,000, zero where not expressed."""
        matrix = np.zeros((len(values), len(self.genes)))
        for row, value in enumerate(values):
            indices = np.asarray(value["genes"], np.int64)
            known = np.isin(indices, self.genes)
            matrix[row, np.searchsorted(self.genes, indices[known])] = np.asarray(value["values"])[known]
        return matrix


class Composition:
    """Share of each amino acid in a protein."""

    def fit(self, values: Sequence[str]) -> Composition:
        """Learns nothing."""
        return self

    def transform(self, values: Sequence[str]) -> np.ndarray:
        """`(proteins, 20)`, the shares of the twenty amino acids, zero for unknown ones."""
        counts = np.zeros((len(values), len(AMINO_ACIDS)))
        for row, value in enumerate(values):
            codes = _codes(value, AMINO_ACIDS)
            counts[row] = np.bincount(codes[codes >= 0], minlength=len(AMINO_ACIDS)) / max(1, len(value))
        return counts


class TextFeatures:
    """TF-IDF of texts, or of question and text together."""

    def fit(self, values: Sequence[Any]) -> TextFeatures:
        """Learns the vocabulary; where no term stands in two texts, single occurrences count."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        texts = [_joined(value) for value in values]
        for least in (2, 1):
            self.vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=least)
            try:
                self.vectorizer.fit(texts)
            except ValueError:
                if least == 1:
                    raise ValueError(
                        "Expected texts with words of two letters or more, got none to learn from."
                    ) from None
            else:
                break
        return self

    def transform(self, values: Sequence[Any]) -> Any:
        """`(texts, terms)`, sparse, each row of length 1."""
        return self.vectorizer.transform([_joined(value) for value in values])


class PlainFeatures:
    """Features of all modalities side by side; a modality that a row lacks is all zeros.

    Standardised features have mean 0 and variance 1 over the training rows that carry the modality, so that zero is
    their mean.
    """

    def __init__(self) -> None:
        self.features: dict[str, Features] = {}
        self.scalers: dict[str, Any] = {}
        self.widths: dict[str, int] = {}

    def fit(self, samples: Sequence[Sample]) -> PlainFeatures:
        """Learns from training samples of `plain_samples`.

        Raises:
            ValueError: no samples, or texts without words.
        """
        from sklearn.preprocessing import StandardScaler

        if not samples:
            raise ValueError("Expected training rows to fit features on, got none.")
        for modality, (make, standardise) in _MODALITIES.items():
            values = [sample["inputs"][modality] for sample in samples if modality in sample["inputs"]]
            if not values:
                continue
            self.features[modality] = make().fit(values)
            block = self.features[modality].transform(values)
            self.widths[modality] = block.shape[1]
            if standardise:
                self.scalers[modality] = StandardScaler().fit(block)
        return self

    def transform(self, samples: Sequence[Sample]) -> Any:
        """`(rows, features)`; sparse if any part is."""
        from scipy.sparse import hstack, issparse

        blocks = [self._block(modality, samples) for modality in self.features]
        if any(issparse(block) for block in blocks):
            return hstack(blocks, format="csr")
        return np.concatenate(blocks, axis=1)

    def _block(self, modality: str, samples: Sequence[Sample]) -> Any:
        from scipy.sparse import csr_matrix

        present = [place for place, sample in enumerate(samples) if modality in sample["inputs"]]
        if not present:
            return csr_matrix((len(samples), self.widths[modality]))
        block = self.features[modality].transform([samples[place]["inputs"][modality] for place in present])
        if modality in self.scalers:
            block = self.scalers[modality].transform(block)
        if len(present) == len(samples):
            return block
        places = csr_matrix((np.ones(len(present)), (present, np.arange(len(present)))), (len(samples), len(present)))
        return places @ block


_MODALITIES: dict[str, tuple[type, bool]] = {
    "text": (TextFeatures, False),
    "eeg": (BandPowers, True),
    "genomics": (GenomicsFeatures, False),
    "scrna": (CellFeatures, True),
    "protein": (Composition, True),
    **dict.fromkeys(SCANS, (ScanFeatures, True)),
}
"""Modality to its features and whether they are standardised."""


def _reduced(modality: str, value: Any) -> Any:
    """What takes much room as its features, other inputs as they are."""
    if modality in SCANS:
        return scan_features(modality, value)
    return band_powers(**value) if modality == "eeg" else value


def _part(value: Any, kind: str) -> Any:
    """The DNA or the peaks of a genomics input, None where it has none."""
    return value.get(kind) if isinstance(value, dict) else value if kind == "dna" else None


def _codes(sequence: str, alphabet: str) -> np.ndarray:
    """Index of each letter in the alphabet, -1 for others."""
    table = np.full(256, -1)
    table[np.frombuffer(alphabet.encode(), np.uint8)] = np.arange(len(alphabet))
    return table[np.frombuffer(sequence.upper().encode("ascii", "replace"), np.uint8)]


def _joined(value: Any) -> str:
    return value if isinstance(value, str) else " ".join(value)
