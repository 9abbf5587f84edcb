"""The command `multimed demo`: thin, and light to import."""

from __future__ import annotations

import argparse

DEFAULT_CHECKPOINT = "runs/quickstart/checkpoint"

HELP = """\
Serves a page on this machine, on which a checkpoint answers what is uploaded: predictions, what each modality adds,
questions, labels of one's own, and a leaderboard of results. Nothing leaves the machine, and nothing is kept.

  multimed demo                                               the checkpoint of the quickstart
  multimed demo runs/xray/checkpoint --port 8000
  multimed demo runs/xray/checkpoint --results runs           with a leaderboard of all runs
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument(
        "checkpoint",
        nargs="?",
        default=DEFAULT_CHECKPOINT,
        metavar="CHECKPOINT",
        help="as `multimed evaluate` takes it (default: %(default)s)",
    )
    parser.add_argument("--port", type=int, help="port of the page (default: the first free one from 7860)")
    parser.add_argument(
        "--results",
        action="append",
        metavar="PATH",
        help="results.json, or a folder with several below it; repeats (default: those of the checkpoint)",
    )


def run(options: argparse.Namespace) -> int:
    """Loads the checkpoint and serves its page until it is interrupted."""
    start(options.checkpoint, options.results or (), options.port)
    return 0


def start(checkpoint: str, results: list[str] | tuple[str, ...] = (), port: int | None = None) -> None:
    """Serves the page of a checkpoint, with a leaderboard of `results`, or of its own; the Space starts here too."""
    from .leaderboard import read_leaderboard
    from .page import build, serve
    from .predictor import Predictor

    predictor = Predictor.load(checkpoint)
    serve(build(predictor, read_leaderboard(results) or predictor.results), port)
