import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multimed_hf.data import build as build_module
from multimed_hf.data import builder as builder_module
from multimed_hf.data.build import build, load_lists
from multimed_hf.data.manifest import MANIFEST_NAME, Manifest, verify
from multimed_hf.data.schema import features_of
from multimed_hf.simulation import Simulation

from . import tiny


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    tiny.install(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MULTIMED_DATA", raising=False)
    datasets.disable_progress_bars()


@pytest.fixture
def recording(tmp_path):
    folder = tmp_path / "recording"
    folder.mkdir()
    (folder / "recording.txt").write_text(" ".join(map(str, range(40))))
    return folder


def visible(folder):
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file())


def rows_of(name="multimed", subset="eeg"):
    # An absolute path, since datasets takes a bare name that it does not find from its cache.
    loaded = datasets.load_dataset(str(Path(name).absolute()), subset)
    return {split: data[:] for split, data in loaded.items()}


# --- what is written -------------------------------------------------------------------------------------------------


def test_plain_load_dataset_and_streaming(recording):
    report = build(["eeg"], ["synthetic", "uci_eye_state"], {"uci_eye_state": recording})
    assert visible("multimed") == [
        "README.md",
        "croissant.json",
        *[f"eeg/{split}-00000-of-00001.parquet" for split in ("test", "train", "validation")],
        "manifest.json",
    ]
    loaded = datasets.load_dataset("multimed", "eeg")
    assert {split: data.num_rows for split, data in loaded.items()} == report.subsets["eeg"].rows
    assert sum(report.subsets["eeg"].rows.values()) == 100
    streamed = datasets.load_dataset("multimed", "eeg", streaming=True)
    for split, data in loaded.items():
        assert data.features == streamed[split].features == features_of("eeg")
        assert list(streamed[split]) == list(data)
    assert loaded["train"].features["motor_imagery"].int2str(1) == "right_fist"
    sources = report.subsets["eeg"].sources
    assert set(loaded["train"]["source"]) == set(sources) == {"synthetic", "uci_eye_state"}
    assert sum(sources["uci_eye_state"].rows.values()) == 40
    assert sources["synthetic"].notes == ["Signals are white noise."]
    assert verify("multimed") == [] and report.warnings == ()


def test_offline_in_a_process_of_its_own():
    build(["eeg"])
    script = 'from datasets import load_dataset; print(len(load_dataset("multimed", "eeg", split="train")))'
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(Path("home").absolute())}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert done.stdout.split() == ["42"], done.stderr


def test_every_type_of_column_survives():
    with pytest.warns(UserWarning, match="no rows for validation and test"):
        build(["xray"], ["nih_chestxray14"])
    loaded = datasets.load_dataset("multimed", "xray")["train"]
    streamed = list(datasets.load_dataset("multimed", "xray", streaming=True)["train"])
    assert loaded.features == features_of("xray")
    full, bare = loaded[0], loaded[1]
    assert full["xray"].mode == "L" and full["xray"].size == (4, 3) and full["ct"].getpixel((0, 0)) == 200
    assert np.array_equal(full["ct_volume"], np.arange(24).reshape(2, 3, 4) - 1000)
    assert full["ct_spacing"] == [1.25, 0.5, 0.5]
    assert (full["disease"], bare["disease"]) == (1, -1)
    found = {label: state for label, state in full["findings"].items() if state >= 0}
    assert found == {"Edema": 2, "Hernia": 0, "Mass": 1}
    assert set(bare["findings"].values()) == {-1}
    assert full["text"] == "Größe unverändert, 无异常"
    assert (bare["ct"], bare["ct_volume"], bare["has_ct"], bare["text"]) == (None, [], False, "")
    assert streamed[0]["ct_volume"] == full["ct_volume"] and streamed[1]["findings"] == bare["findings"]


def test_a_float_signal_is_stored_exactly():
    build(["eeg"])
    row = datasets.load_dataset("multimed", "eeg", split="train")[0]
    trial = int(row["id"].split("/")[1])
    assert np.array_equal(row["eeg"], np.random.default_rng([0, trial]).normal(size=(2, 16)).astype("float32"))


def test_genes():
    records = build(["scrna"]).subsets
    assert Path("multimed/scrna/genes.csv").read_text() == (
        "index,symbol,source\n0,ACTB,pbmc68k\n1,CD3D,pbmc68k\n2,MS4A1,pbmc68k\n"
    )
    assert load_lists("multimed", records, "genes") == {"scrna": ["ACTB", "CD3D", "MS4A1"]}


