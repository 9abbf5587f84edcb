"""The command `multimed publish`: thin, and light to import."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

HELP = """\
Puts a built data set, a checkpoint with its processor and code, metrics or the demo on the Hub, under ORG. What the
terms of a source do not allow is left out, or refused. Every file is checked at the Hub before the revision gets its
tag; an interrupted command goes on when it is given again. The token is that of `hf auth login` or $HF_TOKEN.

  multimed publish all --org my-lab --dry-run                 what would be published, without the network
  multimed publish dataset --org my-lab --data multimed
  multimed publish model --org my-lab --checkpoint runs/cells/checkpoint --name multimed-cells --private
  multimed publish metric --org my-lab --metric eeg --metric structure
"""

MODEL_NAME = "multimed-base"

_KINDS = ("dataset", "model", "metric", "space", "all")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument("what", metavar="{dataset,model,metric,space,all}", choices=_KINDS, help="what to publish")
    parser.add_argument("--org", required=True, help="organisation or user of the Hub")
    parser.add_argument("--data", default="multimed", help="folder that was built (default: %(default)s)")
    parser.add_argument(
        "--checkpoint", metavar="CKPT", default="runs/train/checkpoint", help="folder of a model (default: %(default)s)"
    )
    parser.add_argument(
        "--metric", action="append", default=[], metavar="NAME", help="metric to publish; repeats (default: all)"
    )
    parser.add_argument("--name", help="name of the repository (default: multimed, for a model multimed-base)")
    parser.add_argument("--tag", help="name of the revision, which never moves (default: the version of this package)")
    parser.add_argument("--private", action="store_true", help="make new repositories private")
    parser.add_argument("--dry-run", action="store_true", help="print what would be published, and send nothing")


def run(options: argparse.Namespace) -> int:
    """Plans, shows what is planned, and publishes it."""
    if options.name and options.what not in ("dataset", "model", "space"):
        raise ValueError("Expected --name with dataset, model or space: a metric's repository is called as it is.")
    if options.metric and options.what not in ("metric", "all"):
        raise ValueError(f"Expected --metric with metric or all, got it with {options.what}.")
    from ..data.build import DATASET_NAME
    from .dataset import plan_dataset
    from .model import plan_model
    from .publish import DEFAULT_TAG, publish
    from .spaces import metric_names, plan_metric, plan_space

    own = options.name or DATASET_NAME
    tag = options.tag or DEFAULT_TAG
    with tempfile.TemporaryDirectory(prefix="multimed-publish-") as staging:
        plans = []
        if options.what in ("dataset", "all"):
            plans.append(plan_dataset(options.data, f"{options.org}/{own}"))
        if options.what in ("model", "all"):
            plans.append(plan_model(options.checkpoint, Path(staging), f"{options.org}/{options.name or MODEL_NAME}"))
        if options.what in ("metric", "all"):
            plans += [plan_metric(metric, options.org) for metric in options.metric or metric_names()]
        if options.what in ("space", "all"):
            plans.append(plan_space(f"{options.org}/{own}"))
        for plan in plans:
            print(plan.show(tag))
        if not options.dry_run:
            publish(plans, options.private, tag, print)
    return 0
