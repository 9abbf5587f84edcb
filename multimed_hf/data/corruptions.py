"""Corruptions of inputs in five severities, for every modality: how much does a score lose when the input gets worse?

After Hendrycks and Dietterich (ICLR 2019), with what goes wrong in each of these fields. Labels never change. Severity 1 is
what a careful laboratory would still accept, severity 5 what it would record again.
"""

from __future__ import annotations

import hashlib
import io
import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..tasks import closest

SEVERITIES = (1, 2, 3, 4, 5)

Row = dict[str, Any]


def corrupt_row(row: Mapping[str, Any], modality: str, corruption: str, severity: int, seed: int = 0) -> Row:
    """A copy of a row whose `modality` is worse; a row that lacks the modality comes back as it was.

    The same row, corruption, severity and seed give the same result, in any order and process:
    `data.map(corrupt_row, fn_kwargs={"modality": "eeg", "corruption": "line_noise", "severity": 3})`.

    Args:
        row: a row of any subset, decoded as `datasets` decodes it (images of PIL).
        modality: name of a modality.
        corruption: one of `CORRUPTIONS[modality]`.
        severity: 1 to 5.
        seed: another seed is another draw.

    Raises:
        UnknownNameError: the modality or the corruption does not exist.
        ValueError: a severity that is none.
    """
    if modality not in CORRUPTIONS:
        raise closest(modality, CORRUPTIONS, "modality")
    if corruption not in CORRUPTIONS[modality]:
        raise closest(corruption, CORRUPTIONS[modality], f"corruption of {modality}")
    if severity not in SEVERITIES:
        raise ValueError(f"Expected a severity from 1 to 5, got {severity!r}.")
    if not row.get(f"has_{modality}"):
        return dict(row)
    name = f"{seed}/{row['id']}/{modality}/{corruption}"
    random = np.random.Generator(np.random.SFC64(int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "little")))
    return {**row, **CORRUPTIONS[modality][corruption](row, modality, severity - 1, random)}


# --- images: float arrays (..., rows, columns) or (rows, columns, 3), 0..1 ------------------------------------------


def _gaussian_noise(image: np.ndarray, level: int, random: np.random.Generator) -> np.ndarray:
    return image + (0.03, 0.06, 0.10, 0.16, 0.25)[level] * random.standard_normal(image.shape, dtype=np.float32)


def _speckle(image: np.ndarray, level: int, random: np.random.Generator) -> np.ndarray:
    """Multiplicative, as of coherent light."""
    return image * (1 + (0.15, 0.25, 0.4, 0.6, 0.9)[level] * random.standard_normal(image.shape, dtype=np.float32))


def _rician(image: np.ndarray, level: int, random: np.random.Generator) -> np.ndarray:
    """The magnitude of a signal with noise in both channels (Gudbjartsson, Patz, Magn. Reson. Med. 34, 910, 1995)."""
    strength = (0.03, 0.06, 0.10, 0.16, 0.25)[level]
    first, second = strength * random.standard_normal((2, *image.shape), dtype=np.float32)
    return np.hypot(image + first, second)


def _blur(image: np.ndarray, level: int, random: np.random.Generator) -> np.ndarray:
    """Out of focus; as wide for every size of image."""
    from scipy.ndimage import gaussian_filter

    rows, columns = _plane(image)
    sigma = [0.0] * image.ndim
    sigma[rows] = sigma[columns] = 0.4 + (0.002, 0.005, 0.009, 0.015, 0.024)[level] * image.shape[columns]
    return gaussian_filter(image, sigma)


def _motion(image: np.ndarray, level: int, random: np.random.Generator) -> np.ndarray:
    """The patient moved: a ghost, shifted along one axis."""
    share = (0.15, 0.25, 0.35, 0.45, 0.5)[level]
    axis = _plane(image)[int(random.integers(2))]
    shift = max(1, round(image.shape[axis] * float(random.uniform(0.03, 0.06)) * (level + 1)))
    return (1 - share) * image + share * np.roll(image, shift, axis)


