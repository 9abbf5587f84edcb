"""Where the folders that travel with the package lie: inside it when installed, beside it in a checkout."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """Path of `dataset_scripts`, `evaluate_metrics`, `model_cards` or `space`.

    Raises:
        FileNotFoundError: the installation lacks it.
    """
    for parent in (_PACKAGE, _PACKAGE.parent):
        if (parent / name).is_dir():
            return parent / name
    raise FileNotFoundError(f"Expected the folder {name!r} inside or beside {_PACKAGE}: reinstall multimed_hf.")


def load_script(subset: str) -> ModuleType:
    """The builder script of a subset, as a module. It is registered, so that worker processes find its classes.

    Raises:
        FileNotFoundError: the subset has no script yet.
    """
    name = f"multimed_hf.dataset_scripts.{subset}"
    if name in sys.modules:
        return sys.modules[name]
    path = folder("dataset_scripts") / f"{subset}.py"
    if not path.is_file():
        raise FileNotFoundError(
            f"Subset {subset!r} has no builder script yet: expected {path.name} in dataset_scripts."
        )
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
