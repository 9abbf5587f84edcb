"""Runs code as a user of the Hub would: in a process of its own, since the libraries read their settings on import."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from .server import Hub

ROOT = Path(__file__).resolve().parents[2]


def environment(hub: Hub | str, home: Path, token: str = "", **more: str) -> dict[str, str]:
    """The environment of a user who knows this Hub and no other.

    Args:
        hub: the Hub, or the address of another.
        home: where the user's caches lie.
        token: the user's token; empty for none.
        more: more variables.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGINGFACE_"))}
    return kept | {
        "HF_ENDPOINT": hub if isinstance(hub, str) else hub.url,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_UPDATE_DOWNLOAD_COUNTS": "0",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
        **({"HF_TOKEN": token} if token else {}),
        **more,
    }


def run(hub: Hub | str, home: Path, code: str, token: str = "", cwd: Path | None = None) -> str:
    """What Python code of a user prints.

    Raises:
        AssertionError: it failed; the message is what it wrote to stderr.
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=environment(hub, home, token),
        cwd=cwd or home.parent,
        capture_output=True,
        text=True,
        timeout=100,
    )
    # What was printed tells, not the status: pyarrow may abort a process after its work is done.
    assert done.returncode in (0, -6), f"{done.stdout}\n{done.stderr}"
    return done.stdout