def _low_contrast(image: np.ndarray, level: int, random: np.random.Generator) -> np.ndarray:
    middle = image.mean()
    return middle + (image - middle) * (0.7, 0.5, 0.35, 0.25, 0.15)[level]


def _brightness(image: np.ndarray, level: int, random: np.random.Generator) -> np.ndarray:
    """Wrong exposure, over or under."""
    strength = (1.25, 1.5, 1.9, 2.4, 3.2)[level]
    return np.clip(image, 0, 1) ** (strength if random.random() < 0.5 else 1 / strength)


def _uneven(image: np.ndarray, level: int, random: np.random.Generator) -> np.ndarray:
    """A smooth bias field, as of a surface coil or of bad illumination."""
    rows, columns = _plane(image)
    down, across = np.linspace(-1, 1, image.shape[rows]), np.linspace(-1, 1, image.shape[columns])
    angle = random.uniform(0, 2 * np.pi)
    field = np.cos(angle) * down[:, None] + np.sin(angle) * across[None, :]
    gain = np.exp((0.2, 0.35, 0.55, 0.8, 1.2)[level] * field).astype(np.float32)
    return image * (gain[..., None] if columns != image.ndim - 1 else gain)


def _stain(image: np.ndarray, level: int, random: np.random.Generator) -> np.ndarray:
    """Too much of one stain and too little of the other: optical densities of the colours are scaled."""
    strength = (0.1, 0.2, 0.32, 0.46, 0.62)[level]
    density = -np.log(np.clip(image, 1 / 255, 1))
    return np.exp(-density * (1 + strength * random.choice([-1.0, 1.0], size=3)).astype(np.float32))


def _jpeg(image: np.ndarray, level: int, random: np.random.Generator) -> np.ndarray:
    """Stored with too few bytes."""
    from PIL import Image

    def squeeze(plane: np.ndarray) -> np.ndarray:
        stream = io.BytesIO()
        Image.fromarray(_bytes(plane)).save(stream, "JPEG", quality=(40, 25, 15, 9, 5)[level])
        return np.asarray(Image.open(stream), dtype=np.float32) / 255

    if _is_volume(image):
        return np.stack([squeeze(plane) for plane in image])
    return squeeze(image)


def _plane(image: np.ndarray) -> tuple[int, int]:
    """The axes of rows and columns: the last two, or the two before colours."""
    return (0, 1) if image.ndim == 3 and image.shape[-1] == 3 else (image.ndim - 2, image.ndim - 1)


def _is_volume(image: np.ndarray) -> bool:
    return image.ndim == 3 and image.shape[-1] != 3


def _bytes(image: np.ndarray) -> np.ndarray:
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)


def _on_images(change: Callable[[np.ndarray, int, np.random.Generator], np.ndarray]) -> Any:
    """The image of the modality, and its volume if the row has one, in the range that the volume had."""

    def corrupt(row: Mapping[str, Any], modality: str, level: int, random: np.random.Generator) -> Row:
        from PIL import Image

        changed: Row = {}
        if row.get(modality) is not None:
            values = np.asarray(row[modality])
            # Frames may have more than 8 bits.
            full = np.float32(255 if values.dtype == np.uint8 else max(int(values.max()), 1))
            changed[modality] = Image.fromarray(_bytes(change(values.astype(np.float32) / full, level, random)))
        volume = np.asarray(row.get(f"{modality}_volume", ()), dtype=np.float32)
        if volume.size:
            low, high = float(volume.min()), float(volume.max())
            scaled = np.clip(change((volume - low) / max(high - low, 1e-6), level, random), 0, 1)
            changed[f"{modality}_volume"] = np.round(low + scaled * (high - low)).astype(np.int16)
        return changed

    return corrupt


