import hashlib
from types import SimpleNamespace

from multimed_hf.data.manifest import FileRecord
from multimed_hf.publishing.plan import LeftOut, Plan, from_bytes, from_folder


def test_a_folder_is_taken_without_what_is_hidden_or_compiled(tmp_path):
    for path in ("b.txt", "a/c.bin", ".git/config", "a/.DS_Store", "__pycache__/x.pyc"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(path.encode())
    files = from_folder(tmp_path)
    assert [file.path for file in files] == ["a/c.bin", "b.txt"]
    assert files[1].record == FileRecord(hashlib.sha256(b"b.txt").hexdigest(), 5)


def test_what_the_hub_holds_is_told_by_size_and_hash(tmp_path):
    # Of the bytes "hello\n" git says ce0136..., which `git hash-object` prints.
    (tmp_path / "hello").write_bytes(b"hello\n")
    oid = "ce013625030ba8dba906f756967f9e9ca394464a"
    for file in (from_bytes("hello", b"hello\n"), *from_folder(tmp_path)):
        assert file.is_at(SimpleNamespace(size=6, lfs=None, blob_id=oid))
        assert not file.is_at(SimpleNamespace(size=6, lfs=None, blob_id="0" * 40))
        assert not file.is_at(SimpleNamespace(size=7, lfs=None, blob_id=oid))
        assert file.is_at(SimpleNamespace(size=6, lfs=SimpleNamespace(sha256=file.record.sha256), blob_id="pointer"))
        assert not file.is_at(SimpleNamespace(size=6, lfs=SimpleNamespace(sha256="0" * 64), blob_id=oid))
        assert not file.is_at(None)


def test_only_owned_files_are_stale():
    plan = Plan("dataset", "org/x", "MIT", {}, (from_bytes("eeg/new", b""),), owned=("eeg/*", "*.py"))
    assert plan.stale(["eeg/old", "eeg/new", "notes/eeg/a", "README.md", "code.py"]) == ["code.py", "eeg/old"]


def test_a_plan_for_people():
    files = (from_bytes("README.md", b"x" * 999), from_bytes("eeg/a.parquet", b"x" * 12_345_678))
    plan = Plan("dataset", "org/x", "MIT", {"eeg/synthetic": "MIT"}, files, (LeftOut("xray", "forbidden"),))
    assert plan.show("v1").splitlines() == [
        "dataset org/x, tag v1, licence MIT: 2 files, 12.3 MB",
        "  README.md          999 B",
        "  eeg/a.parquet    12.3 MB",
        "  from eeg/synthetic: MIT",
        "  left out: xray: forbidden",
    ]
