"""The command `multimed explain`: thin, and light to import."""

from __future__ import annotations

import argparse

HELP = """\
Explains what a checkpoint says about one row: what each modality adds, and each pixel, second, letter or gene. Writes
explanation.png and explanation.json into OUT.

  multimed explain runs/cells/checkpoint scrna --row 3
  multimed explain runs/xray/checkpoint xray --id synthetic/8 --target effusion --method occlusion
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="as `multimed evaluate` takes it")
    parser.add_argument("subset", metavar="SUBSET", help="subset that holds the row")
    parser.add_argument("--data", default="multimed", help="folder that was built (default: %(default)s)")
    parser.add_argument("--split", default="test", help="split that holds the row (default: %(default)s)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--id", help="id of the row")
    which.add_argument("--row", type=int, default=0, metavar="N", help="number of the row (default: %(default)s)")
    parser.add_argument("--task", metavar="HEAD", help="head to explain (default: the first that the row asks)")
    parser.add_argument("--target", metavar="LABEL", help="label, answer or gene (default: the predicted one)")
    parser.add_argument(
        "--method",
        choices=("integrated_gradients", "occlusion"),
        default="integrated_gradients",
        help="how parts of a modality are weighed (default: %(default)s)",
    )
    parser.add_argument("--out", default="explanation", help="folder to write (default: %(default)s)")


def run(options: argparse.Namespace) -> int:
    """Explains a row, writes the figure and the numbers, and prints a table."""
    from rich.console import Console

    from .report import explain_row, table, write_explanation

    row = options.row if options.id is None else options.id
    asked = (options.task, options.target, options.method)
    explanation = explain_row(options.checkpoint, options.subset, options.data, options.split, row, *asked)
    paths = write_explanation(options.out, explanation)
    Console().print(table(explanation))
    print(f"Written to {paths[0]} and {paths[1]}")
    return 0
