"""Open chromatin: sets of accessible peaks to tokens, beside the tokens of DNA within the genomics modality."""

import torch
from torch import nn

from .packing_multimed import join_segments
from .sets_multimed import MultiMedSetEmbedding

PEAKS_PER_CELL = 10_000.0
"""What frequencies are relative to, as expression is to 10,000 counts."""


class MultiMedPeakEncoder(nn.Module):
    """Open peaks to a few tokens: each is a learned sum over peaks, whatever their order.

    How many peaks are seen open tells first of all how deeply a sample was sequenced, and a plain sum would grow with it.
    Every open peak of a sample with n of them so counts `log(1 + 10,000 / n)`, the logarithm of its term frequency as in the
    TF-IDF of chromatin accessibility (Cusanovich et al., Science 2015; scaled and logged as by Stuart et al., Nat. Methods
    2021): the sum is about as long at 500 peaks as at 5,000. The other factor, how rare a peak is, is one number a peak, which
    its weights learn. Depth itself, log n, is a feature of its own, for heads to use or to subtract: it is what the first
    component of such an analysis mostly holds.
    """

    def __init__(self, config):
        super().__init__()
        self.tokens, self.hidden = config.peak_tokens, config.hidden_size
        width = self.tokens * self.hidden
        self.embedding = MultiMedSetEmbedding(config.num_peaks, width, config.input_dropout, "peak", "num_peaks")
        self.depth = nn.Linear(1, width)

    def forward(self, peak_ids, lengths):
        """`peak_ids` `(peaks,)` of all samples end to end, `lengths` `(samples,)` of 1 or more.

        Returns `(tokens, hidden)`, and tokens per sample `(samples,)`.
        """
        dtype, seen = self.embedding.weight.dtype, lengths.float()
        values = torch.repeat_interleave(torch.log1p(PEAKS_PER_CELL / seen), lengths, output_size=len(peak_ids))
        pooled = self.embedding(peak_ids, values, lengths)
        # From about -1 to 1 between the shallowest and the deepest cells.
        depth = (torch.log(seen / PEAKS_PER_CELL) / 4 + 1).to(dtype)
        tokens = pooled + self.depth(depth[:, None])
        return tokens.view(-1, self.hidden), torch.full_like(lengths, self.tokens)


class MultiMedPeaksBesideDNA(nn.Module):
    """What an encoder of DNA becomes that reads open peaks too: samples may have either or both.

    What a sample lacks adds no token, and what a whole batch lacks is not run. The weights of DNA keep their names, so that a
    checkpoint of DNA alone can go on with peaks.
    """

    def __init__(self, config, *args, **kwargs):
        super().__init__(config, *args, **kwargs)
        self.peaks = MultiMedPeakEncoder(config)

    def forward(self, input_ids, lengths, peak_ids=None, peak_lengths=None):
        """Reads packed sequences and sets.

        Args:
            input_ids: `(letters,)` of all sequences end to end, as the encoder of DNA takes them.
            lengths: `(samples,)` letters of each sample, 0 for none.
            peak_ids: `(peaks,)` open peaks of all samples end to end; None where no sample has any.
            peak_lengths: `(samples,)` open peaks of each sample, 0 for none.

        Returns:
            `(tokens, hidden)` in the order of the samples, those of DNA before those of peaks, and tokens per sample
            `(samples,)`.
        """
        parts = [
            _encoded(read, ids, counts)
            for read, ids, counts in ((super().forward, input_ids, lengths), (self.peaks, peak_ids, peak_lengths))
            if ids is not None and len(ids)
        ]
        return join_segments(parts)


def _encoded(read, ids, lengths):
    """Tokens of those that have any ids, and tokens of all `(samples,)`, 0 for the others."""
    present = (lengths > 0).nonzero().squeeze(1)
    tokens, counts = read(ids, lengths[present])
    return tokens, torch.zeros_like(lengths).index_copy(0, present, counts.to(lengths.dtype))


__all__ = ["MultiMedPeakEncoder", "MultiMedPeaksBesideDNA"]
