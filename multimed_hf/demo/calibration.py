"""What is known about the probabilities of a checkpoint: from the results beside it, or nothing."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

from ..evaluation.results import Result, read_results

_NAME = "results.json"
UNKNOWN = "Calibration: not measured for this checkpoint. Do not read the numbers as chances."


def results_of(checkpoint: str | os.PathLike[str]) -> list[Result]:
    """The results of a checkpoint, in its folder, beside it, or in its repository of the Hub; none where there are none.

    Results beside a folder count only if they name it. Those that this version cannot read are left out, with a warning.
    """
    folder = Path(checkpoint)
    if not folder.is_dir():
        return _of_hub(str(checkpoint))
    for path in (folder / _NAME, folder.resolve().parent / _NAME):
        if path.is_file():
            own = folder.resolve().parts[-2:]
            inside = path.parent == folder
            try:
                found = read_results(path)
            except ValueError as error:
                warnings.warn(f"Left out the results of the checkpoint: {error}", stacklevel=2)
                return []
            return [each for each in found if inside or Path(each.model).parts[-2:] == own]
    return []


def calibration_note(results: Sequence[Result], head: str) -> str:
    """One sentence for each source on which the calibration error of a head was measured."""
    notes = []
    for result in results:
        error = result.scores.get("ece")
        if result.head != head or error is None or result.zero_shot:
            continue
        source = f"synthetic {result.subset} data" if result.synthetic else result.source
        notes.append(
            f"Calibration: on the {result.split} split of {source} ({result.n:,} rows) probabilities were off by "
            f"{error:.2f} on average (expected calibration error)."
        )
    return " ".join(notes) or UNKNOWN


def _of_hub(name: str) -> list[Result]:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    try:
        return read_results(hf_hub_download(name, _NAME))
    except (OSError, ValueError, EntryNotFoundError):
        return []