# --- EEG: (channels, time) microvolt ---------------------------------------------------------------------------------


def _on_signal(change: Callable[[np.ndarray, float, int, np.random.Generator], np.ndarray]) -> Any:
    def corrupt(row: Mapping[str, Any], modality: str, level: int, random: np.random.Generator) -> Row:
        signal = np.asarray(row["eeg"], dtype=np.float32)
        changed = change(signal, float(row["eeg_sampling_rate"]), level, random)
        return {"eeg": changed.astype(np.float32)}

    return corrupt


def _electrode_noise(signal: np.ndarray, rate: float, level: int, random: np.random.Generator) -> np.ndarray:
    """Bad contact: white noise in every channel, relative to the median channel."""
    strength = (0.25, 0.5, 1.0, 1.6, 2.5)[level] * np.median(signal.std(1))
    return signal + strength * random.standard_normal(signal.shape, dtype=np.float32)


def _lost_channels(signal: np.ndarray, rate: float, level: int, random: np.random.Generator) -> np.ndarray:
    """Electrodes that came off: flat channels, at least one and never all."""
    count = min(max(1, round((0.05, 0.1, 0.2, 0.35, 0.5)[level] * len(signal))), max(len(signal) - 1, 1))
    flat = signal.copy()
    flat[random.permutation(len(signal))[:count]] = 0
    return flat


def _line_noise(signal: np.ndarray, rate: float, level: int, random: np.random.Generator) -> np.ndarray:
    """Mains hum of 50 Hz, stronger in some channels; folded where the sampling rate is too low for it."""
    time = np.arange(signal.shape[1]) / rate
    hum = np.sin(2 * np.pi * (50 * time + random.random()))
    strength = (5.0, 10.0, 20.0, 40.0, 80.0)[level] * random.uniform(0.5, 1.5, len(signal))
    return signal + strength[:, None] * hum


def _drift(signal: np.ndarray, rate: float, level: int, random: np.random.Generator) -> np.ndarray:
    """Sweat: slow waves of 0.1 to 0.5 Hz."""
    time = np.arange(signal.shape[1]) / rate
    phase, frequency = random.random(len(signal)), random.uniform(0.1, 0.5, len(signal))
    wave = np.sin(2 * np.pi * (frequency[:, None] * time + phase[:, None]))
    return signal + (20.0, 40.0, 80.0, 150.0, 300.0)[level] * wave


def _gain(signal: np.ndarray, rate: float, level: int, random: np.random.Generator) -> np.ndarray:
    """Amplifiers that are not calibrated: a factor for each channel."""
    spread = (0.1, 0.2, 0.35, 0.5, 0.7)[level]
    return signal * np.exp(spread * random.standard_normal(len(signal)))[:, None]


# --- sequences, cells, texts ----------------------------------------------------------------------------------------


def _replaced(text: str, share: float, letters: str, random: np.random.Generator) -> str:
    """A `share` of the letters of a sequence drawn anew from `letters`, each another one than before if there is one."""
    changed = list(text)
    for place in np.flatnonzero(random.random(len(text)) < share):
        others = [letter for letter in letters if letter != changed[place]]
        changed[place] = others[int(random.integers(len(others)))]
    return "".join(changed)


def _on_sequence(column: str, letters: str, shares: Sequence[float]) -> Any:
    def corrupt(row: Mapping[str, Any], modality: str, level: int, random: np.random.Generator) -> Row:
        return {column: _replaced(row[column], shares[level], letters, random)}

    return corrupt


def _lost_genes(row: Mapping[str, Any], modality: str, level: int, random: np.random.Generator) -> Row:
    """Fewer molecules were caught: weak genes vanish first; the others are normalised again to the same total."""
    values = np.asarray(row["gene_value"], dtype=np.float64)
    lost = random.random(len(values)) < 1 - np.exp(-(0.1, 0.25, 0.5, 1.0, 2.0)[level] / np.maximum(values, 1e-3))
    if lost.all() and len(lost):
        lost[int(values.argmax())] = False
    counts = np.expm1(values)
    kept = counts[~lost] * (counts.sum() / max(counts[~lost].sum(), 1e-9))
    return {
        "gene_index": np.asarray(row["gene_index"])[~lost].tolist(),
        "gene_value": np.log1p(kept).astype(np.float32).tolist(),
    }


