"""How often each task is seen: small ones more often than their size says, without drowning the large ones."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence


def mixture_indices(head_of_row: Sequence[str], exponent: float = 0.5, seed: int = 0) -> list[int]:
    """The rows of an epoch, in which a head with n rows has a share proportional to n ** exponent.

    The largest head, with N rows, passes once. A head with n rows is given

        round(N ** (1 - exponent) * n ** exponent)

    places: as many whole passes as fit, and a random part of one more. Exponent 1 leaves the data as they are, 0 gives
    every head the same share. The list depends on its arguments alone and is the same in every epoch, so that a run
    that is taken up again sees what it would have seen. It is not shuffled: `Trainer` does that.

    Args:
        head_of_row: the head that each row asks; rows with an empty name are left out.
        exponent: 0 to 1.
        seed: chooses the part of the last pass.

    Returns:
        Row indices, each at least once if its row asks a head.

    Raises:
        ValueError: no row asks a head, or the exponent is outside 0 to 1.
    """
    if not 0 <= exponent <= 1:
        raise ValueError(f"Expected a mixture exponent of 0 to 1, got {exponent}.")
    rows: dict[str, list[int]] = defaultdict(list)
    for index, head in enumerate(head_of_row):
        if head:
            rows[head].append(index)
    if not rows:
        raise ValueError("Expected rows that ask a task, got none: nothing to learn.")
    largest = max(map(len, rows.values()))
    indices: list[int] = []
    for head, own in rows.items():
        places = max(len(own), round(largest ** (1 - exponent) * len(own) ** exponent))
        passes, rest = divmod(places, len(own))
        indices += own * passes + sorted(random.Random(f"{seed}/{head}").sample(own, rest))
    return indices
