"""Metrics and the demo as repositories: a Space each, as their folders are."""

from __future__ import annotations

from .. import resources
from ..data.card import CARD_NAME
from ..tasks import closest
from .plan import Plan, from_bytes, from_folder
from .space_card import space_card

_LICENCE = "Apache-2.0"


def metric_names() -> list[str]:
    """All metrics that there are, in alphabetical order."""
    return sorted(
        path.name for path in resources.folder("evaluate_metrics").iterdir() if (path / "README.md").is_file()
    )


def plan_metric(metric: str, org: str) -> Plan:
    """The Space of a metric, from which `evaluate.load("<org>/<metric>")` reads.

    Args:
        metric: its name, and that of its folder and of the repository: `evaluate` looks for a file of that name.
        org: organisation or user of the Hub.

    Raises:
        UnknownNameError: there is no such metric.
    """
    if metric not in metric_names():
        raise closest(metric, metric_names(), "metric")
    files = from_folder(resources.folder("evaluate_metrics") / metric)
    return Plan("space", f"{org}/{metric}", _LICENCE, {"multimed_hf": _LICENCE}, files)


def plan_space(repo: str) -> Plan:
    """The Space of the demo.

    Args:
        repo: name of the repository, `<organisation>/<name>`.

    Raises:
        FileNotFoundError: this installation has no demo.
    """
    folder = resources.folder("space")
    files = from_folder(folder)
    if "app.py" not in {file.path for file in files}:
        raise FileNotFoundError(f"Expected the demo's app.py in {folder}, found none: reinstall multimed_hf.")
    # Which model and data set the card names depends on where the page is published.
    card = from_bytes(CARD_NAME, space_card(repo.partition("/")[0]).encode())
    files = (card, *(file for file in files if file.path != CARD_NAME))
    return Plan("space", repo, _LICENCE, {"multimed_hf": _LICENCE}, files)
