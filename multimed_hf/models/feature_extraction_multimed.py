"""Feature extractors: one modality's raw values to the packed arrays that its encoder takes."""

import math
from collections.abc import Mapping

import numpy as np
from transformers.feature_extraction_utils import BatchFeature, FeatureExtractionMixin

from .electrodes_multimed import position

try:
    from scipy.signal import resample_poly
except ImportError:  # needed only for signals recorded at another rate than the model's
    resample_poly = None

NUCLEOTIDES = "ACGTN"
AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWYX"


def _fields(value, *names):
    """The fields of a dict, in the order of `names`; one that is missing is named."""
    keys = list(value) if isinstance(value, Mapping) else type(value).__name__
    if not isinstance(value, Mapping) or any(name not in value for name in names):
        raise ValueError(f"Expected a dict with {', '.join(names)}, got {keys}.")
    return [value[name] for name in names]


def _numbers(given, known, what):
    """The numbers of a list of at least one, given by their names or already as numbers.

    Args:
        given: the list.
        known: name to number; empty if the model counts without names.
        what: what they are, for errors.

    Returns:
        `(items,)` int64.

    Raises:
        ValueError: unknown names, no integers, or integers out of range.
    """
    if isinstance(given[0], str):
        unknown = [name for name in given if name not in known]
        if unknown:
            raise ValueError(f"Expected {what}s of the model's {len(known)}, got {unknown[:5]}: leave them out.")
        given = [known[name] for name in given]
    numbers = np.asarray(given)
    if numbers.ndim != 1 or not np.issubdtype(numbers.dtype, np.integer) or numbers.min() < 0:
        raise ValueError(f"Expected {what}s by name or as indices from 0, got {given[:5]}.")
    if known and numbers.max() >= len(known):
        raise ValueError(f"Expected {what} indices below {len(known)}, got {numbers.max()}.")
    return numbers.astype(np.int64)


