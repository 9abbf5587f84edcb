"""Time of a bare import in a fresh interpreter, beside one that does nothing and one that imports `evaluate`."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

STATEMENTS = ("pass", "import multimed_hf", "import multimed_hf.metrics", "import evaluate")
GOAL = {"import multimed_hf": 1.0, "import multimed_hf.metrics": 1.0}


def seconds(statement: str) -> float:
    """Wall-clock seconds of a fresh interpreter that runs `statement`, its start and end included."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - start


def best_of(runs: int) -> dict[str, float]:
    """The fastest run of each statement, in seconds.

    The statements take turns, so that a slow minute of the machine does not fall on one of them; the first turn warms
    the page cache and does not count.
    """
    turns = [{statement: seconds(statement) for statement in STATEMENTS} for _ in range(runs + 1)]
    return {statement: min(turn[statement] for turn in turns[1:]) for statement in STATEMENTS}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--runs", type=int, default=5, help="runs of each statement, of which the best counts (default 5)"
    )
    arguments = parser.parse_args()
    if arguments.runs < 1:
        parser.error(f"--runs should be 1 or more, got {arguments.runs}")

    best = best_of(arguments.runs)
    print(f"best of {arguments.runs}, Python {sys.version.split()[0]}")
    print(f"{'statement':<28}{'seconds':>9}{'x pass':>9}{'x evaluate':>12}  goal")
    for statement, taken in best.items():
        goal = GOAL.get(statement)
        verdict = "" if goal is None else f"under {goal:g} s: {'met' if taken < goal else 'MISSED'}"
        beside = f"{taken / best['pass']:>9.1f}{taken / best['import evaluate']:>12.3f}"
        print(f"{statement:<28}{taken:>9.3f}{beside}  {verdict}".rstrip())


if __name__ == "__main__":
    main()
