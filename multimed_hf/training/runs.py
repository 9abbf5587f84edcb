"""The folder of a training run: what was asked, how far it came, what came out."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..data.manifest import PARTIAL, replace_text
from .checkpoint import BASE_NAME

RECORD_NAME = "training.json"
CHECKPOINT_NAME = "checkpoint"

_STATE = re.compile(r"checkpoint-(\d+)")


class Run:
    """One training in one folder.

    Args:
        folder: the folder.
        request: what identifies the run, as JSON: it is taken up again only for the same request.
    """

    def __init__(self, folder: Path, request: Mapping[str, Any]) -> None:
        self.folder = folder
        # Through JSON, so that tuples and lists compare equal.
        self.request = json.loads(json.dumps(request))

    @property
    def checkpoint(self) -> Path:
        """Where the trained model lies in the end."""
        return self.folder / CHECKPOINT_NAME

    @property
    def base(self) -> Path:
        """Where the model lies that a LoRA adapter adapts."""
        return self.folder / BASE_NAME

    def open(self, resume: bool = True) -> dict[str, Any] | None:
        """Looks at what the folder holds, and makes it if there is none.

        Args:
            resume: whether to take up a run that is there; it is removed if not.

        Returns:
            The report of the run if it is finished already.

        Raises:
            ValueError: the folder holds a run of another request, or a checkpoint of unknown origin.
            OSError: the folder cannot be made.
        """
        with self._writable():
            self.folder.mkdir(parents=True, exist_ok=True)
        record = self._record()
        if record is None:
            if self.checkpoint.exists():
                raise ValueError(
                    f"{self.folder} holds a {CHECKPOINT_NAME} folder but no {RECORD_NAME}: choose another folder."
                )
            return None
        if not resume:
            self._clear()
            return None
        differing = _differences(record, self.request)
        # A run that never came to its first state has nothing to lose.
        if differing and (self.checkpoint.exists() or self._states()):
            raise ValueError(
                f"{self.folder} holds a run with {'; '.join(differing)}: choose another output folder, or start over "
                "(--restart, resume=False)."
            )
        report: dict[str, Any] = record.get("report", {})
        return report if report and self.checkpoint.is_dir() and not differing else None

    def begin(self) -> None:
        """Notes what is asked, just before states and weights are written.

        Raises:
            OSError: the folder cannot be written.
        """
        self._write({})

    def newest_state(self, processes: int) -> str | None:
        """Folder of the last complete state of an interrupted run, None if there is none."""
        found = [(int(match[1]), path) for path in self._states() if (match := _STATE.fullmatch(path.name))]
        for _, path in sorted(found, reverse=True):
            if _is_complete(path, processes):
                return str(path)
        return None

    def finish(self, report: Mapping[str, Any], model: Any, processor: Any) -> None:
        """Saves the model, whole or not at all, notes the `report`, and removes states that are no longer needed."""
        partial = self.folder / f"{PARTIAL}{CHECKPOINT_NAME}"
        shutil.rmtree(partial, ignore_errors=True)
        model.save_pretrained(partial)
        processor.save_pretrained(partial)
        shutil.rmtree(self.checkpoint, ignore_errors=True)
        os.replace(partial, self.checkpoint)
        self._write({"report": dict(report)})
        for state in self._states():
            shutil.rmtree(state)

    def _record(self) -> dict[str, Any] | None:
        path = self.folder / RECORD_NAME
        if not path.is_file():
            return None
        try:
            record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            record["settings"].keys(), record["data"].keys()
        except (AttributeError, KeyError, TypeError, ValueError):
            raise ValueError(f"{path} is not the record of a training: choose another output folder.") from None
        return record

    def _write(self, more: Mapping[str, Any]) -> None:
        with self._writable():
            replace_text(self.folder / RECORD_NAME, json.dumps({**self.request, **more}, indent=2) + "\n")

    @contextlib.contextmanager
    def _writable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise type(error)(f"Expected a folder that can be written, got {self.folder} ({error.strerror}).") from None

    def _states(self) -> list[Path]:
        return [path for path in self.folder.glob("checkpoint-*") if path.is_dir() and _STATE.fullmatch(path.name)]

    def _clear(self) -> None:
        for path in (*self._states(), self.checkpoint, self.base):
            shutil.rmtree(path, ignore_errors=True)
        (self.folder / RECORD_NAME).unlink()


def _is_complete(state: Path, processes: int) -> bool:
    """Whether `Trainer` wrote all of a state: its record comes last, but for the random states of other processes."""
    with contextlib.suppress(OSError, ValueError):
        json.loads((state / "trainer_state.json").read_text(encoding="utf-8"))
        names = ["rng_state.pth"] if processes == 1 else [f"rng_state_{rank}.pth" for rank in range(processes)]
        return all((state / name).is_file() for name in names)
    return False


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What the new request has otherwise than the old one, as `name old, now new`."""
    before, now = ({**request, **request["settings"], "settings": None} for request in (old, new))
    return [f"{name} {before.get(name)!r}, now {now[name]!r}" for name in now if before.get(name) != now[name]]
