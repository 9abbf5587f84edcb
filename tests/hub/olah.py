"""An independent reader of the Hub: `olah`, a mirror that others wrote, between it and its users."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .client import ROOT
from .server import Hub

PROGRAM = ROOT / ".olah/bin/olah-cli"
"""In an environment of its own, since it must not settle which libraries we have; the Makefile makes it."""
_PATIENCE = 60.0


@contextmanager
def mirror(hub: Hub, folder: Path) -> Iterator[str]:
    """Runs a mirror, which asks a Hub for what its users want and keeps it in pieces; gives the address.

    Args:
        hub: the Hub.
        folder: where the mirror's files go.

    Raises:
        RuntimeError: it did not start.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = hub.url.removeprefix("http://")
    settings = {
        "host": "127.0.0.1",
        "port": port,
        "hf-scheme": "http",
        "hf-netloc": place,
        "hf-lfs-netloc": place,
        "repos-path": str(folder / "repos"),
    }
    folder.mkdir()
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    (folder / "olah.toml").write_text("\n".join(["[basic]", *lines, ""]))
    command = [PROGRAM, "--config", folder / "olah.toml", "--log-path", folder / "logs"]
    with (folder / "output").open("w") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
    try:
        address, begin = f"http://127.0.0.1:{port}", time.monotonic()
        while not _answers(address):
            if process.poll() is not None or time.monotonic() - begin > _PATIENCE:
                raise RuntimeError(f"The mirror did not start:\n{(folder / 'output').read_text()}")
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(10)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
