"""Packing: tokens of samples of any length laid end to end, so that nothing is spent on padding."""

from dataclasses import dataclass
from functools import cached_property

import torch

FLEX_BLOCK = 128
"""Tokens on a side of the blocks in which `flex_attention` skips what it need not compute."""


def positions_of(lengths: torch.Tensor, total: int | None = None) -> torch.Tensor:
    """Position of every token within its segment: `(segments,)` lengths to `(tokens,)`, for [2, 3]: 0 1 0 1 2.

    Whoever knows the `total` of the lengths spares waiting for the device.
    """
    starts = torch.cumsum(lengths, 0) - lengths
    every = torch.arange(int(lengths.sum()) if total is None else total, device=lengths.device)
    return every - torch.repeat_interleave(starts, lengths, output_size=len(every))


def join_segments(parts: list[tuple[torch.Tensor, torch.Tensor]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens of several kinds that share their segments, with the kinds of a segment one after the other.

    Args:
        parts: for each kind `(tokens, hidden)` of all segments end to end, and how many of them each segment has
            `(segments,)`, 0 for none.

    Returns:
        `(all tokens, hidden)` in the order of segments, and tokens of all kinds per segment `(segments,)`.
    """
    tokens, lengths = (list(each) for each in zip(*parts, strict=True))
    if len(parts) == 1:
        return tokens[0], lengths[0]
    total = torch.stack(lengths).sum(0)
    start, places = torch.cumsum(total, 0) - total, []
    for each, count in zip(tokens, lengths, strict=True):
        within = positions_of(count, len(each))
        places.append(torch.repeat_interleave(start, count, output_size=len(each)) + within)
        start = start + count
    joined = torch.cat(tokens)
    return torch.empty_like(joined).index_copy(0, torch.cat(places), joined), total


@dataclass
class Packing:
    """Where each token of a batch lies once samples of equal length are neighbours.

    Attributes:
        index: `(tokens,)` position in the packed sequence of each token of the input order.
        sample: `(tokens,)` sample of each packed token.
        first: `(samples,)` packed position of the first token of each sample.
        lengths: `(samples,)` tokens per sample.
        cumulative: `(samples + 1,)` int32 boundaries of the packed samples, as variable-length attention kernels want.
        blocks: runs of samples of one length, `(count, length)` in packed order.
    """

    index: torch.Tensor
    sample: torch.Tensor
    first: torch.Tensor
    lengths: torch.Tensor
    cumulative: torch.Tensor
    blocks: list[tuple[int, int]]

    @classmethod
    @torch.compiler.disable
    def of(
        cls, num_samples: int, segments: list[tuple[torch.Tensor, torch.Tensor]], total: int | None = None
    ) -> "Packing":
        """The packing of segments of tokens.

        Args:
            num_samples: samples in the batch.
            segments: for each kind of token in the order it has within a sample, `(sample, length)`: the sample each
                segment belongs to `(segments,)` and how many tokens it has `(segments,)`.
            total: tokens of all segments, where known.
        """
        sample, length = (torch.cat(parts) for parts in zip(*segments, strict=True))
        lengths = length.new_zeros(num_samples).index_add(0, sample, length)
        in_order, order = torch.sort(lengths, stable=True)
        ends = torch.cumsum(in_order, 0)
        first = torch.empty_like(lengths)
        first[order] = ends - in_order
        # Segments as they lie in the packed sequence: by sample, and within a sample by kind, the order they came in.
        laid = torch.argsort(first[sample], stable=True)
        start = torch.empty_like(length)
        start[laid] = torch.cumsum(length[laid], 0) - length[laid]
        blocks = [
            (int(count), int(length))
            for length, count in zip(
                *(part.tolist() for part in torch.unique_consecutive(in_order, return_counts=True)), strict=True
            )
            if length
        ]
        return cls(
            index=torch.repeat_interleave(start, length, output_size=total) + positions_of(length, total),
            sample=torch.repeat_interleave(order, in_order, output_size=total),
            first=first,
            lengths=lengths,
            cumulative=torch.nn.functional.pad(ends, (1, 0)).to(torch.int32),
            blocks=blocks,
        )

    def pack(self, tokens: torch.Tensor) -> torch.Tensor:
        """`(tokens, hidden)` from input order to packed order."""
        return torch.empty_like(tokens).index_copy(0, self.index, tokens)

    def move(self, tokens: torch.Tensor, target: "Packing") -> torch.Tensor:
        """`(tokens, hidden)` from this packed order to that of `target`, which may lack the last tokens of the input order."""
        if target is self:
            return tokens
        return target.pack(tokens.index_select(0, self.index[: len(target.index)]))

    def mean(self, tokens: torch.Tensor) -> torch.Tensor:
        """Mean of each sample's packed tokens: `(tokens, hidden)` to `(samples, hidden)`, in float32."""
        total = torch.zeros(len(self.lengths), tokens.shape[-1], device=tokens.device, dtype=torch.float32)
        total = total.index_add(0, self.sample, tokens.float())
        return total / self.lengths.clamp(min=1)[:, None]

    def max(self, tokens: torch.Tensor) -> torch.Tensor:
        """Largest value of each feature among a sample's packed tokens: `(tokens, hidden)` to `(samples, hidden)`."""
        index = self.sample[:, None].expand(-1, tokens.shape[-1])
        highest = tokens.new_zeros(len(self.lengths), tokens.shape[-1])
        return highest.scatter_reduce(0, index, tokens, "amax", include_self=False)

    @cached_property
    def block_mask(self):
        """What `flex_attention` takes as a mask: every token attends to the tokens of its sample.

        Made from the boundaries: a search through all pairs of tokens would need memory for all of them.
        """
        from torch.nn.attention.flex_attention import BlockMask

        sample, size = self.sample, len(self.sample)
        start = torch.arange(0, size, FLEX_BLOCK, device=sample.device)
        last = sample[(start + FLEX_BLOCK).clamp(max=size) - 1]
        # What the samples of a block of queries span is one run of blocks of keys.
        low = self.first[sample[start]] // FLEX_BLOCK
        high = (self.first[last] + self.lengths[last] - 1) // FLEX_BLOCK + 1
        keys = (low[:, None] + torch.arange(len(start), device=sample.device)) % len(start)
        return BlockMask.from_kv_blocks(
            (high - low).to(torch.int32)[None, None],
            keys.to(torch.int32)[None, None],
            BLOCK_SIZE=FLEX_BLOCK,
            mask_mod=lambda batch, head, query, key: sample[query] == sample[key],
            seq_lengths=(size, size),
        )


def attentions_by_sample(blocks: list[torch.Tensor], source: Packing, target: Packing) -> tuple[torch.Tensor, ...]:
    """Attention weights of each sample, from those of the sequences among which attention was computed.

    Args:
        blocks: `(count, heads, length, length)` for each of the blocks of `source`.
        source: packing of the sequences; it may hold more tokens than `target`, last in the input order.
        target: packing of the samples, each of which consists of whole sequences but for the tokens that `target` lacks.

    Returns:
        One `(heads, length, length)` per sample in the order of `target`: what each token, in rows, takes from each, zero
        between sequences. Tokens that `target` lacks have neither row nor column.
    """
    size = len(target.index)
    place = torch.full_like(source.index, -1)
    place[source.index[:size]] = target.index
    heads = blocks[0].shape[1]
    found = [blocks[0].new_zeros(heads, length, length) for length in target.lengths.tolist()]
    first, start = target.first.tolist(), 0
    for block in blocks:
        for weights in block:
            own = place[start : start + len(weights[0])]
            start += len(own)
            kept = (own >= 0).nonzero().squeeze(1)
            sample = int(target.sample[own[kept[0]]])
            local = own[kept] - first[sample]
            found[sample][:, local[:, None], local] = weights[:, kept[:, None], kept]
    return tuple(found)
