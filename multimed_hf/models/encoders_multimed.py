"""Encoders: what a modality's processor made, to tokens of the backbone's width. All of them work on packed input."""

import math

import torch
from torch import nn

from .configuration_multimed import IMAGE_CHANNELS
from .dropout_multimed import hide
from .electrodes_multimed import position
from .image_encoders_multimed import build_image_encoder
from .packing_multimed import positions_of
from .peaks_multimed import MultiMedPeaksBesideDNA
from .pretrained_encoders_multimed import build_pretrained_encoder
from .sets_multimed import MultiMedSetEmbedding

SITES = (
    "Fp1 Fp2 F7 F3 Fz F4 F8 FC5 FC1 FC2 FC6 T7 C3 C1 Cz C2 C4 T8 CP5 CP1 CP2 CP6 P7 P3 Pz P4 P8 PO3 PO4 O1 Oz O2"
).split()
"""Where on the head the power of EEG is read off."""

_SITE_POSITIONS = [position(name) for name in SITES]


def sinusoids(positions: torch.Tensor, size: int) -> torch.Tensor:
    """Sine and cosine of `(tokens,)` positions at `size / 2` wavelengths from 2 pi to 10,000 x 2 pi: `(tokens, size)`."""
    step = -math.log(10_000.0) / max(size // 2 - 1, 1)
    rates = torch.exp(torch.arange(size // 2, device=positions.device, dtype=torch.float32) * step)
    angles = positions.to(torch.float32)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


class MultiMedPosition(nn.Module):
    """Adds where a token stands, and lets the place scale the content: `x * (1 + gate(p)) + shift(p)`.

    With the gate, "this nucleotide at this place" is linear in the token, which is what regulatory and splice signals
    look like.
    """

    def __init__(self, config):
        super().__init__()
        self.gate = nn.Linear(config.hidden_size, config.hidden_size)
        self.shift = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, tokens, positions):
        # Many tokens stand at the same place of their segment: each place is worked out once and looked up.
        places = torch.arange(int(positions.max()) + 1 if len(positions) else 0, device=positions.device)
        place = sinusoids(places, tokens.shape[-1]).to(tokens.dtype)
        gate, shift = (nn.functional.embedding(positions, part(place)) for part in (self.gate, self.shift))
        return tokens * (1 + gate) + shift


class MultiMedTextEncoder(nn.Module):
    """Token ids to tokens."""

    def __init__(self, config):
        super().__init__()
        self.input_dropout = config.input_dropout
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.position = MultiMedPosition(config)

    def forward(self, input_ids, lengths):
        """`input_ids` `(tokens,)` of all texts end to end, `lengths` `(texts,)`; gives `(tokens, hidden)`, `(texts,)`."""
        tokens = hide(self.embedding(input_ids), self.input_dropout, self.training)
        return self.position(tokens, positions_of(lengths)), lengths


class MultiMedSequenceEncoder(nn.Module):
    """Letters of an alphabet to tokens that each see a window of letters, `stride` apart.

    Up to `places` letters from the start, a token also knows which letter stands at which place: measured constructs are
    aligned, and what a mutation does there is first of all a sum over places.
    """

    def __init__(self, config, letters, window, stride, places=0):
        super().__init__()
        self.letters, self.window, self.stride, self.places = letters, window, stride, places
        self.input_dropout = config.input_dropout
        # One row per letter and place in the window; the last letter stands for "outside the sequence".
        self.embedding = nn.EmbeddingBag((letters + 1) * window, config.hidden_size, mode="sum")
        # One row per letter and place in the sequence; the last row, of zeros, stands for every place beyond.
        rows = places * letters + 1
        self.place = nn.EmbeddingBag(rows, config.hidden_size, mode="sum", padding_idx=rows - 1) if places else None
        self.position = MultiMedPosition(config)

    def forward(self, input_ids, lengths):
        """`input_ids` `(letters,)` of all sequences end to end, `lengths` `(sequences,)`.

        Returns `(tokens, hidden)` and tokens per sequence `(sequences,)`, ceil(length / stride) each.
        """
        counts = (lengths + self.stride - 1) // self.stride
        positions = positions_of(counts)
        start = torch.repeat_interleave(torch.cumsum(lengths, 0) - lengths, counts)
        length = torch.repeat_interleave(lengths, counts)
        offsets = torch.arange(self.window, device=input_ids.device)
        middle = positions * self.stride + self.stride // 2
        place = middle[:, None] + offsets - self.window // 2  # (tokens, window)
        inside = (place >= 0) & (place < length[:, None])
        letter = input_ids[(start[:, None] + place).clamp(0, len(input_ids) - 1)]
        letter = torch.where(inside, letter, torch.full_like(letter, self.letters))
        tokens = self.position(self.embedding(letter + offsets * (self.letters + 1)), positions)
        if self.place is not None:
            own = positions[:, None] * self.stride + torch.arange(self.stride, device=input_ids.device)
            known = (own < length[:, None]) & (own < self.places)
            letter = input_ids[(start[:, None] + own).clamp(max=len(input_ids) - 1)]
            row = torch.where(known, own * self.letters + letter, torch.full_like(own, self.place.padding_idx))
            tokens = tokens + self.place(row)
        return hide(tokens, self.input_dropout, self.training), counts


class MultiMedGenomicsEncoder(MultiMedPeaksBesideDNA, MultiMedSequenceEncoder):
    """DNA, open peaks, or both."""


class MultiMedCellEncoder(nn.Module):
    """Expressed genes and their values to a few tokens: each is a learned sum over genes, whatever their order."""

    def __init__(self, config):
        super().__init__()
        self.tokens, self.hidden = config.scrna_tokens, config.hidden_size
        width = self.tokens * self.hidden
        self.embedding = MultiMedSetEmbedding(config.num_genes, width, config.input_dropout, "gene", "num_genes")
        self.bias = nn.Parameter(torch.zeros(self.tokens, self.hidden))

    def forward(self, gene_ids, values, lengths):
        """`gene_ids` `(genes,)` and `values` `(genes,)` log1p counts per 10,000 of all cells end to end, `lengths` `(cells,)`."""
        pooled = self.embedding(gene_ids, values, lengths)
        tokens = pooled.view(-1, self.tokens, self.hidden) + self.bias
        return tokens.flatten(0, 1), torch.full_like(lengths, self.tokens)


class MultiMedSignalEncoder(nn.Module):
    """EEG to tokens: one for the map of power over the head, and one for each patch of each channel.

    The map is the log power spectrum, averaged over time and interpolated to 32 standard sites, relative to its mean over
    the sites: where a rhythm comes or goes, whatever the montage, the subject and the amplifier. It is what linear decoders
    of band power work on; the patches keep wave form and time course.
    """

    def __init__(self, config):
        super().__init__()
        self.patch, self.input_dropout = config.eeg_patch_size, config.input_dropout
        bins = self.patch // 2
        self.map = nn.Linear((len(SITES) + 1) * bins, config.hidden_size)
        self.projection = nn.Linear(self.patch + bins, config.hidden_size)
        self.electrode = nn.Sequential(
            nn.Linear(3, config.hidden_size), nn.GELU(), nn.Linear(config.hidden_size, config.hidden_size)
        )
        self.time = MultiMedPosition(config)

    def forward(self, values, electrodes, times, lengths):
        """Patches of all recordings end to end.

        Args:
            values: `(patches, eeg_patch_size)` in units of 20 microvolt.
            electrodes: `(patches, 3)` position of the electrode on the unit sphere (right, front, up).
            times: `(patches,)` index of the patch within its channel.
            lengths: `(recordings,)` patches per recording, all channels together.

        Returns:
            `(tokens, hidden)`, and tokens per recording `(recordings,)`: its patches and one.
        """
        dtype = self.projection.weight.dtype
        spectrum = torch.fft.rfft(values.float() * torch.hann_window(self.patch, device=values.device))[:, 1:]
        power = spectrum.abs().square() / self.patch + 1e-3
        tokens = self.projection(torch.cat([values.float(), power.log()], dim=1).to(dtype))
        # All patches of a channel stand at the same electrode, which is read once.
        moved = nn.functional.pad((electrodes[1:] != electrodes[:-1]).any(1), (1, 0), value=True)
        site = torch.cumsum(moved, 0) - 1
        tokens = self.time(tokens + nn.functional.embedding(site, self.electrode(electrodes[moved].to(dtype))), times)
        tokens = hide(tokens, self.input_dropout, self.training)
        maps = self.map(self._maps(power, electrodes.float(), lengths).to(dtype))
        first = torch.cumsum(lengths + 1, 0) - lengths - 1
        order = torch.arange(len(tokens), device=tokens.device) + torch.repeat_interleave(lengths) + 1
        mixed = tokens.new_empty(len(tokens) + len(maps), tokens.shape[1])
        return mixed.index_copy(0, torch.cat([first, order]), torch.cat([maps, tokens])), lengths + 1

    def _maps(self, power, electrodes, lengths):
        """Log power relative to the mean over sites, and that mean: `(recordings, (sites + 1) * bins)`."""
        sites = torch.tensor(_SITE_POSITIONS, device=power.device)
        # About a tenth at the next electrode of a 10-10 cap.
        nearness = torch.exp(40.0 * (electrodes @ sites.T - 1)) + 1e-6
        maps = []
        for near, each in zip(nearness.split(lengths.tolist()), power.split(lengths.tolist()), strict=True):
            level = torch.log((near / near.sum(0)).T @ each)  # (sites, bins)
            mean = level.mean(0, keepdim=True)
            maps.append(torch.cat([2 * (level - mean), mean / 4]).flatten())
        return torch.stack(maps)


def build_encoder(name, config):
    """The encoder of a modality: a pre-trained one where the configuration names it, or one of this package."""
    for entry in config.encoders:
        if entry["modality"] == name:
            return build_pretrained_encoder(entry, config)
    if name == "text":
        return MultiMedTextEncoder(config)
    if name == "eeg":
        return MultiMedSignalEncoder(config)
    if name == "genomics":
        encoder = MultiMedGenomicsEncoder if config.num_peaks else MultiMedSequenceEncoder
        return encoder(config, 5, config.genomics_window, config.genomics_stride, config.genomics_places)
    if name == "scrna":
        return MultiMedCellEncoder(config)
    if name in IMAGE_CHANNELS:
        return build_image_encoder(name, config)
    return MultiMedSequenceEncoder(config, 21, config.protein_window, 1)
