"""From the elements of what an encoder reads back to what was given: pixels, seconds, residues, words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .paths import Path, texts_of, tokenizer_of, tokens_of


@dataclass(frozen=True)
class Placed:
    """Numbers in the coordinates of what was given.

    Attributes:
        values: as many axes as `axes`.
        axes: what each axis counts.
        coordinates: for each axis one entry a place: rows and columns from 0, channel names, seconds, letters, ...
    """

    values: np.ndarray
    axes: tuple[str, ...]
    coordinates: tuple[Sequence[Any], ...]


def place(processor: Any, path: Path, values: np.ndarray) -> Placed:
    """Puts a number for every element of a path where the element lies; sums stay as they are.

    Args:
        processor: the model's processor.
        path: the path.
        values: in the shape of `path.values`.
    """
    return _FORMS[path.key if path.key != "values" else path.modality](processor, path, values)


def spread(values: np.ndarray, axis: int, own: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Hands numbers along one axis over to other places, all of each.

    A number goes in equal parts to the places that are nearer to it than to any other number, or, if there are none, to the
    place that is nearest.

    Args:
        values: the numbers.
        axis: the axis.
        own: where the numbers lie, ascending.
        places: where they are wanted, ascending.
    """
    nearest = np.abs(places[:, None] - own[None]).argmin(1)
    shares = np.zeros((len(places), len(own)))
    shares[np.arange(len(places)), nearest] = 1
    for lost in np.flatnonzero(shares.sum(0) == 0):
        shares[np.abs(places - own[lost]).argmin(), lost] = 1
    shares /= shares.sum(0)
    return np.moveaxis(np.tensordot(shares, values, (1, axis)), 0, axis)


def _image(processor: Any, path: Path, values: np.ndarray) -> Placed:
    given = path.sample.inputs[path.modality]
    if path.key == "pixel_values":
        pixels = values.sum((0, 1))
    else:
        rows, columns = (len(np.unique(axis)) for axis in given["grid"].cpu().numpy().T)
        side = processor.patch_image_processor.patch_size
        patches = values.reshape(rows, columns, -1, side, side).sum(2)
        pixels = patches.transpose(0, 2, 1, 3).reshape(rows * side, columns * side)
    raw = path.sample.raw[path.modality]
    image = raw["image"] if isinstance(raw, dict) else raw
    height, width = (image.height, image.width) if hasattr(image, "height") else np.shape(image)[:2]
    for axis, size in enumerate((height, width)):
        count = pixels.shape[axis]
        pixels = spread(pixels, axis, (np.arange(count) + 0.5) / count, (np.arange(size) + 0.5) / size)
    return Placed(pixels, ("row", "column"), (range(height), range(width)))


def _volume(processor: Any, path: Path, values: np.ndarray) -> Placed:
    images, raw = processor.patch_image_processor, path.sample.raw[path.modality]
    patch, shape = images.volume_patch_size, np.shape(raw["volume"])
    middles = [np.unique(axis) for axis in path.sample.inputs[path.modality]["places"].cpu().numpy().T]
    counts = [len(axis) for axis in middles]
    # Voxels of large volumes are larger, by one factor along all axes.
    steps = [np.diff(axis).mean() / size if len(axis) > 1 else None for axis, size in zip(middles, patch, strict=True)]
    factor = max((step / size for step, size in zip(steps, images.voxel_size, strict=True) if step), default=1.0)
    voxels = values.reshape(*counts, *patch).transpose(0, 3, 1, 4, 2, 5)
    voxels = voxels.reshape([count * size for count, size in zip(counts, patch, strict=True)])
    for axis, (size, step, spacing) in enumerate(zip(patch, steps, raw["spacing"], strict=True)):
        step = step or images.voxel_size[axis] * factor
        within = (np.arange(size) - (size - 1) / 2) * step
        own = (middles[axis][:, None] + within).ravel()
        voxels = spread(voxels, axis, own, (np.arange(shape[axis]) - (shape[axis] - 1) / 2) * float(spacing))
    return Placed(voxels, ("slice", "row", "column"), tuple(map(range, shape)))


def _slices(processor: Any, path: Path, values: np.ndarray) -> Placed:
    raw, pixels = path.sample.raw[path.modality], values.sum(1)
    shape = np.shape(raw["volume"])
    middles = path.sample.inputs[path.modality]["places"].cpu().numpy()[:, 0]
    pixels = spread(pixels, 0, middles, (np.arange(shape[0]) - (shape[0] - 1) / 2) * float(raw["spacing"][0]))
    for axis in (1, 2):
        count, size = pixels.shape[axis], shape[axis]
        pixels = spread(pixels, axis, (np.arange(count) + 0.5) / count, (np.arange(size) + 0.5) / size)
    return Placed(pixels, ("slice", "row", "column"), tuple(map(range, shape)))


def _eeg(processor: Any, path: Path, values: np.ndarray) -> Placed:
    raw, rate = path.sample.raw["eeg"], processor.eeg_feature_extractor.sampling_rate
    channels, seconds = list(raw["channels"]), np.arange(np.shape(raw["signal"])[1]) / float(raw["sampling_rate"])
    traces = values.reshape(len(channels), -1)
    return Placed(
        spread(traces, 1, np.arange(traces.shape[1]) / rate, seconds),
        ("channel", "second"),
        (channels, seconds.tolist()),
    )


def _genes(processor: Any, path: Path, values: np.ndarray) -> Placed:
    genes = list(path.sample.raw["scrna"]["genes"])
    return Placed(values, ("gene",), (_named(genes, processor.scrna_feature_extractor.genes),))


def _peaks(processor: Any, path: Path, values: np.ndarray) -> Placed:
    peaks = list(path.sample.raw["genomics"]["peaks"])
    return Placed(values, ("peak",), (_named(peaks, processor.peak_feature_extractor.peaks),))


def _named(items: Sequence[Any], names: Sequence[str]) -> list[str]:
    return [item if isinstance(item, str) else names[int(item)] if names else str(item) for item in items]


def _letters(processor: Any, path: Path, values: np.ndarray) -> Placed:
    given, raw = path.sample.inputs[path.modality], path.sample.raw[path.modality]
    if path.modality == "text" or (path.modality == "genomics" and path.modality in processor.encoder_processors):
        return _tokens(processor, path, values)
    if "kept" in given:
        values = values[given["kept"].cpu().numpy()]
    axis = "nucleotide" if path.modality == "genomics" else "residue"
    return Placed(values, (axis,), (list(raw["dna"] if isinstance(raw, dict) else raw),))


def _tokens(processor: Any, path: Path, values: np.ndarray) -> Placed:
    """Pieces of text as they stand in it; special tokens, which are none of it, are left out."""
    encoded, texts = tokens_of(processor, path.sample, path.modality), texts_of(path.sample, path.modality)
    kept = [place for place, special in enumerate(encoded["special_tokens_mask"]) if not special]
    if "offset_mapping" in encoded:
        owners, spans = encoded.sequence_ids(), encoded["offset_mapping"]
        pieces = [texts[owners[place]][slice(*spans[place])] for place in kept]
    else:
        tokenizer = tokenizer_of(processor, path.modality)
        pieces = tokenizer.convert_ids_to_tokens([encoded["input_ids"][place] for place in kept])
    return Placed(values[kept], ("token",), (pieces,))


_FORMS: dict[str, Callable[[Any, Path, np.ndarray], Placed]] = {
    "pixels": _image,
    "pixel_values": _image,
    "voxels": _volume,
    "slices": _slices,
    "eeg": _eeg,
    "scrna": _genes,
    "peak_ids": _peaks,
    "input_ids": _letters,
}