def test_peaks(monkeypatch):
    monkeypatch.setattr(tiny.CellsBuilder, "readers", (tiny.Chromatin,))
    records = build(["scrna"]).subsets
    assert Path("multimed/scrna/peaks.csv").read_text() == (
        "index,peak,source\n0,chr1:1-9,pbmc68k\n1,chr1:20-29,pbmc68k\n2,chr2:5-8,pbmc68k\n"
    )
    records |= build(["eeg"]).subsets
    assert load_lists("multimed", records, "peaks") == {"scrna": ["chr1:1-9", "chr1:20-29", "chr2:5-8"]}
    assert load_lists("multimed", records, "genes") == {"scrna": ["ACTB", "CD3D", "MS4A1"]}


def test_several_processes_write_the_same_bytes(recording, monkeypatch):
    monkeypatch.setattr(builder_module, "_ROWS_PER_SHARD", 5)
    monkeypatch.setattr(builder_module.MultiMedBuilder, "DEFAULT_WRITER_BATCH_SIZE", 8)
    sources, places = ["uci_eye_state", "synthetic"], {"uci_eye_state": recording}
    alone = build(["eeg"], sources, places, out="alone").subsets["eeg"]
    together = build(["eeg"], sources, places, out="together", num_proc=2).subsets["eeg"]
    assert together == alone


