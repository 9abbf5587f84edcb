"""Labels before they meet a loss: what is of the wrong kind, shape or range is refused, on any device."""

import torch

from .heads_multimed import IGNORE

# How many axes labels have, and whether they are whole numbers.
_FORMS = {
    "single_label": (1, True),
    "ordinal": (1, True),
    "answer": (1, True),
    "decoder": (2, True),
    "multi_label": (2, False),
    "regression": (2, False),
    "survival": (2, False),
}


def check_form(form, name, labels, shape):
    """Refuses labels of the wrong kind or shape.

    Args:
        form: the kind of the task, or "decoder" for answers that are written.
        name: the task.
        labels: as its head takes them.
        shape: that of the logits, the batch first.

    Raises:
        ValueError: another type, or another shape.
    """
    size = shape[0]
    if form == "structure":
        if not isinstance(labels, dict) or not labels.keys() >= {"backbone", "resolved"}:
            got = sorted(labels) if isinstance(labels, dict) else type(labels).__name__
            raise ValueError(f"Expected labels of {name!r} as a dict with backbone and resolved, got {got}.")
        resolved, backbone = labels["resolved"], labels["backbone"]
        if resolved.shape != backbone.shape[:2] or len(resolved) != size:
            raise ValueError(
                f"Expected `resolved` of {name!r} of shape ({size}, longest chain) as `backbone` is, got "
                f"{tuple(resolved.shape)} and {tuple(backbone.shape)}."
            )
        return
    axes, whole = _FORMS[form]
    if not isinstance(labels, torch.Tensor) or (whole and labels.dtype != torch.int64):
        kind = labels.dtype if isinstance(labels, torch.Tensor) else type(labels).__name__
        raise ValueError(f"Expected labels of {name!r} as a tensor{' of int64' if whole else ''}, got {kind}.")
    last = {"survival": (2,), "decoder": tuple(labels.shape[1:2]) or ("answer tokens",)}.get(form, tuple(shape[1:axes]))
    # Of a regression, the head knows which targets were asked.
    if (form == "regression" and labels.dim() == 2 and len(labels) == size) or labels.shape == (size, *last):
        return
    raise ValueError(f"Expected labels of {name!r} of shape {(size, *last)}, got {tuple(labels.shape)}.")


def out_of_range(form, labels, shape):
    """Whether any label is none that the head has, a scalar bool on the device of the labels."""
    if form == "structure":
        held = labels["resolved"] == 1
        return ~torch.isfinite(labels["backbone"]).flatten(2).all(2).logical_or(~held).all()
    if form in ("regression", "survival"):
        wrong = torch.isinf(labels)
        return (wrong | ((labels < 0) & (form == "survival"))).any()
    if form == "multi_label":
        return ~((labels == IGNORE) | ((labels >= 0) & (labels <= 1))).all()
    return ((labels != IGNORE) & ((labels < 0) | (labels >= shape[-1]))).any()


def range_error(form, name, shape):
    """The error for labels that are `out_of_range`."""
    return ValueError(f"Expected labels of {name!r} of {_expected(form, shape)}, got others.")


def _expected(form, shape):
    if form == "structure":
        return "finite coordinates of resolved residues"
    if form == "regression":
        return "finite numbers, or NaN where not measured"
    if form == "survival":
        return "a finite time and event of at least 0, or NaN where not asked"
    if form == "multi_label":
        return f"0 to 1, or {IGNORE} for unknown"
    return f"0 to {shape[-1] - 1}, or {IGNORE} where not asked"


__all__ = ["check_form", "out_of_range", "range_error"]