def _batch(row: Mapping[str, Any], modality: str, level: int, random: np.random.Generator) -> Row:
    """Another laboratory: a factor for each gene."""
    values = np.asarray(row["gene_value"], dtype=np.float64)
    factor = np.exp((0.1, 0.2, 0.4, 0.7, 1.0)[level] * random.standard_normal(len(values)))
    return {"gene_value": np.log1p(np.expm1(values) * factor).astype(np.float32).tolist()}


def _typos(row: Mapping[str, Any], modality: str, level: int, random: np.random.Generator) -> Row:
    """Wrong letters within words; digits, spaces and punctuation stay."""
    share = (0.01, 0.03, 0.06, 0.10, 0.18)[level]
    letters = list(row["text"])
    for place in np.flatnonzero(random.random(len(letters)) < share):
        if letters[place].isascii() and letters[place].isalpha():
            letters[place] = string.ascii_lowercase[int(random.integers(26))]
    return {"text": "".join(letters)}


def _lost_words(row: Mapping[str, Any], modality: str, level: int, random: np.random.Generator) -> Row:
    """Dictated in a hurry: words are missing, though never all."""
    words = row["text"].split(" ")
    kept = random.random(len(words)) >= (0.05, 0.1, 0.2, 0.35, 0.5)[level]
    if not kept.any():
        kept[0] = True
    return {"text": " ".join(word for word, keep in zip(words, kept, strict=True) if keep)}


_IMAGE = {"blur": _blur, "low_contrast": _low_contrast, "brightness": _brightness, "jpeg": _jpeg}
_BY_IMAGE = {
    "oct": {"speckle": _speckle, "motion": _motion, **_IMAGE},
    "xray": {"noise": _gaussian_noise, "motion": _motion, **_IMAGE},
    "fundus": {"noise": _gaussian_noise, "uneven_light": _uneven, **_IMAGE},
    "ct": {"noise": _gaussian_noise, "motion": _motion, **_IMAGE},
    "mri": {"rician_noise": _rician, "motion": _motion, "bias_field": _uneven, **_IMAGE},
    "pathology": {"noise": _gaussian_noise, "stain": _stain, **_IMAGE},
}

CORRUPTIONS: dict[str, dict[str, Callable[[Mapping[str, Any], str, int, np.random.Generator], Row]]] = {
    **{name: {key: _on_images(change) for key, change in changes.items()} for name, changes in _BY_IMAGE.items()},
    "eeg": {
        "electrode_noise": _on_signal(_electrode_noise),
        "lost_channels": _on_signal(_lost_channels),
        "line_noise": _on_signal(_line_noise),
        "drift": _on_signal(_drift),
        "gain": _on_signal(_gain),
    },
    "genomics": {
        "substitutions": _on_sequence("dna", "ACGT", (0.01, 0.03, 0.06, 0.10, 0.18)),
        "unread_bases": _on_sequence("dna", "N", (0.02, 0.05, 0.10, 0.20, 0.35)),
    },
    "scrna": {"lost_genes": _lost_genes, "batch": _batch},
    "protein": {
        "substitutions": _on_sequence("protein", "ACDEFGHIKLMNPQRSTVWY", (0.02, 0.05, 0.10, 0.20, 0.35)),
        "unknown_residues": _on_sequence("protein", "X", (0.02, 0.05, 0.10, 0.20, 0.35)),
    },
    "text": {"typos": _typos, "lost_words": _lost_words},
}
"""Modality to the names of its corruptions."""
