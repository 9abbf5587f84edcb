"""Packing: every token has one place, samples are whole and in one piece."""

from __future__ import annotations

from itertools import pairwise

import torch
from hypothesis import given
from hypothesis import strategies as st

from multimed_hf.models.packing_multimed import Packing, positions_of


@st.composite
def batches(draw):
    """A number of samples, and segments of one to four kinds for any of the samples in any order."""
    size = draw(st.integers(1, 8))
    segments = []
    for _ in range(draw(st.integers(1, 4))):
        samples = draw(st.permutations(range(size)))[: draw(st.integers(0, size))]
        lengths = [draw(st.integers(0, 5)) for _ in samples]
        segments.append((torch.tensor(samples, dtype=torch.long), torch.tensor(lengths, dtype=torch.long)))
    return size, segments


@given(st.lists(st.integers(0, 5), max_size=8))
def test_positions_count_within_segments(lengths):
    expected = [position for length in lengths for position in range(length)]
    assert positions_of(torch.tensor(lengths, dtype=torch.long)).tolist() == expected


@given(batches())
def test_every_token_has_one_place_and_samples_are_whole(batch):
    size, segments = batch
    packing = Packing.of(size, segments)
    # The tokens of the input order by name: (sample, kind, position).
    names = [
        (int(sample), kind, position)
        for kind, (samples, lengths) in enumerate(segments)
        for sample, length in zip(samples, lengths, strict=True)
        for position in range(int(length))
    ]
    assert sorted(packing.index.tolist()) == list(range(len(names)))
    packed = packing.pack(torch.arange(len(names))[:, None])[:, 0].tolist()
    packed_names = [names[place] for place in packed]
    assert [name[0] for name in packed_names] == packing.sample.tolist()
    assert sum(packing.lengths.tolist()) == len(names)
    for sample in range(size):
        start, length = int(packing.first[sample]), int(packing.lengths[sample])
        # In one piece, and within it first by kind, then by position.
        assert packed_names[start : start + length] == sorted(name for name in names if name[0] == sample)


@given(batches())
def test_blocks_are_runs_of_samples_of_one_length(batch):
    size, segments = batch
    packing = Packing.of(size, segments)
    ends = packing.cumulative.tolist()
    assert packing.cumulative.dtype == torch.int32
    assert ends[0] == 0 and ends[-1] == len(packing.sample) and len(ends) == size + 1
    assert sum(count * length for count, length in packing.blocks) == len(packing.sample)
    lengths = [length for count, length in packing.blocks for _ in range(count)]
    assert lengths == [end - start for start, end in pairwise(ends) if end > start]
    assert [length for _, length in packing.blocks] == sorted(set(lengths))
    bounds = set(ends)
    assert {int(first) for first, length in zip(packing.first, packing.lengths, strict=True) if length} <= bounds


@given(batches())
def test_mean_and_maximum_are_those_of_each_sample(batch):
    size, segments = batch
    packing = Packing.of(size, segments)
    tokens = torch.randn(len(packing.sample), 3, dtype=torch.float64).to(torch.bfloat16)
    means = packing.mean(tokens)
    assert means.dtype == torch.float32 and means.shape == (size, 3)
    for sample in range(size):
        own = tokens[packing.sample == sample].double()
        highest = own.amax(0) if len(own) else torch.zeros(3, dtype=torch.float64)
        assert torch.equal(packing.max(tokens)[sample].double(), highest)
        expected = own.mean(0) if len(own) else torch.zeros(3, dtype=torch.float64)
        torch.testing.assert_close(means[sample].double(), expected, atol=1e-6, rtol=1e-5)
