"""What `multimed list` shows: subsets, tasks and sources as tables."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from .sources import SOURCES, Source
from .subsets import SUBSETS
from .tasks import TASKS, closest

KINDS_OF_LIST = ("subsets", "tasks", "sources")


def show(what: str = "") -> None:
    """Prints one of the tables, or all of them.

    Args:
        what: 'subsets', 'tasks' or 'sources'; empty for all.

    Raises:
        UnknownNameError: there is no such table.
    """
    if what and what not in KINDS_OF_LIST:
        raise closest(what, KINDS_OF_LIST, "table")
    # A pipe has no width: rich would squeeze the tables into 80 columns.
    console = Console() if sys.stdout.isatty() else Console(width=200)
    tables = {"subsets": subset_table, "tasks": task_table, "sources": source_table}
    for name, make in tables.items():
        if what in ("", name):
            console.print(make())


def subset_table() -> Table:
    """One line per subset."""
    table = _table("Subsets", "subset", "ready", "what", "modalities", "default source", "tasks")
    for subset in SUBSETS.values():
        modalities, tasks = ", ".join(subset.modalities), ", ".join(subset.tasks)
        table.add_row(subset.name, _yes(subset.ready), subset.title, modalities, subset.default_source or "-", tasks)
    return table


def task_table() -> Table:
    """One line per task; auxiliary ones carry a star."""
    table = _table("Tasks", "task", "ready", "kind", "main score", "subsets", "question")
    table.caption = "* auxiliary: its label is a stand-in; scored and shown, never counted among the eleven"
    ready = {target.task for source in SOURCES.values() if source.ready for target in source.targets}
    for task in TASKS.values():
        name = f"{task.name} *" if task.auxiliary else task.name
        table.add_row(name, _yes(task.name in ready), task.kind, task.main_score, ", ".join(task.subsets), task.summary)
    return table


def source_table() -> Table:
    """One line per source, with where it lies on this machine."""
    table = _table("Sources", "source", "subset", "tasks", "licence", "where")
    for source in SOURCES.values():
        tasks = ", ".join(dict.fromkeys(target.task for target in source.targets))
        table.add_row(source.name, source.subset, tasks, source.licence, _place(source))
    return table


def _place(source: Source) -> str:
    """Where a source lies, or what it needs."""
    from .data.reader import DATA_VARIABLE
    from .resources import load_script

    if not source.ready:
        return "not ready: no reader yet"
    if source.synthetic:
        return "made by this package"
    reader = load_script(source.subset).Builder.reader(source.name)
    try:
        location = reader.locate(None)
    except FileNotFoundError as error:
        return "not found: " + str(error).partition(": ")[2]
    # Some sources take all the places where their files lie.
    places = reader.found() if location is None else [location]
    root = os.environ.get(DATA_VARIABLE)
    shorter = {root: f"${DATA_VARIABLE}"} if root else {}
    if source.carrier:
        shorter[str(_above(places[-1], "site-packages"))] = "site-packages"
    return ", ".join(_shorten(str(place), shorter) for place in places)


def _above(path: Path, name: str) -> Path:
    return next((parent for parent in path.parents if parent.name == name), path)


def _shorten(path: str, prefixes: dict[str, str]) -> str:
    for prefix, short in prefixes.items():
        if path.startswith(f"{prefix}/"):
            return short + path.removeprefix(prefix)
    return path


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left", box=box.SIMPLE_HEAD)
    for column in columns:
        # Names are typed again by whoever reads them, so they are never cut, and the first is never broken.
        table.add_column(column, overflow="fold", no_wrap=column == columns[0])
    return table


def _yes(value: bool) -> str:
    return "yes" if value else "no"
