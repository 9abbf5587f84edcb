"""Publishing to a Hub on loopback beside plain HTTP uploads of the same bytes, and publishing again with nothing changed.

    python benchmarks/publishing.py [--files 8] [--megabytes 32] [--rounds 5]

The Hub is that of the tests, in a process of its own; it hashes what comes either way. Plain uploads are PUT requests of whole
files, one after another or as many at a time as `huggingface_hub` sends. Publishing hashes the files to begin with, asks what is
there, sends, commits, checks every file and tags. Every round has new bytes. Medians.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

GOAL = 0.7
ROOT = Path(__file__).resolve().parents[1]
_AT_A_TIME = 5
_HUB = """
import sys
from pathlib import Path
from tests.hub.server import Hub

# Each file in one piece: joining the parts of a large one costs this server what it does not cost storage that is made for it.
with Hub(Path(sys.argv[1]), part_size=1 << 40) as hub:
    print(hub.url, flush=True)
    sys.stdin.read()
"""


@contextmanager
def hub(folder: Path) -> Iterator[str]:
    """The address of a Hub in a process of its own."""
    command = [sys.executable, "-c", _HUB, str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


def write(folder: Path, files: int, size: int) -> list[Path]:
    """New files of random bytes."""
    folder.mkdir()
    paths = [folder / f"{number:02d}.bin" for number in range(files)]
    for path in paths:
        path.write_bytes(os.urandom(size))
    return paths


def upload(url: str, paths: list[Path], at_a_time: int) -> None:
    """Plain PUT requests of whole files, named by a number that is in the way of nothing."""
    import httpx

    def put(path: Path) -> None:
        with path.open("rb") as content:
            # A part is not compared with its name, so that nobody needs to hash it beforehand.
            answer = client.put(f"{url}/storage/{'0' * 64}/1", content=content, timeout=600)
        answer.raise_for_status()

    with httpx.Client() as client, ThreadPoolExecutor(at_a_time) as pool:
        list(pool.map(put, paths))


def send(folder: Path, repo: str) -> Any:
    """Publishes a folder."""
    from multimed_hf.publishing.plan import Plan, from_folder
    from multimed_hf.publishing.publish import publish

    return publish([Plan("model", repo, "MIT", {}, from_folder(folder))])[0]


def taken(action: Callable[[], Any]) -> float:
    """Seconds of an action."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=8, help="files a round (default: %(default)s)")
    parser.add_argument("--megabytes", type=int, default=32, help="size of each (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count (default: %(default)s)")
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name, hub(Path(name) / "hub") as url:
        # Read when the libraries are imported.
        os.environ |= {"HF_ENDPOINT": url, "HF_TOKEN": "hf_write", "HF_HOME": f"{name}/home"}
        os.environ |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_OFFLINE": "0"}
        for number in range(options.rounds + 1):
            # Each way its own bytes: what the Hub holds is not sent again.
            made = {
                how: write(Path(name) / f"{how}-{number}", options.files, options.megabytes * 10**6)
                for how in ("one", "several", "published")
            }
            folder, repo = Path(name) / f"published-{number}", f"org/round-{number}"
            steps: dict[str, Callable[[], Any]] = {
                "plain uploads, one after another": partial(upload, url, made["one"], 1),
                f"plain uploads, {_AT_A_TIME} at a time": partial(upload, url, made["several"], _AT_A_TIME),
                "published": partial(send, folder, repo),
                "published again": partial(send, folder, repo),
            }
            for step, action in steps.items():
                once = taken(action)
                if number:
                    seconds.setdefault(step, []).append(once)
            assert send(folder, repo).sent == 0
            for paths in made.values():
                for path in paths:
                    path.unlink()
    total = options.files * options.megabytes
    times = {step: median(each) for step, each in seconds.items()}
    plain = min(value for step, value in times.items() if step.startswith("plain"))
    print(f"{options.files} files of {options.megabytes} MB, {options.rounds} rounds")
    print(f"{'':<36}{'s':>8}{'MB/s':>9}{'x plain':>9}")
    for step, value in times.items():
        print(f"{step:<36}{value:>8.3f}{total / value:>9.0f}{plain / value:>9.2f}")
    met = plain / times["published"] >= GOAL
    print(f"goal: published at {GOAL} x the faster plain upload, or more: {'met' if met else 'MISSED'}")
    print("published again: no file was sent")


if __name__ == "__main__":
    main()