def test_shards_and_row_groups_are_bounded(monkeypatch):
    monkeypatch.setattr(builder_module.MultiMedBuilder, "DEFAULT_WRITER_BATCH_SIZE", 8)
    build(["eeg"], out="one")
    groups = pq.ParquetFile("one/eeg/train-00000-of-00001.parquet").metadata
    assert [groups.row_group(index).num_rows for index in range(groups.num_row_groups)] == [8, 8, 8, 8, 8, 2]
    monkeypatch.setattr(build_module, "MAX_SHARD_BYTES", 1)
    record = build(["eeg"], out="many").subsets["eeg"]
    assert record.shards("train") == [f"eeg/train-{index:05d}-of-00006.parquet" for index in range(6)]
    assert rows_of("many") == rows_of("one")


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.integers(1, 12))
def test_row_groups_cut_streams_anew(tmp_path_factory, lengths, size):
    import pyarrow as pa

    path = tmp_path_factory.mktemp("stream") / "x.arrow"
    values = iter(range(sum(lengths)))
    batches = [pa.record_batch({"x": [next(values) for _ in range(length)]}) for length in lengths]
    with pa.ipc.new_stream(path, batches[0].schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    tables = list(build_module._row_groups([path, path], size))
    assert [value for table in tables for value in table["x"].to_pylist()] == 2 * list(range(sum(lengths)))
    assert all(table.num_rows == size for table in tables[:-1]) and 0 < tables[-1].num_rows <= size


# --- rebuilding ------------------------------------------------------------------------------------------------------


def test_a_rebuild_of_the_same_size_is_never_served_from_a_stale_cache():
    first = build(["eeg"], simulation=Simulation(seed=0)).subsets["eeg"]
    old = rows_of()
    second = build(["eeg"], simulation=Simulation(seed=1)).subsets["eeg"]
    new = rows_of()
    assert [file.size for file in first.files.values()] == [file.size for file in second.files.values()]
    assert first.dataset_info == second.dataset_info, "otherwise this test shows nothing"
    assert new["train"]["id"] == old["train"]["id"] and new["train"]["eeg"] != old["train"]["eeg"]
    build(["eeg"], simulation=Simulation(seed=0))
    assert rows_of() == old


def test_a_build_replaces_its_subset_and_keeps_the_others(recording):
    build(["eeg", "scrna"])
    cells = rows_of(subset="scrna")
    build(["eeg"], ["uci_eye_state"], {"uci_eye_state": recording}, rows=12)
    assert set(rows_of()["train"]["source"]) == {"uci_eye_state"}
    assert rows_of(subset="scrna") == cells
    assert datasets.get_dataset_config_names("multimed") == ["eeg", "scrna"]
    assert Manifest.read("multimed").subsets["eeg"].requested_rows == 12
    assert verify("multimed") == []


def test_fewer_splits_leave_no_old_files():
    build(["eeg"])
    with pytest.warns(UserWarning, match=r"'synthetic' has no rows for validation and test \(2 rows in all\)"):
        report = build(["eeg"], rows=2)
    assert visible("multimed") == ["README.md", "croissant.json", "eeg/train-00000-of-00001.parquet", "manifest.json"]
    assert list(datasets.load_dataset("multimed", "eeg")) == ["train"]
    assert report.subsets["eeg"].sources["synthetic"].missing_splits == ["validation", "test"]


@pytest.mark.parametrize("rows", [1, 5, 33, 60, 1000])
def test_rows_is_the_total_of_each_source(rows, recording, recwarn):
    record = build(["eeg"], ["synthetic", "uci_eye_state"], {"uci_eye_state": recording}, rows).subsets["eeg"]
    assert {name: sum(source.rows.values()) for name, source in record.sources.items()} == {
        "synthetic": min(rows, 60),
        "uci_eye_state": min(rows, 40),
    }
    assert "train" in record.rows


# --- what goes wrong -------------------------------------------------------------------------------------------------


def test_bad_data_leaves_nothing_behind(recording):
    (recording / "recording.txt").write_text("1 2 3 nan 5 6")
    with pytest.raises(ValueError, match="row 'uci_eye_state/3' of subset 'eeg' has NaN"):
        build(["eeg"], ["uci_eye_state"], {"uci_eye_state": recording})
    assert not Path("multimed").exists()


@pytest.mark.parametrize("num_proc", [None, 2])
def test_bad_data_leaves_what_was_there(recording, num_proc, monkeypatch):
    monkeypatch.setattr(builder_module, "_ROWS_PER_SHARD", 3)
    build(["eeg"])
    before = {path: Path("multimed", path).read_bytes() for path in visible("multimed")}
    (recording / "recording.txt").write_text(" ".join(["1"] * 30 + ["nan"]))
    with pytest.raises(ValueError, match="uci_eye_state/30"):
        build(["eeg"], ["uci_eye_state"], {"uci_eye_state": recording}, num_proc=num_proc)
    assert {path: Path("multimed", path).read_bytes() for path in visible("multimed")} == before


def test_an_error_of_the_system_keeps_its_words(monkeypatch):
    def read(self, entries):
        raise OSError(28, "No space left on device")
        yield

    monkeypatch.setattr(tiny.Synthetic, "read", read)
    with pytest.raises(OSError, match=r"^\[Errno 28\] No space left on device$"):
        build(["eeg"])


def test_ids_and_groups_are_checked_over_all_splits(monkeypatch):
    read = tiny.Synthetic.read

    def doubled(self, entries):
        for row in read(self, entries):
            yield {**row, "id": "synthetic/same"}

    monkeypatch.setattr(tiny.Synthetic, "read", doubled)
    with pytest.raises(ValueError, match="every id once, got 'synthetic/same' 60 times"):
        build(["eeg"])
    monkeypatch.setattr(tiny.Synthetic, "read", read)
    halves = {"train": 0, "test": 1}
    monkeypatch.setattr(
        builder_module,
        "assign",
        lambda entries, rows: {split: list(entries)[half::2] for split, half in halves.items()},
    )
    with pytest.raises(ValueError, match="every group in one split, got 'subject-"):
        build(["eeg"])
    assert not Path("multimed").exists()


class Killed(BaseException):
    pass


def killed_at(step, function, *arguments, **options):
    """Lets `function` die at its `step`-th `os.replace` with nothing tidied up; whether it came so far."""
    calls, replace = iter(range(1, 1000)), os.replace

    def interrupted(source, target):
        if next(calls) != step:
            return replace(source, target)
        for owner, name in ((shutil, "rmtree"), (Path, "unlink"), (Path, "rmdir")):
            patch.setattr(owner, name, lambda *_, **__: None)
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", interrupted)
        try:
            function(*arguments, **options)
        except Killed:
            return True
    return False


def state():
    """The rows of the subset as they load, or None where `load_dataset` says that there are none."""
    try:
        return rows_of()
    except (ValueError, FileNotFoundError):
        return None


@pytest.mark.parametrize("others", [[], ["scrna"]])
@pytest.mark.parametrize("replaces", [False, True])
def test_a_kill_at_any_step_never_leaves_a_mixture(others, replaces):
    build(["eeg"], simulation=Simulation(seed=1), out="expected")
    new = rows_of("expected")
    if others:
        build(others)
    if replaces:
        build(["eeg"], simulation=Simulation(seed=0))
    old = state()
    if others or replaces:
        shutil.copytree("multimed", "before")
    seen = []
    for step in range(1, 20):
        shutil.rmtree("multimed", ignore_errors=True)
        if others or replaces:
            shutil.copytree("before", "multimed")
        killed = killed_at(step, build, ["eeg"], simulation=Simulation(seed=1))
        found = state()
        assert found in (None, old, new)
        seen.append("absent" if found is None else "old" if found == old else "new")
        assert found is None or verify("multimed") == []
        for subset in others:
            assert len(rows_of(subset=subset)["train"]["id"]) == 14
        # The next build, of anything, tidies up and lists only what is whole.
        build(["scrna"])
        assert not list(Path("multimed").glob(".*"))
        assert state() in (None, old, new)
        build(["eeg"], simulation=Simulation(seed=1))
        assert state() == new and verify("multimed") == []
        if not killed:
            break
    assert step >= 4 and seen[-1] == "new"
    assert seen == sorted(seen, key=["old", "absent", "new"].index)
    assert seen[0] == ("old" if replaces and others else "absent")


def test_a_real_kill_leaves_nothing_that_loads_and_nothing_that_hinders():
    script = """
        import os, signal
        from tests.data import tiny
        from multimed_hf import resources
        from multimed_hf.data.build import build
        resources.load_script = tiny.SCRIPTS.__getitem__
        os.replace = lambda source, target: os.kill(os.getpid(), signal.SIGKILL)
        build(["eeg"])
    """
    paths = [Path(build_module.__file__).parents[2], Path(tiny.__file__).parents[2]]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    child = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], env=environment, capture_output=True)
    assert child.returncode == -signal.SIGKILL
    names = {path.name.split("-")[0] for path in Path("multimed").iterdir()}
    assert names == {".multimed.lock", ".partial"} and state() is None
    build(["eeg"])
    assert sorted(path.name for path in Path("multimed").iterdir()) == [
        "README.md",
        "croissant.json",
        "eeg",
        "manifest.json",
    ]


