"""multimed_hf: ten medical modalities, eleven tasks, one model, the Hugging Face way.

Importing this package is quick and loads neither torch nor transformers. Touching one of the names below, or importing
`multimed_hf.models`, registers the Auto classes and the pipeline.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_LAZY = {
    "MultiMedConfig": "multimed_hf.models",
    "MultiMedForMultitask": "multimed_hf.models",
    "MultiMedProcessor": "multimed_hf.models",
}

__all__ = ["__version__", *_LAZY]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
