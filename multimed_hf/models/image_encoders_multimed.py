"""Encoders of images and volumes: patches as `MultiMedImageProcessor` cuts them, to tokens of the backbone's width."""

import math
from itertools import combinations

import torch
from torch import nn

from .configuration_multimed import IMAGE_CHANNELS, VOLUME_MODALITIES
from .dropout_multimed import hide
from .packing_multimed import positions_of

# Wavelengths that tell places apart: in patches of an image, and in mm of a body.
_GRID_WAVES = (4.0, 64.0)
_BODY_WAVES = (60.0, 2000.0)
_WIDTHS = (16, 32)
# Middles of the bins of intensity, in standard deviations of the modality, and how wide they are.
_BINS = torch.linspace(-2.0, 2.0, 9).tolist()
_BIN_WIDTH = 0.5
# Differences of neighbours below it, in standard deviations of the modality, are noise.
_LEAST_DIFFERENCE = 0.02


def waves(places, size, shortest, longest):
    """Sine and cosine of places `(tokens, axes)`, each axis by itself, at wavelengths in geometric progression.

    Gives `(tokens, size)` float32; what the axes do not fill is zero.
    """
    axes = places.shape[1]
    count = size // (2 * axes)
    steps = torch.linspace(0, 1, count, device=places.device)
    rates = 2 * math.pi / shortest * torch.exp(-steps * math.log(longest / shortest))
    angles = (places.float()[:, :, None] * rates).flatten(1)
    return nn.functional.pad(torch.cat([angles.sin(), angles.cos()], dim=1), (0, size - 2 * axes * count))


def patch_statistics(patches):
    """What linear models of images look at, of each channel of a patch.

    Args:
        patches: `(patches, channels, *sides)`.

    Returns:
        `(patches, channels * n)` float32, n as `count_statistics` says: mean, standard deviation, a histogram of nine
        overlapping bins (triangles, so that it changes smoothly with brightness), and for each axis and each diagonal
        the log of the mean difference of neighbours, which tells how rough a texture is and which way its edges run, much
        as a histogram of gradient directions (Dalal and Triggs, CVPR 2005).
    """
    values = patches.float()
    flat = values.flatten(2)
    mean = flat.mean(-1)
    deviation = (flat - mean[:, :, None]).square().mean(-1).sqrt()
    bins = torch.tensor(_BINS, device=values.device)
    clipped = flat.clamp(_BINS[0], _BINS[-1])
    histogram = [(1 - (clipped - middle).abs() / _BIN_WIDTH).clamp(min=0).mean(-1) for middle in bins]
    differences = [values.diff(dim=axis) for axis in range(2, values.dim())]
    # All at the places that have a neighbour along every axis.
    for place, difference in enumerate(differences):
        for axis in range(len(differences)):
            if axis != place:
                difference = difference.narrow(axis + 2, 0, values.shape[axis + 2] - 1)
        differences[place] = difference.flatten(2)
    diagonals = [way for one, other in combinations(differences, 2) for way in (one + other, one - other)]
    rough = [torch.log(way.abs().mean(-1) + _LEAST_DIFFERENCE) for way in differences + diagonals]
    return torch.stack([mean, deviation, *histogram, *rough], dim=-1).flatten(1)


def count_statistics(axes):
    """How many numbers `patch_statistics` gives for each channel of patches with so many axes."""
    return 2 + len(_BINS) + axes + axes * (axes - 1)


class MultiMedStemConv2d(nn.Conv2d):
    """Convolution of a stem; its weights start at the scale of its inputs, see `stem_std`."""


class MultiMedStemConv3d(nn.Conv3d):
    """The same for volumes."""


class MultiMedStemLinear(nn.Linear):
    """Projection of what a stem gives; its weights start at the scale of its inputs, see `stem_std`."""


STEM_LAYERS = (MultiMedStemConv2d, MultiMedStemConv3d, MultiMedStemLinear)


def stem_std(module):
    """Standard deviation of the initial weights of a layer of a stem.

    Each layer keeps the scale of what it is given (He et al., ICCV 2015): with the narrow weights of the backbone, a few
    layers one after the other would begin with nearly nothing.
    """
    gain = 1.0 if isinstance(module, nn.Linear) else 2.0
    return math.sqrt(gain / module.weight[0].numel())


