"""Which gene is which: subsets, models and heads each number genes in their own order; symbols tie them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..data.samples import Sample, SampleDataset


class GeneAlignment:
    """From the gene indices of built subsets to those of a model.

    Args:
        subsets: subset name to the symbols that its `gene_index` and `expression_index` count.
        vocabulary: symbols that the model's scRNA encoder counts.
        targets: head name to the symbols that its outputs stand for.
    """

    def __init__(
        self,
        subsets: Mapping[str, Sequence[str]],
        vocabulary: Sequence[str] = (),
        targets: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.subsets = {name: list(symbols) for name, symbols in subsets.items()}
        self._inputs = {name: _numbers(symbols, vocabulary) for name, symbols in subsets.items()}
        self._places = {
            (name, head): _numbers(symbols, outputs)
            for name, symbols in subsets.items()
            for head, outputs in (targets or {}).items()
        }

    def inputs(self, subset: str, index: np.ndarray) -> np.ndarray:
        """The model's numbers of genes `(genes,)` of a subset, -1 for genes that it does not know."""
        return self._inputs[subset][index]

    def places(self, subset: str, head: str, index: np.ndarray) -> np.ndarray:
        """The outputs of an expression head for genes `(genes,)` of a subset, -1 for genes that it does not predict."""
        return self._places[subset, head][index]

    def unknown(self, subset: str) -> list[str]:
        """Symbols of a subset that the model's encoder does not know."""
        return [symbol for symbol, number in zip(self.subsets[subset], self._inputs[subset], strict=True) if number < 0]

    def aligns(self, subset: str, head: str) -> bool:
        """Whether the head is one whose outputs are genes."""
        return (subset, head) in self._places


class AlignedSamples:
    """`SampleDataset` with genes in the numbers of a model.

    Input genes that the model does not know are left out; so are labels of target genes that a head does not predict.
    Labels of expression heads carry the number of the output in `index`: give the collator heads without
    `target_index`.

    Args:
        samples: the samples as built.
        genes: the numbers.
    """

    def __init__(self, samples: SampleDataset, genes: GeneAlignment) -> None:
        self.samples = samples
        self.genes = genes
        self._ends = np.cumsum([len(data) for _, data in samples.parts])

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        """The samples at `indices`, in their order; the DataLoader of torch calls this once per batch.

        Raises:
            ValueError: a sample whose every gene is unknown, and which has nothing else.
        """
        parts = np.searchsorted(self._ends, indices, side="right")
        samples = self.samples.__getitems__(indices)
        return [self._align(sample, self.samples.parts[part][0]) for sample, part in zip(samples, parts, strict=True)]

    def _align(self, sample: Sample, subset: str) -> Sample:
        if subset not in self.genes.subsets:
            return sample
        inputs, labels = dict(sample["inputs"]), {}
        if "scrna" in inputs:
            inputs |= self._cell(inputs.pop("scrna"), subset)
            if not inputs:
                raise ValueError(f"Row {sample['id']!r} of {subset!r} has no gene that the model knows: leave it out.")
        for head, label in sample["labels"].items():
            if self.genes.aligns(subset, head):
                places = self.genes.places(subset, head, label["index"])
                known = places >= 0
                label = {"index": places[known], "value": label["value"][known]}
                if not known.any():
                    continue
            labels[head] = label
        return {**sample, "inputs": inputs, "labels": labels}

    def _cell(self, cell: Mapping[str, Any], subset: str) -> dict[str, Any]:
        numbers = self.genes.inputs(subset, cell["genes"])
        known = numbers >= 0
        return {"scrna": {"genes": numbers[known], "values": cell["values"][known]}} if known.any() else {}


def _numbers(symbols: Sequence[str], counted: Sequence[str]) -> np.ndarray:
    place = {symbol: number for number, symbol in enumerate(counted)}
    return np.array([place.get(symbol, -1) for symbol in symbols], dtype=np.int64)
