"""What the Hub of the tests keeps: contents under their hash, and repositories whose commits are whole or not there."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_LFS_NAMES = re.compile(r"\.(parquet|safetensors|arrow|bin|pt|h5|npz|npy|zip|tar|gz)$")
_LFS_BYTES = 10_000_000
_PIECE = 1 << 20


@dataclass(frozen=True)
class Entry:
    """A file of a commit: its content's hash and size, and git's name of what git holds of it."""

    sha256: str
    size: int
    git_oid: str
    lfs: bool

    @property
    def etag(self) -> str:
        return self.sha256 if self.lfs else self.git_oid


@dataclass(frozen=True)
class Commit:
    """A state of a repository: all its files."""

    oid: str
    parent: str
    title: str
    files: Mapping[str, Entry]


@dataclass
class Repo:
    """A repository: commits, and the branches and tags that name some of them."""

    kind: str
    name: str
    private: bool
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def namespace(self) -> str:
        return self.name.split("/")[0]

    def resolve(self, revision: str) -> Commit | None:
        """The commit that a branch, a tag or a hash names."""
        short = revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
        return self.commits.get(self.branches.get(short) or self.tags.get(short) or short)

    def commit(self, branch: str, title: str, files: Mapping[str, Entry]) -> Commit:
        """Puts a new state on a branch, in one step."""
        parent = self.branches.get(branch, "")
        lines = "".join(f"{path} {entry.sha256}\n" for path, entry in sorted(files.items()))
        oid = hashlib.sha1(
            f"{self.kind} {self.name} {parent} {len(self.commits)} {title}\n{lines}".encode()
        ).hexdigest()
        made = Commit(oid, parent, title, dict(files))
        self.commits[oid] = made
        self.branches[branch] = oid
        return made

    def history(self, commit: Commit) -> Iterable[Commit]:
        """The commit and its ancestors, the newest first."""
        state: Commit | None = commit
        while state:
            yield state
            state = self.commits.get(state.parent)


class Store:
    """Contents in a folder, one file a hash; repositories in memory.

    Args:
        folder: where contents lie.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repos: dict[tuple[str, str], Repo] = {}
        self.lock = threading.RLock()
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        return self.folder / sha256

    def holds(self, sha256: str) -> bool:
        return self.path(sha256).is_file()

    def put(self, pieces: Iterable[bytes], expected: str = "") -> str:
        """Keeps a content that comes in pieces.

        Raises:
            ValueError: its hash is not `expected`; then it is not kept.
        """
        digest = hashlib.sha256()
        handle, name = tempfile.mkstemp(dir=self.folder, prefix=".partial-")
        try:
            with os.fdopen(handle, "wb") as stream:
                for piece in pieces:
                    digest.update(piece)
                    stream.write(piece)
            if expected and digest.hexdigest() != expected:
                raise ValueError(f"Expected a content with the sha256 {expected}, got {digest.hexdigest()}.")
            os.replace(name, self.path(digest.hexdigest()))
        finally:
            Path(name).unlink(missing_ok=True)
        return digest.hexdigest()

    def join(self, parts: Iterable[str], expected: str) -> str:
        """Keeps the content that contents make one after the other."""
        return self.put((piece for part in parts for piece in self.pieces(part)), expected)

    def pieces(self, sha256: str, begin: int = 0, end: int | None = None) -> Iterable[bytes]:
        """The bytes from `begin` to before `end` of a content, in pieces."""
        with self.path(sha256).open("rb") as stream:
            stream.seek(begin)
            left = (os.fstat(stream.fileno()).st_size if end is None else end) - begin
            while left > 0 and (piece := stream.read(min(_PIECE, left))):
                left -= len(piece)
                yield piece

    def entry(self, path: str, sha256: str) -> Entry:
        """The entry of a content that is there, under a path."""
        size = self.path(sha256).stat().st_size
        lfs = is_lfs(path, size)
        if lfs:
            held = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()
        else:
            held = self.path(sha256).read_bytes()
        return Entry(sha256, size, hashlib.sha1(b"blob %d\0" % len(held) + held).hexdigest(), lfs)

    def create(self, kind: str, name: str, private: bool) -> Repo:
        """A new repository with the commit that the Hub begins with."""
        repo = self.repos[kind, name] = Repo(kind, name, private)
        self.change(repo, "initial commit", {".gitattributes": b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"})
        return repo

    def change(self, repo: Repo, title: str, contents: Mapping[str, bytes | None], branch: str = "main") -> Commit:
        """A commit as someone else might make it: paths to contents, None for a path to delete."""
        before = repo.resolve(branch)
        files = dict(before.files) if before else {}
        for path, content in contents.items():
            files.pop(path, None)
            if content is not None:
                files[path] = self.entry(path, self.put([content]))
        return repo.commit(branch, title, files)

    def read(self, kind: str, name: str, path: str, revision: str = "main") -> bytes:
        """The content of a file, for a look by a test."""
        commit = self.repos[kind, name].resolve(revision)
        assert commit
        return self.path(commit.files[path].sha256).read_bytes()


def is_lfs(path: str, size: int) -> bool:
    """Whether a file goes into large file storage; an empty one never does."""
    return size > 0 and (size > _LFS_BYTES or bool(_LFS_NAMES.search(path)))
