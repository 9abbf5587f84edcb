"""What one repository of the Hub is to hold, decided before anything is sent."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from ..data.manifest import FileRecord, hash_files
from ..wording import counted

RepoType = Literal["dataset", "model", "space"]


@dataclass(frozen=True)
class PlannedFile:
    """A file as it is to lie in the repository.

    Attributes:
        path: where, with `/`.
        content: the local file, or the bytes of a file that is made for the occasion.
        record: its sha256 and size.
    """

    path: str
    content: Path | bytes
    record: FileRecord

    def is_at(self, remote: Any) -> bool:
        """Whether the Hub holds this content.

        Args:
            remote: a `huggingface_hub.hf_api.RepoFile`, or None.
        """
        if remote is None or remote.size != self.record.size:
            return False
        if remote.lfs is not None:
            return bool(remote.lfs.sha256 == self.record.sha256)
        # What is not in large file storage is small, and named as git names it.
        content = self.content if isinstance(self.content, bytes) else self.content.read_bytes()
        return bool(remote.blob_id == hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest())


@dataclass(frozen=True)
class LeftOut:
    """Something that lies beside what is published and is not."""

    what: str
    why: str


@dataclass(frozen=True)
class Plan:
    """A repository of the Hub as it is to be.

    Attributes:
        repo_type: what kind of repository.
        repo: its name, `<organisation>/<name>`.
        licence: the strictest licence of what it holds.
        terms: what comes from where to its licence, for people.
        files: all files, by path.
        left_out: what is not published, and why.
        owned: patterns of files that an earlier version may have left and that go if they are no part of this one.
            Other files of the repository are not touched.
    """

    repo_type: RepoType
    repo: str
    licence: str
    terms: Mapping[str, str]
    files: tuple[PlannedFile, ...]
    left_out: tuple[LeftOut, ...] = ()
    owned: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.record.size for file in self.files)

    def stale(self, paths: Iterable[str]) -> list[str]:
        """Those of the paths in a repository that an earlier version left."""
        kept = {file.path for file in self.files}
        return sorted(
            path for path in paths if path not in kept and any(fnmatchcase(path, pattern) for pattern in self.owned)
        )

    def show(self, tag: str) -> str:
        """The plan for people: tree, sizes, licences, and what is left out."""
        width = max(len(file.path) for file in self.files)
        lines = [
            f"{self.repo_type} {self.repo}, tag {tag}, licence {self.licence}: "
            f"{counted(len(self.files), 'file')}, {_size(self.size)}",
            *(f"  {file.path:{width}}  {_size(file.record.size):>9}" for file in self.files),
            *(f"  from {what}: {licence}" for what, licence in self.terms.items()),
            *(f"  left out: {each.what}: {each.why}" for each in self.left_out),
        ]
        return "\n".join(lines)


def from_bytes(path: str, content: bytes) -> PlannedFile:
    """A file with a content that is made for the occasion."""
    return PlannedFile(path, content, FileRecord(hashlib.sha256(content).hexdigest(), len(content)))


def from_folder(folder: Path) -> tuple[PlannedFile, ...]:
    """All files below a folder but for hidden ones and what Python compiled, in order."""
    found = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
    kept = {
        name.as_posix(): path
        for name, path in found.items()
        if not any(part.startswith(".") or part == "__pycache__" for part in name.parts)
    }
    return tuple(map(PlannedFile, kept, kept.values(), hash_files(kept.values())))


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