class MultiMedSignalFeatureExtractor(FeatureExtractionMixin):
    """EEG recordings to patches of single channels.

    Each channel is resampled to `sampling_rate`, freed of its mean, clipped to `limit`, divided by `unit` and cut into
    patches of `patch_size` samples; the last one is filled up with zeros.

    Args:
        sampling_rate (`float`): Hz.
        patch_size (`int`): samples per patch.
        unit (`float`): microvolt that become 1.
        limit (`float`): microvolt beyond which a sample is clipped.
    """

    model_input_names = ["values", "electrodes", "times", "lengths"]

    def __init__(self, sampling_rate=128.0, patch_size=64, unit=20.0, limit=500.0, **kwargs):
        super().__init__(**kwargs)
        self.sampling_rate, self.patch_size, self.unit, self.limit = sampling_rate, patch_size, unit, limit

    def __call__(self, recordings, return_tensors=None, **kwargs):
        """`recordings`: a list of `{"signal": (channels, time) microvolt, "channels": names, "sampling_rate": Hz}`.

        Raises:
            ValueError: a missing field, a signal of another rank, as many names as there are not channels, values that
                are not finite, an unknown electrode.
        """
        values, electrodes, times, lengths = [], [], [], []
        for recording in recordings:
            patches = self._patches(recording)
            channels, count, _ = patches.shape
            places = np.array([position(name) for name in recording["channels"]], dtype=np.float32)
            values.append(patches.reshape(channels * count, -1))
            electrodes.append(np.repeat(places, count, axis=0))
            times.append(np.tile(np.arange(count), channels))
            lengths.append(channels * count)
        data = {
            "values": np.concatenate(values).astype(np.float32),
            "electrodes": np.concatenate(electrodes),
            "times": np.concatenate(times),
            "lengths": np.array(lengths),
        }
        return BatchFeature(data, tensor_type=return_tensors)

    def _patches(self, recording):
        signal, names, rate = _fields(recording, "signal", "channels", "sampling_rate")
        signal = np.asarray(signal, dtype=np.float32)
        if signal.ndim != 2 or 0 in signal.shape:
            raise ValueError(f"Expected an EEG signal of shape (channels, time), got {signal.shape}.")
        if len(names) != len(signal):
            raise ValueError(f"Expected {len(signal)} channel names, got {len(names)}.")
        if not np.isfinite(signal).all():
            raise ValueError("Expected finite EEG values in microvolt, got NaN or infinity.")
        rate = float(rate)
        if not 1 <= rate < math.inf:
            raise ValueError(f"Expected a sampling rate of at least 1 Hz, got {rate}.")
        if rate != self.sampling_rate:
            if resample_poly is None:
                raise ImportError(
                    f"Resampling from {rate} Hz to {self.sampling_rate} Hz needs scipy: pip install scipy."
                )
            up, down = round(self.sampling_rate * 10), round(rate * 10)
            divisor = math.gcd(up, down)
            signal = resample_poly(signal, up // divisor, down // divisor, axis=1, padtype="mean")
        signal = np.clip(signal - signal.mean(axis=1, keepdims=True), -self.limit, self.limit) / self.unit
        missing = -signal.shape[1] % self.patch_size
        return np.pad(signal, ((0, 0), (0, missing))).reshape(len(signal), -1, self.patch_size)


class MultiMedSequenceFeatureExtractor(FeatureExtractionMixin):
    """Sequences over an alphabet to letter ids.

    Args:
        alphabet (`str`): the letters; the last one stands for "unknown".
        max_length (`int`): longest sequence in letters; longer ones are refused, not cut.
    """

    model_input_names = ["input_ids", "lengths"]

    def __init__(self, alphabet=NUCLEOTIDES, max_length=8192, **kwargs):
        super().__init__(**kwargs)
        self.alphabet, self.max_length = alphabet, max_length

    def __call__(self, sequences, return_tensors=None, **kwargs):
        """`sequences`: a list of strings; lower case is read as upper case.

        Raises:
            ValueError: an empty or too long sequence, or a letter that the alphabet lacks.
        """
        ids = []
        for sequence in sequences:
            if not 0 < len(sequence) <= self.max_length:
                raise ValueError(f"Expected a sequence of 1 to {self.max_length} letters, got {len(sequence)}.")
            codes = [self.alphabet.find(letter) for letter in sequence.upper()]
            if min(codes) < 0:
                wrong = sorted({letter for letter, code in zip(sequence.upper(), codes, strict=True) if code < 0})
                raise ValueError(f"Expected letters of {self.alphabet!r} ({self.alphabet[-1]} unknown), got {wrong}.")
            ids.append(np.array(codes))
        data = {"input_ids": np.concatenate(ids), "lengths": np.array([len(codes) for codes in ids])}
        return BatchFeature(data, tensor_type=return_tensors)


class MultiMedCellFeatureExtractor(FeatureExtractionMixin):
    """Cells as lists of expressed genes and their values.

    Args:
        genes (`list[str]`): symbols the model knows, in the order of its embedding; empty if only indices are used.
    """

    model_input_names = ["gene_ids", "values", "lengths"]

    def __init__(self, genes=(), **kwargs):
        super().__init__(**kwargs)
        self.genes = list(genes)

    def __call__(self, cells, return_tensors=None, **kwargs):
        """`cells`: a list of `{"genes": symbols or indices, "values": log1p counts per 10,000}` of equal lengths.

        Raises:
            ValueError: a missing field, as many values as there are not genes, negative or non-finite values, an unknown
                gene, no gene, an index that is negative or no integer.
        """
        known = {symbol: index for index, symbol in enumerate(self.genes)}
        ids, values = [], []
        for cell in cells:
            genes, expression = _fields(cell, "genes", "values")
            genes, expression = list(genes), np.asarray(expression, dtype=np.float32)
            if len(genes) != len(expression) or not genes:
                raise ValueError(
                    f"Expected as many values as genes, at least one, got {len(expression)} and {len(genes)}."
                )
            if not (np.isfinite(expression).all() and (expression >= 0).all()):
                raise ValueError("Expected log1p counts per 10,000, finite and not negative, got others.")
            ids.append(_numbers(genes, known, "gene"))
            values.append(expression)
        data = {
            "gene_ids": np.concatenate(ids),
            "values": np.concatenate(values),
            "lengths": np.array([len(part) for part in ids]),
        }
        return BatchFeature(data, tensor_type=return_tensors)


class MultiMedPeakFeatureExtractor(FeatureExtractionMixin):
    """Open chromatin as sets of accessible peaks.

    Args:
        peaks (`list[str]`): names of the peaks that the model knows, in the order of its embedding; empty if only indices
            are used.
    """

    model_input_names = ["peak_ids", "peak_lengths"]

    def __init__(self, peaks=(), **kwargs):
        super().__init__(**kwargs)
        self.peaks = list(peaks)

    def __call__(self, sets, return_tensors=None, **kwargs):
        """`sets`: a list of lists of open peaks, by name or index, in any order; an empty one for a sample without any.

        Raises:
            ValueError: an unknown or repeated peak, an index that is out of range or no integer.
        """
        known = {name: index for index, name in enumerate(self.peaks)}
        ids = [np.zeros(0, np.int64)]
        for peaks in sets:
            # Arrays too have no truth of their own.
            numbers = _numbers(list(peaks), known, "peak") if len(peaks) else ids[0]
            distinct, counts = np.unique(numbers, return_counts=True)
            if len(distinct) < len(numbers):
                raise ValueError(f"Expected every open peak once, got {distinct[counts > 1][:5].tolist()} repeated.")
            ids.append(numbers)
        data = {"peak_ids": np.concatenate(ids), "peak_lengths": np.array([len(part) for part in ids[1:]])}
        return BatchFeature(data, tensor_type=return_tensors)


def dna_and_peaks(value):
    """The DNA of a genomics sample, None for none, and its open peaks, an empty list for none.

    Args:
        value: a string of nucleotides, or a dict with `"dna"`, `"peaks"` or both, of which either may be None.

    Raises:
        ValueError: something else, or a dict with neither.
    """
    if isinstance(value, str):
        return value, []
    if not isinstance(value, Mapping) or not value.keys() <= {"dna", "peaks"}:
        got = list(value) if isinstance(value, Mapping) else type(value).__name__
        raise ValueError(f"Expected DNA as a string, or a dict with dna and peaks, got {got}.")
    dna, peaks = value.get("dna"), value.get("peaks")
    peaks = [] if peaks is None else peaks
    if not isinstance(dna, (str, type(None))):
        raise ValueError(f"Expected DNA as a string, got {type(dna).__name__}.")
    if isinstance(peaks, str) or not hasattr(peaks, "__len__"):
        raise ValueError(f"Expected open peaks as a list of names or indices, got {peaks!r}.")
    if dna is None and not len(peaks):
        raise ValueError("Expected DNA, at least one open peak, or both, got neither: give None instead.")
    return dna, peaks


__all__ = [
    "MultiMedCellFeatureExtractor",
    "MultiMedPeakFeatureExtractor",
    "MultiMedSequenceFeatureExtractor",
    "MultiMedSignalFeatureExtractor",
]
