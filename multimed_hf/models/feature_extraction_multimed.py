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
            if isinstance(genes[0], str):
                unknown = [symbol for symbol in genes if symbol not in known]
                if unknown:
                    raise ValueError(f"Expected genes of the model's {len(known)}, got {unknown[:5]}: leave them out.")
                genes = [known[symbol] for symbol in genes]
            indices = np.asarray(genes)
            if not np.issubdtype(indices.dtype, np.integer) or indices.min() < 0:
                raise ValueError(f"Expected genes as symbols or as indices from 0, got {genes[:5]}.")
            ids.append(indices.astype(np.int64))
            values.append(expression)
        highest = max(int(part.max()) for part in ids)
        if self.genes and highest >= len(self.genes):
            raise ValueError(f"Expected gene indices below {len(self.genes)}, got {highest}.")
        data = {
            "gene_ids": np.concatenate(ids),
            "values": np.concatenate(values),
            "lengths": np.array([len(part) for part in ids]),
        }
        return BatchFeature(data, tensor_type=return_tensors)


__all__ = ["MultiMedCellFeatureExtractor", "MultiMedSequenceFeatureExtractor", "MultiMedSignalFeatureExtractor"]
