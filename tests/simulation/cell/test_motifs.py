"""Motifs of simulated factors: no composition, no shared words, the consensus binds best."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multimed_hf.simulation.cell.motifs import (
    CONSENSUS_WEIGHT,
    NUCLEOTIDES,
    draw_motifs,
    encode,
    reverse_complement,
    site_weight,
)
from multimed_hf.simulation.cell.regulation import FACTORS, world_of
from multimed_hf.simulation.patient import random_of


def test_motifs_say_nothing_by_composition_and_share_no_words() -> None:
    words: set[str] = set()
    for motif in draw_motifs(random_of(7), FACTORS):
        consensus = "".join(NUCLEOTIDES[base] for base in motif.argmax(1))
        assert abs(sum(base in "GC" for base in consensus) - len(consensus) / 2) <= 0.5
        own = {consensus[start : start + 5] for start in range(len(consensus) - 4)}
        own |= {reverse_complement(word) for word in own}
        assert not own & words
        words |= own
        assert (np.exp(motif) * 0.25).sum(1) == pytest.approx(1)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, FACTORS - 1), st.data())
def test_the_consensus_binds_best_and_every_mismatch_costs(factor: int, data: st.DataObject) -> None:
    motif = world_of(0).motifs[factor]
    consensus = "".join(NUCLEOTIDES[base] for base in motif.argmax(1))
    assert site_weight(motif, consensus) == pytest.approx(CONSENSUS_WEIGHT)
    place = data.draw(st.integers(0, len(motif) - 1))
    letter = data.draw(st.sampled_from([letter for letter in NUCLEOTIDES if letter != consensus[place]]))
    assert site_weight(motif, consensus[:place] + letter + consensus[place + 1 :]) < CONSENSUS_WEIGHT


@given(st.text("ACGT", min_size=1, max_size=50))
def test_the_other_strand_of_the_other_strand_is_the_first(dna: str) -> None:
    assert reverse_complement(reverse_complement(dna)) == dna
    assert (encode(reverse_complement(dna)) == 3 - encode(dna)[::-1]).all()


def test_other_letters_are_refused() -> None:
    with pytest.raises(ValueError, match="Expected DNA of the letters"):
        encode("ACGN")
