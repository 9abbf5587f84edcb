"""Paths from a baseline to a sample, one for each part of a modality: dials from 0 to 1, one for each of its elements.

A path puts `x(a) = b + a (x - b)` into the model, `a` a dial of its own for every element: a pixel, a voxel, a value of EEG, a
gene, a letter, a word, a peak. At 1 the model reads the sample, at 0 the baseline b; the other modalities stay as they are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from .sample import PackedSample

NO_LETTER = {"genomics": "every nucleotide N", "protein": "every residue X"}
VALUES = {
    "pixels": (0.0, "even intensity, the usual mean of the modality"),
    "pixel_values": (0.0, "even intensity, the mean of the encoder's image processor"),
    "voxels": (-1.0, "air"),
    "slices": (0.0, "even intensity, the mean of the encoder's image processor"),
    "values": (0.0, ""),
}
"""Real-valued inputs of encoders: what b is, as the encoder takes it, and in words."""


@dataclass(frozen=True)
class Path(ABC):
    """One part of one modality, and what it is moved along. A subclass says how.

    Attributes:
        sample: the sample.
        part: name of the part: that of the modality, or `ct_volume`, `mri_volume` or `genomics_peaks`.
        modality: the modality.
        key: what is moved, among the inputs of the encoder.
        baseline: b in words.
    """

    sample: PackedSample
    part: str
    modality: str
    key: str
    baseline: str

    @property
    def values(self) -> torch.Tensor:
        """What is moved, as packed."""
        return self.sample.inputs[self.modality][self.key]

    @abstractmethod
    def at(self, dials: torch.Tensor) -> AbstractContextManager[dict[str, Any]]:
        """Arguments of the model for one copy of the sample per row of `dials` `(copies, *shape of values)`; valid inside."""

    def _copies(self, dials: torch.Tensor) -> dict[str, Any]:
        return self.sample.copies([self.sample.modalities] * len(dials))


@dataclass(frozen=True)
class ValuePath(Path):
    """Real-valued inputs, moved as they are."""

    @contextmanager
    def at(self, dials: torch.Tensor) -> Iterator[dict[str, Any]]:  # noqa: D102
        arguments, start = self._copies(dials), VALUES[self.key][0]
        moved = start + dials.to(self.values.dtype) * (self.values - start)
        arguments["inputs"][self.modality][self.key] = moved.flatten(0, 1)
        yield arguments


@dataclass(frozen=True)
class TokenPath(Path):
    """Token ids, moved as embeddings, from that of the mask token of a pre-trained encoder or else from zero; special tokens
    stay.

    Attributes:
        encoder: the encoder.
        moves: which tokens move, bool `(tokens,)`.
        mask: id of the mask token, None without one.
    """

    encoder: Any
    moves: torch.Tensor
    mask: int | None

    @contextmanager
    def at(self, dials: torch.Tensor) -> Iterator[dict[str, Any]]:  # noqa: D102
        arguments = self._copies(dials)
        reading = _Reading(arguments["inputs"][self.modality][self.key])
        amounts = torch.where(self.moves, dials, 1.0)

        def move(embedding: nn.Module, given: tuple[Any, ...], embedded: torch.Tensor) -> torch.Tensor | None:
            if not reading.now:
                return None
            start = torch.zeros_like(embedded)
            if self.mask is not None:
                # Not by a call, which would end up here again.
                start = embedding.forward(torch.full_like(given[0], self.mask))
            return start + amounts.reshape(*embedded.shape[:-1], 1).to(embedded.dtype) * (embedded - start)

        with ExitStack() as hooks:
            hooks.callback(reading.watch(self.encoder).remove)
            hooks.callback(self.encoder.embedding.register_forward_hook(move).remove)
            yield arguments


@dataclass(frozen=True)
class LetterPath(Path):
    """Letters that an encoder sums up in windows, each moved from the letter for "unknown": at 0 the sequence is all N or X.

    Attributes:
        encoder: a `MultiMedSequenceEncoder`.
    """

    encoder: Any

    @contextmanager
    def at(self, dials: torch.Tensor) -> Iterator[dict[str, Any]]:  # noqa: D102
        arguments, encoder = self._copies(dials), self.encoder
        length = len(self.values)
        unknown = encoder.letters - 1
        steps = torch.arange(-(-length // encoder.stride), device=dials.device)[:, None] * encoder.stride
        window = torch.arange(encoder.window, device=dials.device)
        seen = steps + encoder.stride // 2 + window - encoder.window // 2
        own = steps + torch.arange(encoder.stride, device=dials.device)

        def windows(embedding: nn.Module, given: tuple[Any, ...]) -> tuple[tuple[Any, ...], dict[str, Any]]:
            offset = window * (encoder.letters + 1)
            known = (given[0] - offset) < encoder.letters
            return _mixed(given[0], torch.where(known, unknown + offset, given[0]), dials, seen)

        def places(embedding: nn.Module, given: tuple[Any, ...]) -> tuple[tuple[Any, ...], dict[str, Any]]:
            known = given[0] != embedding.padding_idx
            start = torch.where(known, given[0] // encoder.letters * encoder.letters + unknown, given[0])
            return _mixed(given[0], start, dials, own)

        with ExitStack() as hooks:
            for embedding, move in ((encoder.embedding, windows), (encoder.place, places)):
                if embedding is not None:
                    hook = embedding.register_forward_pre_hook(
                        lambda *given, move=move: move(*given[:2]), with_kwargs=True
                    )
                    hooks.callback(hook.remove)
            yield arguments


@dataclass(frozen=True)
class PeakPath(Path):
    """Open peaks, each moved from counting nothing; how many are open stays known.

    Attributes:
        encoder: a `MultiMedPeakEncoder`.
    """

    encoder: Any

    @contextmanager
    def at(self, dials: torch.Tensor) -> Iterator[dict[str, Any]]:  # noqa: D102
        def move(embedding: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
            ids, values, lengths = given
            return ids, values * dials.flatten().to(values.dtype), lengths

        hook = self.encoder.embedding.register_forward_pre_hook(move)
        try:
            yield self._copies(dials)
        finally:
            hook.remove()


class _Reading:
    """Whether an encoder reads the sample at the moment, and not the texts of answers or labels."""

    def __init__(self, ids: torch.Tensor) -> None:
        self.ids = ids
        self.now = False

    def watch(self, encoder: nn.Module) -> Any:
        """Notices what the encoder is given, until the handle that this gives is removed."""

        def notice(module: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
            self.now = (given[0] if given else named["input_ids"]) is self.ids

        return encoder.register_forward_pre_hook(notice, with_kwargs=True)


def _mixed(
    rows: torch.Tensor, start: torch.Tensor, dials: torch.Tensor, places: torch.Tensor
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments of an `EmbeddingBag` that sums `rows` as far as the dials at `places` are turned, and `start` for the rest.

    Args:
        rows, start: `(copies * tokens, letters)`.
        dials: `(copies, length)`.
        places: `(tokens, letters)`; what lies outside the sequence is the same in `rows` and `start`.
    """
    amounts = dials[:, places.clamp(0, dials.shape[1] - 1)].flatten(0, 1)
    return (torch.cat([rows, start], 1),), {"per_sample_weights": torch.cat([amounts, 1 - amounts], 1)}