class MultiMedPatchEmbedding(nn.Module):
    """Patches to tokens: what linear models look at, plus a small convolutional stem, at a place.

    Two strided 3 x 3 convolutions within each patch stand before the projection, since plain linear patches learn slowly on
    little data (Xiao et al., NeurIPS 2021). The place scales the content, `x * (1 + gate(p)) + shift(p)`, so that the mean
    of an image's tokens holds what is linear in "this much of this at this place": an image at low resolution.
    """

    def __init__(self, config, channels, sides, wavelengths):
        super().__init__()
        self.channels, self.sides, self.wavelengths = channels, list(sides), wavelengths
        self.hidden_size = config.hidden_size
        convolution = MultiMedStemConv2d if len(sides) == 2 else MultiMedStemConv3d
        first, second = _WIDTHS
        self.stem = nn.Sequential(
            convolution(channels, first, 3, stride=2, padding=1),
            nn.GELU(),
            convolution(first, second, 3, stride=2, padding=1),
            nn.GELU(),
        )
        left = math.prod(-(-side // 4) for side in sides)
        self.projection = MultiMedStemLinear(second * left, config.hidden_size)
        self.statistics = MultiMedStemLinear(channels * count_statistics(len(sides)), config.hidden_size)
        self.gate = nn.Linear(config.hidden_size, config.hidden_size)
        self.shift = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, patches, places):
        """`patches` `(patches, channels * product of sides)` and `places` `(patches, axes)`; gives `(patches, hidden)`."""
        dtype = self.projection.weight.dtype
        patches = patches.view(-1, self.channels, *self.sides)
        tokens = self.projection(self.stem(patches.to(dtype)).flatten(1)) + self.statistics(
            patch_statistics(patches).to(dtype)
        )
        # Images of one shape share their places: each is worked out once and looked up.
        distinct, place = torch.unique(places, dim=0, return_inverse=True)
        distinct = waves(distinct, self.hidden_size, *self.wavelengths).to(dtype)
        gate, shift = (nn.functional.embedding(place, part(distinct)) for part in (self.gate, self.shift))
        return tokens * (1 + gate) + shift


class MultiMedImageEncoder(nn.Module):
    """Images to tokens, one a patch."""

    def __init__(self, config, channels):
        super().__init__()
        self.input_dropout = config.input_dropout
        self.slices = MultiMedPatchEmbedding(config, channels, [config.image_patch_size] * 2, _GRID_WAVES)

    def forward(self, pixels, grid, lengths):
        """Patches of all images end to end.

        Args:
            pixels: `(patches, channels * image_patch_size ** 2)`.
            grid: `(patches, 2)` middle of each patch from the middle of its image (row, column), in patches.
            lengths: `(images,)` patches per image.

        Returns:
            `(patches, hidden)`, and `lengths`.
        """
        return hide(self.slices(pixels, grid), self.input_dropout, self.training), lengths


class MultiMedScanEncoder(nn.Module):
    """Slices and volumes of one modality to tokens, one a patch, by two projections."""

    def __init__(self, config, channels):
        super().__init__()
        self.input_dropout = config.input_dropout
        self.slices = MultiMedPatchEmbedding(config, channels, [config.image_patch_size] * 2, _GRID_WAVES)
        self.volumes = MultiMedPatchEmbedding(config, channels, config.volume_patch_size, _BODY_WAVES)

    def forward(self, pixels, grid, lengths, voxels, places, volume_lengths):
        """Patches of all slices and of all volumes, each end to end.

        Args:
            pixels: `(patches, channels * image_patch_size ** 2)` of slices.
            grid: `(patches, 2)` as for images.
            lengths: `(scans,)` patches per slice, 0 for none.
            voxels: `(patches, product of volume_patch_size)` of volumes.
            places: `(patches, 3)` middle of each patch from the middle of its volume (slice, row, column), in mm.
            volume_lengths: `(scans,)` patches per volume, 0 for none.

        Returns:
            `(tokens, hidden)` in the order of the scans, the slice before the volume, and tokens per scan `(scans,)`.
        """
        tokens = torch.cat([self.slices(pixels, grid), self.volumes(voxels, places)])
        both = lengths + volume_lengths
        starts = torch.cumsum(both, 0) - both
        index = torch.cat(
            [
                torch.repeat_interleave(first, count) + positions_of(count)
                for first, count in ((starts, lengths), (starts + lengths, volume_lengths))
            ]
        )
        tokens = torch.empty_like(tokens).index_copy(0, index, tokens)
        return hide(tokens, self.input_dropout, self.training), both


def build_image_encoder(name, config):
    """The encoder of an imaging modality."""
    encoder = MultiMedScanEncoder if name in VOLUME_MODALITIES else MultiMedImageEncoder
    return encoder(config, IMAGE_CHANNELS[name])
