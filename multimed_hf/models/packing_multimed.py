"""Packing: tokens of samples of any length laid end to end, so that nothing is spent on padding."""

from dataclasses import dataclass

import torch


def positions_of(lengths: torch.Tensor) -> torch.Tensor:
    """Position of every token within its segment: `(segments,)` lengths to `(tokens,)`, for [2, 3]: 0 1 0 1 2."""
    starts = torch.cumsum(lengths, 0) - lengths
    total = torch.arange(int(lengths.sum()), device=lengths.device)
    return total - torch.repeat_interleave(starts, lengths, output_size=len(total))


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
    def of(cls, num_samples: int, segments: list[tuple[torch.Tensor, torch.Tensor]]) -> "Packing":
        """The packing of segments of tokens.

        Args:
            num_samples: samples in the batch.
            segments: for each kind of token in the order it has within a sample, `(sample, length)`: the sample each
                segment belongs to `(segments,)`, none twice, and how many tokens it has `(segments,)`.
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
            index=torch.repeat_interleave(start, length) + positions_of(length),
            sample=torch.repeat_interleave(order, in_order),
            first=first,
            lengths=lengths,
            cumulative=torch.nn.functional.pad(ends, (1, 0)).to(torch.int32),
            blocks=blocks,
        )

    def pack(self, tokens: torch.Tensor) -> torch.Tensor:
        """`(tokens, hidden)` from input order to packed order."""
        return torch.empty_like(tokens).index_copy(0, self.index, tokens)

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
