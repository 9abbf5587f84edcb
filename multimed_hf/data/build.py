"""From releases to a folder that `load_dataset` reads: Parquet shards, a card and a manifest, whole or not at all."""

from __future__ import annotations

import contextlib
import csv
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__, resources
from ..columns import LISTED
from ..simulation.settings import Simulation
from ..sources import get_source
from ..wording import counted
from .card import write_card
from .croissant import write_croissant
from .manifest import (
    MANIFEST_NAME,
    PARTIAL,
    FileRecord,
    Manifest,
    SourceRecord,
    SubsetRecord,
    fingerprint_of,
    hash_files,
)
from .plan import check_data_dirs, check_simulation, plan_sources

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

    from .builder import MultiMedBuilder

DATASET_NAME = "multimed"
MAX_SHARD_BYTES = 500 * 1024**2
"""A Parquet file that has reached this size is followed by the next one."""

_LOCK_NAME = ".multimed.lock"


@dataclass(frozen=True)
class BuildReport:
    """What a build did.

    Attributes:
        out: the folder.
        subsets: the subsets of this build, by name; others in the folder were left as they were.
        warnings: one sentence for each source that could not fill all splits.
    """

    out: Path
    subsets: dict[str, SubsetRecord]
    warnings: tuple[str, ...]


def build(
    subsets: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
    data_dirs: Mapping[str, str | os.PathLike[str]] | None = None,
    rows: int | None = None,
    out: str | os.PathLike[str] = DATASET_NAME,
    num_proc: int | None = None,
    simulation: Simulation | None = None,
) -> BuildReport:
    """Builds subsets into a folder that plain `load_dataset(out, subset)` reads.

    Each subset is replaced as a whole, with exactly the named sources; the other subsets of the folder stay. Whatever
    interrupts a build, the folder afterwards holds a subset as it was, as it is now, or not at all.

    Args:
        subsets: names; None for those of `sources`, or for all that have a default source.
        sources: names; None for the default of each subset. A subset of which none is named takes its default.
        data_dirs: source name to its file or folder. Sources not named are looked for, see `SourceReader.locate`.
        rows: how many rows to take in total from each source; None for all.
        out: the folder: new, empty, or built by this function before.
        num_proc: processes that read at the same time. The files do not depend on it.
        simulation: settings of the sources `synthetic`, their seed above all; None for the default.

    Returns:
        What was built.

    Raises:
        UnknownNameError: no subset or source has this name.
        ValueError: a subset or source that cannot be built yet, data that is not what it should be, fewer than one row
            or process asked for, or an `out` that holds something else.
        FileNotFoundError: a source lies nowhere.
        OSError: `out` cannot be written, or another build is writing there.
    """
    for name, number in (("rows", rows), ("num_proc", num_proc)):
        if number is not None and number < 1:
            raise ValueError(f"Expected {name} to be at least 1, got {number}.")
    planned = plan_sources(subsets, sources)
    check_simulation(simulation, planned)
    given = {name: str(Path(path).expanduser()) for name, path in check_data_dirs(data_dirs or {}, planned).items()}
    scripts: dict[str, type[MultiMedBuilder]] = {name: resources.load_script(name).Builder for name in planned}
    for subset, names in planned.items():
        for name in names:
            # All sources are looked for before the first is read, which may take hours.
            scripts[subset].reader(name).locate(Path(given[name]) if name in given else None)

    folder = Path(out)
    records: dict[str, SubsetRecord] = {}
    messages: list[str] = []
    with _held(folder) as manifest:
        for subset, names in planned.items():
            partial = folder / f"{PARTIAL}{subset}-{os.getpid()}"
            try:
                builder = scripts[subset](
                    cache_dir=str(partial / "cache"),
                    dataset_name=DATASET_NAME,
                    config_name=subset,
                    sources=names,
                    data_dirs={name: given[name] for name in names if name in given},
                    rows=rows,
                    simulation=simulation or Simulation(),
                )
                records[subset] = _generate(builder, partial, num_proc)
                manifest = _commit(folder, manifest, subset, records[subset], partial)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
            messages += _missing_splits(subset, records[subset])
            messages += [
                f"{subset}: source {name!r}: {text}." for name, texts in builder.warnings.items() for text in texts
            ]
    for message in messages:
        warnings.warn(message, stacklevel=2)
    return BuildReport(folder, records, tuple(messages))


