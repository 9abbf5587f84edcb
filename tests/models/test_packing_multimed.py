"""Packing: every token has one place, samples are whole and in one piece."""

from __future__ import annotations

from itertools import pairwise

import torch
from hypothesis import given
from hypothesis import strategies as st

from multimed_hf.models.packing_multimed import Packing, attentions_by_sample, join_segments, positions_of


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


@given(st.lists(st.lists(st.integers(0, 4), min_size=3, max_size=3), min_size=1, max_size=6))
def test_kinds_of_a_segment_follow_one_another(counts):
    """Each token says its segment, its kind and its place in them: joined, they are sorted."""
    tokens = [[[seg, kind, place] for seg, row in enumerate(counts) for place in range(row[kind])] for kind in range(3)]
    lengths = torch.tensor(counts).T
    parts = [(torch.tensor(each).view(-1, 3), length) for each, length in zip(tokens, lengths, strict=True)]
    for used in (parts, parts[1:2]):
        joined, total = join_segments(used)
        assert joined.tolist() == sorted(token for each, _ in used for token in each.tolist())
        assert total.tolist() == sum(length for _, length in used).tolist()


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


@given(st.lists(st.integers(1, 300), min_size=1, max_size=12))
def test_block_mask_is_that_of_all_pairs_of_tokens(lengths):
    from torch.nn.attention.flex_attention import create_block_mask

    every = torch.arange(len(lengths))
    packing = Packing.of(len(lengths), [(every, torch.tensor(lengths))], sum(lengths))
    mask, size = packing.block_mask, sum(lengths)
    expected = create_block_mask(mask.mask_mod, None, None, size, size, device="cpu")
    assert mask.shape == expected.shape and mask.BLOCK_SIZE == expected.BLOCK_SIZE
    assert torch.equal(mask.to_dense(), expected.to_dense())
    first, last = torch.tensor(0), torch.tensor(size - 1)
    same = bool(packing.sample[0] == packing.sample[-1])
    assert bool(mask.mask_mod(None, None, first, last)) is same is (len(lengths) == 1)
    assert packing.block_mask is mask


@given(batches())
def test_a_known_total_changes_nothing(batch):
    size, segments = batch
    plain = Packing.of(size, segments)
    known = Packing.of(size, segments, len(plain.index))
    assert torch.equal(plain.index, known.index) and torch.equal(plain.sample, known.sample)


@given(batches())
def test_tokens_move_from_one_packing_to_another(batch):
    """Segments packed as sequences of their own, with two tokens more each, and the same tokens packed by sample."""
    size, segments = batch
    samples, lengths = (torch.cat(parts) for parts in zip(*segments, strict=True))
    by_sample = Packing.of(size, segments)
    every = torch.arange(len(samples))
    alone = Packing.of(len(samples), [(every, lengths), (every, torch.full_like(every, 2))])
    names = torch.arange(len(alone.index))[:, None]
    moved = alone.move(alone.pack(names), by_sample)
    assert torch.equal(moved, by_sample.pack(names[: len(by_sample.index)]))
    assert by_sample.move(moved, by_sample) is moved


@given(batches())
def test_attentions_are_gathered_by_sample(batch):
    """Each weight names its two tokens; they are found where the tokens lie in their sample, and zero elsewhere."""
    size, segments = batch
    segments = [(samples, lengths + 1) for samples, lengths in segments if len(samples)]
    if not segments:
        return
    samples, lengths = (torch.cat(parts) for parts in zip(*segments, strict=True))
    by_sample = Packing.of(size, segments)
    every = torch.arange(len(samples))
    alone = Packing.of(len(samples), [(every, lengths), (every, torch.ones_like(every))])
    total = len(by_sample.index)
    names = alone.pack(torch.arange(1, len(alone.index) + 1)[:, None])[:, 0].double()
    blocks, start = [], 0
    for count, length in alone.blocks:
        own = names[start : start + count * length].view(count, length)
        start += count * length
        blocks.append((own[:, :, None] * 1000 + own[:, None, :])[:, None].repeat(1, 2, 1, 1))
    found = attentions_by_sample(blocks, alone, by_sample)
    own = by_sample.pack(torch.arange(1, total + 1)[:, None])[:, 0].double()
    segment = by_sample.pack(torch.repeat_interleave(every, lengths)[:, None])[:, 0]
    for sample in range(size):
        mine = by_sample.sample == sample
        same = segment[mine][:, None] == segment[mine]
        expected = (own[mine][:, None] * 1000 + own[mine]) * same
        assert torch.equal(found[sample], expected.expand(2, -1, -1))
