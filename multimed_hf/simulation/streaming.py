"""Synthetic rows without files: an `IterableDataset` without end, with the columns of a built subset."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .generator import generator_of
from .settings import Simulation

if TYPE_CHECKING:
    import datasets


def stream(
    subset: str, simulation: Simulation | None = None, split: str = "", num_shards: int = 1
) -> datasets.IterableDataset:
    """Rows of the source `synthetic`, made as they are read, for ever.

    Row i is row i of a build with the same settings. Gene columns count
    `generator_of(subset).genes`, `peak_index` its `peaks`.

    Args:
        subset: name of one of the thirteen subsets.
        simulation: the settings; None for the default.
        split: 'train', 'validation' or 'test' for the rows of that split; empty for all rows in order.
        num_shards: shard k has the rows k, k + num_shards, ...; at least as many as a DataLoader has workers.

    Returns:
        A `datasets.IterableDataset` with the typed columns of the subset.

    Raises:
        UnknownNameError: there is no such subset.
        ValueError: a split that does not exist, fewer than one shard, or a shift that the subset does not know.
    """
    import datasets

    from ..data.schema import features_of
    from ..data.splits import SPLITS

    if split not in ("", *SPLITS):
        raise ValueError(f"Expected a split among {', '.join(SPLITS)}, or none, got {split!r}.")
    if num_shards < 1:
        raise ValueError(f"Expected at least 1 shard, got {num_shards}.")
    settings = simulation or Simulation()
    generator_of(subset, settings)
    arguments = {
        "subset": subset,
        "simulation": settings,
        "split": split,
        "step": num_shards,
        "shards": list(range(num_shards)),
    }
    return datasets.IterableDataset.from_generator(_rows, features=features_of(subset), gen_kwargs=arguments)


def _rows(
    subset: str, simulation: Simulation, split: str, step: int, shards: Sequence[int]
) -> Iterator[dict[str, Any]]:
    from ..data.schema import RowCompleter

    generator, complete = generator_of(subset, simulation), RowCompleter(subset)
    for start in itertools.count(0, step):
        for shard in shards:
            found = generator.split(start + shard)
            if found and split in ("", found):
                yield complete({**generator.row(start + shard), "source": "synthetic"})