def load_lists(folder: str | os.PathLike[str], records: Mapping[str, SubsetRecord], kind: str) -> dict[str, list[str]]:
    """What the index columns of built subsets count, in order: symbols of genes, or names of peaks.

    Args:
        folder: what `build` wrote, or a local copy of the published data set.
        records: subset name to its record in the manifest.
        kind: "genes" or "peaks".

    Returns:
        Subset name to the names, for the subsets that have such a list.
    """
    paths = {
        name: Path(folder) / name / f"{kind}.csv"
        for name, record in records.items()
        if f"{name}/{kind}.csv" in record.files
    }
    return {name: _read_list(path, kind) for name, path in paths.items()}


def _read_list(path: Path, kind: str) -> list[str]:
    with path.open(encoding="utf-8", newline="") as stream:
        return [line[LISTED[kind]] for line in csv.DictReader(stream)]


@contextlib.contextmanager
def _held(out: Path) -> Iterator[Manifest]:
    """Holds `out` for this process, tidied of what a killed build left, and yields its manifest."""
    from filelock import FileLock, Timeout

    created = not out.exists()
    lock = FileLock(out / _LOCK_NAME, timeout=0)
    try:
        _refuse_foreign(out)
        out.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise OSError(f"Another build is writing to {out}: wait for its end, or choose another folder.") from None
    except OSError as error:
        raise type(error)(f"Expected a folder that can be written, got {out} ({error.strerror}).") from None
    try:
        for left in out.glob(f"{PARTIAL}*"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        yield Manifest.read(out) if (out / MANIFEST_NAME).exists() else Manifest()
    finally:
        with contextlib.suppress(OSError):
            (out / _LOCK_NAME).unlink()
        lock.release()
        if created:
            with contextlib.suppress(OSError):
                out.rmdir()


def _refuse_foreign(out: Path) -> None:
    if not out.is_dir() or (out / MANIFEST_NAME).exists():
        return
    foreign = sorted(path.name for path in out.iterdir() if not path.name.startswith((PARTIAL, _LOCK_NAME)))
    if foreign:
        raise ValueError(
            f"Expected a folder that is new, empty or built by multimed, got {out}, which holds {foreign[0]!r}: "
            "choose another one."
        )


def _generate(builder: MultiMedBuilder, partial: Path, num_proc: int | None) -> SubsetRecord:
    """Writes the files of a subset to `partial/<subset>` and returns their record."""
    subset, config, folder = builder.subset, builder.config, partial / builder.subset
    raw = partial / "raw"
    try:
        builder.download_and_prepare(str(raw), num_proc=num_proc)
    except OSError as error:
        # datasets calls every such error a missing data file, a full disk too.
        raise error.__context__ if isinstance(error.__context__, OSError) else error from None
    folder.mkdir()
    splits = [_write_split(builder, split, raw, folder) for split in builder.info.splits]
    shutil.rmtree(raw)
    for kind, named in builder.lists.items():
        if named:
            _write_list(folder / f"{kind}.csv", LISTED[kind], named)
    counts = _count_rows(folder, [split.name for split in splits])
    written = sorted(folder.iterdir())
    files = {f"{subset}/{path.name}": record for path, record in zip(written, hash_files(written), strict=True)}
    return SubsetRecord(
        fingerprint=fingerprint_of(files),
        version=__version__,
        simulation=asdict(config.simulation),
        requested_rows=config.rows,
        sources={
            name: SourceRecord(counts[name], get_source(subset, name).group, builder.notes[name])
            for name in config.sources
        },
        rows={split.name: split.num_examples for split in splits},
        files=files,
        dataset_info=_dataset_info(subset, builder.info.features, splits, files),
    )


def _write_split(builder: MultiMedBuilder, split: str, raw: Path, folder: Path) -> datasets.SplitInfo:
    """Turns the Arrow files of a split into Parquet whose bytes depend on the rows alone, not on who wrote them."""
    import datasets
    from datasets.arrow_writer import ParquetWriter

    size = builder.DEFAULT_WRITER_BATCH_SIZE
    shards: list[Path] = []
    rows = num_bytes = 0
    writer = None
    total = builder.info.splits[split].num_examples
    with datasets.utils.tqdm(desc=f"{builder.subset}: writing {split}", total=total, unit=" rows") as bar:
        for table in _row_groups(sorted(raw.glob(f"{DATASET_NAME}-{split}*.arrow")), size):
            if writer is None:
                shards.append(folder / f"{PARTIAL}{split}-{len(shards):05d}")
                # Images that a reader gave as paths are put into the file.
                writer = ParquetWriter(features=builder.info.features, path=str(shards[-1]), embed_local_files=True)
            writer.write_table(table, writer_batch_size=size)
            bar.update(table.num_rows)
            full = writer.stream.tell() >= MAX_SHARD_BYTES
            rows += table.num_rows
            if full or rows == total:
                num_bytes += writer.finalize()[1]
                writer = None
    for index, shard in enumerate(shards):
        shard.rename(folder / f"{split}-{index:05d}-of-{len(shards):05d}.parquet")
    return datasets.SplitInfo(name=split, num_bytes=num_bytes, num_examples=rows, dataset_name=DATASET_NAME)


def _row_groups(files: Sequence[Path], size: int) -> Iterator[pa.Table]:
    """The rows of Arrow streams in tables of `size` rows, the last one shorter; holds about one of them in memory."""
    import pyarrow as pa

    pending: list[pa.Table] = []
    for file in files:
        with file.open("rb") as stream:
            for batch in pa.ipc.open_stream(stream):
                pending.append(pa.Table.from_batches([batch]))
                while sum(table.num_rows for table in pending) >= size:
                    table = pa.concat_tables(pending)
                    yield table.slice(0, size)
                    pending = [table.slice(size)]
    if any(table.num_rows for table in pending):
        yield pa.concat_tables(pending)


def _write_list(path: Path, listed: str, named: Mapping[str, Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("index", listed, "source"))
        for index, (name, sources) in enumerate(named.items()):
            writer.writerow((index, name, ";".join(sources)))


def _count_rows(folder: Path, splits: Sequence[str]) -> dict[str, dict[str, int]]:
    """Rows of each source in each split.

    Raises:
        ValueError: two rows have one id, or a group stands in two splits.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    tables = []
    for split in splits:
        for path in sorted(folder.glob(f"{split}-*.parquet")):
            table = pq.ParquetFile(path).read(columns=["id", "source", "group"])
            tables.append(table.append_column("split", pa.array([split] * table.num_rows)))
    rows = pa.concat_tables(tables).replace_schema_metadata(None)
    ids = rows.group_by("id").aggregate([([], "count_all")])
    for line in ids.filter(pc.field("count_all") > 1).slice(0, 1).to_pylist():
        raise ValueError(f"Expected every id once, got {line['id']!r} {line['count_all']} times.")
    groups = rows.group_by(["source", "group"]).aggregate([("split", "count_distinct")])
    for line in groups.filter(pc.field("split_count_distinct") > 1).slice(0, 1).to_pylist():
        raise ValueError(f"Expected every group in one split, got {line['group']!r} of {line['source']} in several.")
    counts: dict[str, dict[str, int]] = {}
    for line in rows.group_by(["source", "split"], use_threads=False).aggregate([([], "count_all")]).to_pylist():
        counts.setdefault(line["source"], {})[line["split"]] = line["count_all"]
    return counts


def _dataset_info(
    subset: str,
    features: datasets.Features,
    splits: Sequence[datasets.SplitInfo],
    files: Mapping[str, FileRecord],
) -> dict[str, Any]:
    from datasets import DatasetInfo, SplitDict
    from datasets.info import DatasetInfosDict
    from huggingface_hub import DatasetCardData

    split_dict = SplitDict(dataset_name=DATASET_NAME)
    for split in splits:
        split_dict.add(split)
    info = DatasetInfo(
        features=features,
        splits=split_dict,
        download_size=sum(record.size for path, record in files.items() if path.endswith(".parquet")),
        dataset_size=sum(split.num_bytes for split in splits),
    )
    data = DatasetCardData()
    DatasetInfosDict({subset: info}).to_dataset_card_data(data)
    return data.to_dict()["dataset_info"]


def _commit(out: Path, manifest: Manifest, subset: str, record: SubsetRecord, partial: Path) -> Manifest:
    """Puts a finished subset in its place.

    While files are moved, neither card nor manifest lists the subset: a crash leaves it absent, never mixed. The card
    is what `load_dataset` goes by, so it is the first to forget the subset and the last to list it.
    """
    rest = manifest.without(subset)
    if subset in manifest.subsets:
        write_card(out, rest)
        write_croissant(out, rest)
    rest.write(out)
    if (out / subset).exists():
        os.replace(out / subset, partial / "old")
    os.replace(partial / subset, out / subset)
    complete = manifest.having(subset, record)
    complete.write(out)
    write_croissant(out, complete)
    write_card(out, complete)
    return complete


def _missing_splits(subset: str, record: SubsetRecord) -> list[str]:
    hint = "" if record.requested_rows is None else "; more --rows may fill them"
    return [
        f"{subset}: source {name!r} has no rows for {' and '.join(given.missing_splits)} "
        f"({counted(sum(given.rows.values()), 'row')} in all): it is left out there{hint}."
        for name, given in record.sources.items()
        if given.missing_splits
    ]
