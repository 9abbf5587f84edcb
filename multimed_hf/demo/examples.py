"""A synthetic sample for each subset, made by `multimed_hf.simulation` and called synthetic wherever it is shown."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any

from ..data.samples import sample_of
from ..simulation import generator_of
from ..simulation.streaming import stream
from ..subsets import SUBSETS


def example_names(modalities: Collection[str], genes: Collection[str] = ()) -> list[str]:
    """The subsets of which a model can read examples.

    Args:
        modalities: what it reads.
        genes: symbols that it knows; it can read a synthetic cell only if it knows some of its genes.
    """
    known = set(genes) & set(generator_of("scrna").genes)
    readable = set(modalities) - (set() if known else {"scrna"})
    return [name for name, subset in SUBSETS.items() if subset.modalities[0] in readable]


@lru_cache(maxsize=len(SUBSETS))
def example(subset: str) -> dict[str, Any]:
    """The inputs of the first synthetic row of the test split.

    Returns:
        `inputs`, modality to value, genes by symbols and texts without questions; `question`, empty for none; `choices`,
        answers to choose from.

    Raises:
        UnknownNameError: there is no such subset.
    """
    row = next(iter(stream(subset, split="test")))
    sample = sample_of(row, subset)
    inputs, question = dict(sample["inputs"]), row.get("question") or ""
    if question:
        inputs.pop("text")
        inputs |= {"text": row["text"]} if row["text"] else {}
    generator = generator_of(subset)
    if "scrna" in inputs:
        genes = [generator.genes[place] for place in inputs["scrna"]["genes"]]
        inputs["scrna"] = {"genes": genes, "values": inputs["scrna"]["values"]}
    # Open chromatin cannot be typed or uploaded here, so that examples have none either.
    if isinstance(inputs.get("genomics"), dict):
        dna = inputs.pop("genomics").get("dna")
        inputs |= {"genomics": dna} if dna else {}
    return {"inputs": inputs, "question": question, "choices": sample["choices"] or []}
