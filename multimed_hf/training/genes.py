"""Which gene is which, and which peak: subsets, models and heads each number them in their own order; names tie them
together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..data.samples import Sample, SampleDataset


class GeneAlignment:
    """From the indices of genes and peaks of built subsets to those of a model.

    Args:
        subsets: subset name to the symbols that its `gene_index` and `expression_index` count.
        vocabulary: symbols that the model's scRNA encoder counts.
        targets: head name to the symbols that its outputs stand for.
        peaks: subset name to the names that its `peak_index` counts.
        known_peaks: names that the model's genomics encoder counts.
    """

    def __init__(
        self,
        subsets: Mapping[str, Sequence[str]],
        vocabulary: Sequence[str] = (),
        targets: Mapping[str, Sequence[str]] | None = None,
        peaks: Mapping[str, Sequence[str]] | None = None,
        known_peaks: Sequence[str] = (),
    ) -> None:
        self._names = {
            (kind, name): list(names)
            for kind, lists in (("genes", subsets), ("peaks", peaks or {}))
            for name, names in lists.items()
        }
        known = {"genes": vocabulary, "peaks": known_peaks}
        self._inputs = {(kind, name): _numbers(names, known[kind]) for (kind, name), names in self._names.items()}
        self._places = {
            (name, head): _numbers(symbols, outputs)
            for name, symbols in subsets.items()
            for head, outputs in (targets or {}).items()
        }

    def inputs(self, subset: str, index: np.ndarray, kind: str = "genes") -> np.ndarray:
        """The model's numbers of genes or, for the kind "peaks", of peaks `(inputs,)` of a subset.

        -1 for those that the model does not know, which are all in a subset without a list of their names.
        """
        numbers = self._inputs.get((kind, subset))
        return np.full(len(index), -1) if numbers is None else numbers[index]

    def places(self, subset: str, head: str, index: np.ndarray) -> np.ndarray:
        """The outputs of an expression head for genes `(genes,)` of a subset, -1 for genes that it does not predict."""
        return self._places[subset, head][index]

    def names(self, subset: str, kind: str = "genes") -> list[str]:
        """Symbols of the genes of a subset, or names of its peaks; empty for a subset without a list of them."""
        return self._names.get((kind, subset), [])

    def unknown(self, subset: str, kind: str = "genes") -> list[str]:
        """Those of `names` that the model's encoder does not know."""
        numbers = self._inputs.get((kind, subset), ())
        return [name for name, number in zip(self.names(subset, kind), numbers, strict=True) if number < 0]

    def aligns(self, subset: str, head: str) -> bool:
        """Whether the head is one whose outputs are genes."""
        return (subset, head) in self._places


class AlignedSamples:
    """`SampleDataset` with genes and peaks in the numbers of a model.

    Input genes and peaks that the model does not know are left out; so are labels of target genes that a head does not predict.
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
            ValueError: a sample whose every gene or peak is unknown, and which has nothing else.
        """
        parts = np.searchsorted(self._ends, indices, side="right")
        samples = self.samples.__getitems__(indices)
        return [self._align(sample, self.samples.parts[part][0]) for sample, part in zip(samples, parts, strict=True)]

    def _align(self, sample: Sample, subset: str) -> Sample:
        inputs, labels = dict(sample["inputs"]), {}
        # A subset without a list of its genes numbers them as the model does.
        if "scrna" in inputs and self.genes.names(subset):
            inputs |= self._cell(inputs.pop("scrna"), subset)
        if isinstance(inputs.get("genomics"), Mapping):
            inputs |= self._chromatin(inputs.pop("genomics"), subset)
        if not inputs:
            lost = " or ".join({"scrna": "gene", "genomics": "peak"}[name] for name in sample["inputs"])
            raise ValueError(f"Row {sample['id']!r} of {subset!r} has no {lost} that the model knows: leave it out.")
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

    def _chromatin(self, value: Mapping[str, Any], subset: str) -> dict[str, Any]:
        numbers = self.genes.inputs(subset, value["peaks"], "peaks")
        known = numbers >= 0
        if known.any():
            return {"genomics": {**value, "peaks": numbers[known]}}
        return {"genomics": value["dna"]} if "dna" in value else {}


def _numbers(names: Sequence[str], counted: Sequence[str]) -> np.ndarray:
    place = {name: number for number, name in enumerate(counted)}
    return np.array([place.get(name, -1) for name in names], dtype=np.int64)
