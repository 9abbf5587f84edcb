"""What each part of a modality adds to a prediction: integrated gradients, and occlusion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from .coordinates import place
from .explained import Explained, ask, score
from .paths import Path, paths_of
from .sample import PackedSample, undisturbed

METHODS = ("integrated_gradients", "occlusion")
MOST_OCCLUSIONS = 512
"""Pieces into which occlusion cuts a sequence at most; genes and peaks are taken one by one."""

# Encoders take logarithms of amplitudes, which change fast near the baseline: steps lie close there.
_POWER = 2
# Blocks along a side of an image that a pre-trained encoder reads.
_BLOCKS = 14


@dataclass(frozen=True)
class Saliency:
    """What each element of one part of a modality adds to a number.

    Attributes:
        part: the modality, or `ct_volume`, `mri_volume` or `genomics_peaks`.
        method: one of `METHODS`.
        explained: the number.
        values: above zero for what raises it, in its unit: in the shape in which the part was given, images without their
            channels; of sequences one number a letter, of texts one a token.
        axes: what each axis of `values` counts.
        coordinates: one entry for each place along each axis.
        baseline: what the part is compared with.
        baseline_value: the number with the part at its baseline and all other modalities as they are.
        gap: sum of `values` less the difference of the number to `baseline_value`. Of integrated gradients it is the error
            of the sum over steps: small, or more steps are needed. Occlusion is not additive, and a gap is no error.
    """

    part: str
    method: str
    explained: Explained
    values: np.ndarray
    axes: tuple[str, ...]
    coordinates: tuple[Sequence[Any], ...]
    baseline: str
    baseline_value: float
    gap: float


def saliency(
    model: Any,
    processor: Any,
    inputs: Mapping[str, Sequence[Any]],
    task: str,
    target: str | int | None = None,
    modality: str | None = None,
    method: str = "integrated_gradients",
    steps: int = 32,
    batch_size: int = 16,
) -> dict[str, Saliency]:
    """What each pixel, voxel, value, letter, word, gene or peak of a sample adds to one number of one task.

    Integrated gradients (Sundararajan et al., ICML 2017): for the element x_i, its baseline b_i and a straight path between
    the two, `(x_i - b_i) * integral_0^1 df/dx_i (b + a (x - b)) da`, by Gauss and Legendre's rule in `sqrt(a)`. They sum to
    f(x) - f(b). Occlusion: f(x) - f(x with the element at its baseline), where elements are patches of images, volumes and
    single EEG channels, else letters, tokens, genes, peaks; what a patch adds is spread evenly over it.

    Of the modalities of a sample one is moved at a time, and the others stay as they are.

    Args:
        model, processor, inputs, task, target: as `contributions` takes them.
        modality: the one to look at; None for all.
        method: "integrated_gradients" or "occlusion".
        steps: points along the path, of integrated gradients.
        batch_size: copies of the sample in one packed batch.

    Returns:
        Part to its saliency: the modality, for volumes of CT and MR `ct_volume` and `mri_volume`, for open chromatin
        `genomics_peaks`.

    Raises:
        ValueError: as `contributions`; an unknown method, or a modality that the sample lacks.
    """
    if method not in METHODS:
        raise ValueError(f"Expected a method among {METHODS}, got {method!r}.")
    sample = PackedSample.of(model, processor, inputs)
    if modality is not None and modality not in sample.modalities:
        raise ValueError(f"Expected a modality of the sample, one of {sample.modalities}, got {modality!r}.")
    found = {}
    with undisturbed(model) as ready:
        explained = ask(ready, sample, task, target)
        for name in sample.modalities if modality is None else [modality]:
            for path in paths_of(ready, processor, sample, name):
                at = partial(_scores, ready, explained, path)
                if method == "occlusion":
                    values = _occlusion(at, path, batch_size)
                else:
                    values = _integrated(at, path, steps, batch_size)
                with torch.no_grad():
                    low, high = at(torch.stack([torch.full(path.values.shape, each) for each in (0.0, 1.0)])).tolist()
                placed = place(processor, path, values)
                found[path.part] = Saliency(
                    part=path.part,
                    method=method,
                    explained=explained,
                    values=placed.values,
                    axes=placed.axes,
                    coordinates=placed.coordinates,
                    baseline=path.baseline,
                    baseline_value=low,
                    gap=float(placed.values.sum()) - (high - low),
                )
    return found


def _scores(model: Any, explained: Explained, path: Path, dials: torch.Tensor) -> torch.Tensor:
    """The number at each row of `dials`, `(copies,)`."""
    with path.at(dials.to(path.values.device)) as arguments:
        return score(model, arguments, explained)


def _integrated(at: Callable[[torch.Tensor], torch.Tensor], path: Path, steps: int, batch_size: int) -> np.ndarray:
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    nodes = (nodes + 1) / 2
    places = torch.from_numpy(nodes**_POWER).float()
    shares = torch.from_numpy(weights / 2 * _POWER * nodes ** (_POWER - 1))
    shape = path.values.shape
    total = torch.zeros(shape, dtype=torch.float64)
    for some, heavy in zip(places.split(batch_size), shares.split(batch_size), strict=True):
        dials = some.view(-1, *[1] * len(shape)).repeat(1, *shape).to(path.values.device)
        with torch.enable_grad():
            dials.requires_grad_()
            (slopes,) = torch.autograd.grad(at(dials).sum(), dials)
        total += torch.tensordot(heavy, slopes.double().cpu(), 1)
    return total.numpy()


def _occlusion(at: Callable[[torch.Tensor], torch.Tensor], path: Path, batch_size: int) -> np.ndarray:
    pieces = torch.from_numpy(_pieces(path))
    count = int(pieces.max()) + 1
    with torch.no_grad():
        whole = at(torch.ones(1, *path.values.shape))
        without = [
            at((pieces[None] != some.view(-1, *[1] * pieces.dim())).float())
            for some in torch.arange(count).split(batch_size)
        ]
    change = (whole - torch.cat(without)).double().cpu().numpy()
    sizes = np.bincount(pieces.numpy().ravel(), minlength=count)
    return (change / sizes)[pieces.numpy()]


def _pieces(path: Path) -> np.ndarray:
    """The piece that each element belongs to, numbered from 0, in the shape of `path.values`."""
    shape = tuple(path.values.shape)
    if path.key == "pixel_values":
        rows, columns = (np.arange(size) * min(size, _BLOCKS) // size for size in shape[2:])
        return np.broadcast_to(rows[:, None] * min(shape[3], _BLOCKS) + columns, shape).copy()
    every = np.arange(shape[0])
    if path.key == "input_ids" and len(every) > MOST_OCCLUSIONS:
        every = every * MOST_OCCLUSIONS // len(every)
    return np.broadcast_to(every.reshape(-1, *[1] * (len(shape) - 1)), shape).copy()
