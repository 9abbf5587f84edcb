"""Why a model predicts what it predicts for one sample: what each modality adds, and what each part of a modality adds.

Importing this package loads neither torch nor transformers; touching one of the names below does.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .ablation import Contributions, contributions
    from .attention import attention_shares
    from .attribution import Saliency, saliency
    from .explained import Explained
    from .plots import figure

_PLACES = {
    "Contributions": "ablation",
    "Explained": "explained",
    "Saliency": "attribution",
    "attention_shares": "attention",
    "contributions": "ablation",
    "figure": "plots",
    "saliency": "attribution",
}

__all__ = ["Contributions", "Explained", "Saliency", "attention_shares", "contributions", "figure", "saliency"]


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
