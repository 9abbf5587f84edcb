"""Fills the cache of `datasets` from a built folder, so that `load_dataset("multimed", "eeg")` works from anywhere.

`datasets` looks for a name first in the working directory, then on the Hub, then among what it has prepared before. The
last is what this module provides, offline and where the Hub knows no data set of that name.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from ..subsets import get_subset
from .build import DATASET_NAME
from .manifest import Manifest, verify_subset

_PREFIX = "prepared-"


def prepare(
    subsets: Sequence[str] | None = None,
    out: str | os.PathLike[str] = DATASET_NAME,
    cache_dir: str | os.PathLike[str] | None = None,
    num_proc: int | None = None,
) -> dict[str, Path]:
    """Prepares built subsets under the name `multimed`.

    Rows and features are those of `load_dataset(out, subset)`. Earlier preparations of the same subset are removed, so
    that the newest is found. Working directories with a `multimed/` of their own still load that one; loading one of
    them later leaves a newer copy in the cache, which then serves everywhere: prepare again to set this one first.

    Args:
        subsets: names; None for all that `out` holds.
        out: a folder that `build` wrote.
        cache_dir: the cache to fill; None for that of `datasets`.
        num_proc: processes that write at the same time.

    Returns:
        Subset name to its folder in the cache.

    Raises:
        UnknownNameError: no subset has this name.
        FileNotFoundError: `out` is not a built folder.
        ValueError: a subset is not in `out`, or its files are not as they were built.
    """
    from datasets.info import DatasetInfosDict
    from datasets.packaged_modules.parquet.parquet import Parquet
    from huggingface_hub import DatasetCardData

    folder = Path(out).absolute()
    manifest = Manifest.read(folder)
    names = list(dict.fromkeys(get_subset(name).name for name in subsets or manifest.subsets))
    for name in names:
        if name not in manifest.subsets:
            raise ValueError(
                f"Expected {name} in {out}, which holds {', '.join(manifest.subsets) or 'nothing'}: "
                f"build it first (multimed build {name} --out {out})."
            )
        problems = verify_subset(folder, name, manifest.subsets[name])
        if problems:
            raise ValueError(problems[0])

    prepared = {}
    for name in names:
        record = manifest.subsets[name]
        builder = Parquet(
            cache_dir=None if cache_dir is None else str(cache_dir),
            dataset_name=DATASET_NAME,
            config_name=name,
            # Without it, the file names would enter the folder's name, and the subset would not be found by its own.
            config_id=name,
            version=record.version,
            hash=f"{_PREFIX}{record.fingerprint}",
            info=DatasetInfosDict.from_dataset_card_data(DatasetCardData(dataset_info=[record.dataset_info]))[name],
            data_files={split: [str(folder / path) for path in record.shards(split)] for split in record.rows},
        )
        builder.download_and_prepare(num_proc=num_proc)
        prepared[name] = Path(builder.cache_dir)
        for old in prepared[name].parents[1].glob(f"*/{_PREFIX}*"):
            if old.is_dir() and old != prepared[name]:
                shutil.rmtree(old)
        # Of several, datasets takes the one that was changed last.
        os.utime(prepared[name])
    return prepared
