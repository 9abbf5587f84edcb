"""Peak memory of building simulated EEG, for some rows and for ten times as many: it must not grow with the rows.

    python benchmarks/build_memory.py [--rows 600]

Each build runs in a process of its own; what is printed is the most memory that process ever held.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile

_BUILD = """
import resource, sys
from multimed_hf.data.build import build
build(["eeg"], ["synthetic"], rows=int(sys.argv[1]), out=sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak(rows: int) -> float:
    """MiB that a build of so many rows needs at most."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", _BUILD, str(rows), f"{folder}/multimed"]
        done = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return int(done.stdout.split()[-1]) / 1024


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=600)
    rows = parser.parse_args().rows
    few, many = peak(rows), peak(10 * rows)
    print(f"{rows} rows: {few:.0f} MiB; {10 * rows} rows: {many:.0f} MiB; ratio {many / few:.2f}, goal below 1.10")


if __name__ == "__main__":
    main()