def test_two_builds_into_one_folder_at_once():
    from filelock import FileLock

    build(["eeg"])
    with FileLock("multimed/.multimed.lock"), pytest.raises(OSError, match="Another build is writing to multimed"):
        build(["eeg"])
    build(["eeg"])


def test_foreign_folders_are_refused():
    Path("thesis").mkdir()
    Path("thesis/chapter.tex").touch()
    with pytest.raises(ValueError, match=r"got thesis, which holds 'chapter.tex': choose another"):
        build(["eeg"], out="thesis")
    assert visible("thesis") == ["chapter.tex"]
    Path("empty").mkdir()
    build(["eeg"], out="empty")


def test_a_damaged_manifest_is_refused():
    build(["eeg"])
    Path("multimed", MANIFEST_NAME).write_text('{"format": 1, "subsets": {"eeg":')
    with pytest.raises(ValueError, match="is no manifest of format 2"):
        build(["scrna"])


@pytest.mark.parametrize("out", ["file", "file/below", "/proc/multimed"])
def test_unwritable_folders_are_refused(out):
    Path("file").touch()
    with pytest.raises(OSError, match=f"Expected a folder that can be written, got {out}"):
        build(["eeg"], out=out)


def test_a_missing_source_stops_the_build_before_anything_is_read(monkeypatch):
    monkeypatch.setattr(tiny.Synthetic, "index", lambda self: pytest.fail("was read"))
    with pytest.raises(FileNotFoundError, match=r"'uci_eye_state' was not found: .*\$MULTIMED_DATA/tiny_recording"):
        build(["eeg"], ["synthetic", "uci_eye_state"])
    with pytest.raises(FileNotFoundError, match="--data-dir nowhere does not exist"):
        build(["eeg"], ["uci_eye_state"], {"uci_eye_state": "nowhere"})
    assert not Path("multimed").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"subsets": ["egg"]}, "Unknown subset 'egg'. Did you mean 'eeg'"),
        ({"subsets": ["eeg"], "sources": ["sinthetic"]}, "Unknown source of eeg 'sinthetic'. Did you mean 'synthetic'"),
        ({"subsets": ["eeg"], "sources": ["pbmc68k"]}, "Unknown source of eeg 'pbmc68k'"),
        ({"subsets": ["eeg"], "sources": ["synthetic", "synthetic"]}, "got synthetic more than once"),
        ({"sources": ["pbmc86k"]}, "Did you mean 'pbmc68k'"),
        ({"rows": 0}, "rows to be at least 1, got 0"),
        ({"num_proc": 0}, "num_proc to be at least 1, got 0"),
        ({"subsets": ["eeg"], "data_dirs": {"edf": "."}}, "that are built .synthetic., got one for 'edf'"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        build(**arguments)
    assert not Path("multimed").exists()


def test_importing_is_light():
    script = textwrap.dedent("""
        import sys
        import multimed_hf.data.build, multimed_hf.data.card, multimed_hf.data.manifest, multimed_hf.data.prepare
        print([name for name in ("datasets", "torch", "pyarrow", "huggingface_hub") if name in sys.modules])
    """)
    root = Path(build_module.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
