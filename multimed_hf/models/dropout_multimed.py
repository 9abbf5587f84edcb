"""Dropout of whole tokens."""

import torch


def hide(tokens, probability, training):
    """Zeroes whole tokens of `(tokens, hidden)` with `probability` while training; the others keep their scale."""
    if not training or probability == 0:
        return tokens
    keep = torch.rand(tokens.shape[0], 1, device=tokens.device) >= probability
    return tokens * keep.to(tokens.dtype)
