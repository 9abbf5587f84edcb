"""What a build is asked for: which subsets from which sources, and where these lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from ..simulation.settings import Simulation
from ..sources import SOURCES, sources_of
from ..subsets import SUBSETS, get_subset
from ..tasks import closest

Place = TypeVar("Place")


def plan_sources(subsets: Sequence[str] | None, sources: Sequence[str] | None) -> dict[str, tuple[str, ...]]:
    """Which sources a build of these subsets takes, subset by subset; the arguments are those of `build`.

    Args:
        subsets: names; None for those of `sources`, or for all that have a default source.
        sources: names; None for the default of each subset. A subset of which none is named takes its default.

    Returns:
        Subset name to the names of its sources.

    Raises:
        UnknownNameError: no subset or source has this name.
        ValueError: a subset or source that cannot be built yet, or a source that is named twice.
    """
    wanted = list(sources or ())
    repeated = sorted({name for name in wanted if wanted.count(name) > 1})
    if repeated:
        raise ValueError(f"Expected every source once, got {', '.join(repeated)} more than once.")
    if subsets:
        names = list(dict.fromkeys(get_subset(name).name for name in subsets))
    elif wanted:
        names = [name for name in SUBSETS if any((name, source) in SOURCES for source in wanted)]
    else:
        names = [subset.name for subset in SUBSETS.values() if subset.default_source]
    known = [source.name for name in names or SUBSETS for source in sources_of(name)]
    for source in wanted:
        if source not in known:
            raise closest(source, known, f"source of {', '.join(names)}" if names else "source")
    planned = {}
    for name in names:
        chosen = [source for source in wanted if (name, source) in SOURCES] or [get_subset(name).default_source]
        ready = [source.name for source in sources_of(name) if source.ready]
        for source in chosen:
            if source not in ready:
                what = f"Source {source!r} of {name}" if source else f"Subset {name!r}"
                possible = ready or [subset.name for subset in SUBSETS.values() if subset.ready]
                raise ValueError(f"{what} cannot be built yet; ready are: {', '.join(possible)}.")
        planned[name] = tuple(chosen)
    return planned


def parse_data_dirs(values: Sequence[str], planned: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """What several `--data-dir` mean: `NAME=DIR`, or only `DIR` where there is only one source.

    Args:
        values: the options as given.
        planned: subset name to its sources, from `plan_sources`.

    Returns:
        Source name to its file or folder.

    Raises:
        ValueError: it is not clear which source is meant, or a source is given two folders.
    """
    names = [name for sources in planned.values() for name in sources]
    given: dict[str, str] = {}
    for value in values:
        name, equals, path = value.partition("=")
        if not equals or name not in names:
            if len(names) != 1:
                raise ValueError(f"Expected --data-dir NAME=DIR with NAME among {', '.join(names)}, got {value!r}.")
            name, path = names[0], value
        if name in given:
            raise ValueError(f"Expected one --data-dir for source {name!r}, got {given[name]!r} and {path!r}.")
        given[name] = path
    return given


def check_data_dirs(given: Mapping[str, Place], planned: Mapping[str, Sequence[str]]) -> dict[str, Place]:
    """`given`, source name to its file or folder, if every name is among the planned sources.

    Raises:
        ValueError: a source is not built.
    """
    names = [name for sources in planned.values() for name in sources]
    for name in given:
        if name not in names:
            raise ValueError(
                f"Expected data folders for the sources that are built ({', '.join(names)}), got one for {name!r}."
            )
    return dict(given)


def check_simulation(simulation: Simulation | None, planned: Mapping[str, Sequence[str]]) -> None:
    """Refuses settings of synthetic data where none is built, or that a subset cannot follow.

    Args:
        simulation: the settings as given; None for the default.
        planned: subset name to its sources, from `plan_sources`.

    Raises:
        ValueError: no source is synthetic, or a subset cannot hold out what `simulation.shift` says.
    """
    if simulation is None:
        return
    synthetic = [subset for subset, names in planned.items() if "synthetic" in names]
    if not synthetic:
        named = ", ".join(sorted({name for names in planned.values() for name in names}))
        raise ValueError(
            f"Seed, difficulty, label noise, prevalence and shift are settings of the source 'synthetic', got {named}: "
            "leave them out, or add --source synthetic."
        )
    from ..simulation.generator import generator_of

    for subset in synthetic:
        generator_of(subset, simulation)