def paths_of(model: Any, processor: Any, sample: PackedSample, modality: str) -> list[Path]:
    """The parts of a modality of a sample, each with its path."""
    given, found = sample.inputs[modality], list[Path]()
    if "peak_ids" in given:
        peaks = model.multimed.encoders[modality].peaks
        found.append(PeakPath(sample, "genomics_peaks", modality, "peak_ids", "no peak counts", peaks))
    for key, (_, words) in VALUES.items():
        if key in given and len(given[key]):
            part = f"{modality}_volume" if key in ("voxels", "slices") else modality
            words = words or {"eeg": "a flat line of 0 microvolt", "scrna": "no gene expressed"}[modality]
            found.insert(0, ValuePath(sample, part, modality, key, words))
    if "input_ids" in given and len(given["input_ids"]):
        encoder = model.multimed.encoders[modality]
        if isinstance(encoder.embedding, nn.EmbeddingBag):
            path: Path = LetterPath(sample, modality, modality, "input_ids", NO_LETTER[modality], encoder)
        else:
            path = _token_path(processor, sample, modality, encoder)
        found.insert(0, path)
    return found


def tokenizer_of(processor: Any, modality: str) -> Any:
    """The tokenizer of a modality that is read as token ids."""
    return processor.tokenizer if modality == "text" else processor.encoder_processors[modality]


def texts_of(sample: PackedSample, modality: str) -> list[str]:
    """The text of a modality that is read as token ids, or the two texts of a pair."""
    raw = sample.raw[modality]
    return [raw] if isinstance(raw, str) else [raw["dna"].upper()] if isinstance(raw, dict) else list(raw)


def tokens_of(processor: Any, sample: PackedSample, modality: str) -> Any:
    """What the tokenizer says of a text or of DNA, as the processor asks it: special tokens, and places in the text."""
    tokenizer = tokenizer_of(processor, modality)
    cut = {"truncation": True, "max_length": processor.max_text_tokens} if modality == "text" else {}
    return tokenizer(
        *texts_of(sample, modality),
        return_special_tokens_mask=True,
        return_offsets_mapping=tokenizer.is_fast,
        verbose=False,
        **cut,
    )


def _token_path(processor: Any, sample: PackedSample, modality: str, encoder: Any) -> TokenPath:
    tokenizer, given = tokenizer_of(processor, modality), sample.inputs[modality]
    moves = given.get("kept")
    if moves is None:
        special = tokens_of(processor, sample, modality)["special_tokens_mask"]
        moves = torch.tensor(special, device=given["input_ids"].device) == 0
    # The encoder of the package's own never sees a mask in training, but tokens of zeros it does, as input dropout.
    mask = tokenizer.mask_token_id if hasattr(encoder, "model") else None
    words = "zeros as embeddings" if mask is None else f"every token {tokenizer.mask_token}"
    return TokenPath(sample, modality, modality, "input_ids", words, encoder, moves, mask)
