"""The values of tissues: in the order of the literature."""

from __future__ import annotations

from multimed_hf.simulation.body.tissues import TISSUES


def test_tissues_are_in_the_order_of_the_literature() -> None:
    hu = {name: tissue.hu for name, tissue in TISSUES.items()}
    assert hu["air"] < hu["lung"] < hu["fat"] < hu["water"] < hu["white matter"] < hu["grey matter"] < hu["bone"]
    assert TISSUES["white matter"].t1 < TISSUES["grey matter"].t1 < TISSUES["water"].t1
    assert all(tissue.t2 < tissue.t1 and 0 <= tissue.protons <= 1 for tissue in TISSUES.values())
