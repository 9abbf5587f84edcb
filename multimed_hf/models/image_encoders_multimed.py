"""Encoders of images and volumes: patches as `MultiMedImageProcessor` cuts them, to tokens of the backbone's width."""

import math
from itertools import combinations

import torch
from torch import nn

from .configuration_multimed import IMAGE_CHANNELS, VOLUME_MODALITIES
from .dropout_multimed import hide
from .packing_multimed import join_segments

# Wavelengths that tell places apart: in patches of an image, and in mm of a body.
_GRID_WAVES = (4.0, 64.0)
BODY_WAVES = (60.0, 2000.0)
# Width, size and stride of the convolutions over an image, and the groups of channels that are normalised together.
_STEM = ((16, 5, 2), (32, 3, 2), (64, 3, 2), (64, 3, 1))
_GROUPS = 8
# Pixels of a side of the squares whose mean counts as the surroundings, and how much what stands out of them counts.
_SURROUNDINGS = 8
_CONTRAST = 3.0
# Width of the convolutions within a patch of a volume.
_VOLUME_STEM = (16, 32)
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
    # Not of zero, where the slope of a square root is infinite: gradients reach the pixels of even patches too.
    deviation = (flat - mean[:, :, None]).square().mean(-1).clamp(min=1e-30).sqrt()
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


class MultiMedPlace(nn.Module):
    """Where a patch lies scales what it holds, `x * (1 + gate(p)) + shift(p)`.

    The mean of an image's tokens then holds what is linear in "this much of this at this place": an image at low resolution.
    """

    def __init__(self, config, wavelengths):
        super().__init__()
        self.wavelengths = wavelengths
        self.gate = nn.Linear(config.hidden_size, config.hidden_size)
        self.shift = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, tokens, places):
        """`tokens` `(patches, hidden)` and `places` `(patches, axes)`; gives `(patches, hidden)`."""
        # Images of one shape share their places: each is worked out once and looked up.
        distinct, place = torch.unique(places, dim=0, return_inverse=True)
        distinct = waves(distinct, tokens.shape[1], *self.wavelengths).to(tokens.dtype)
        gate, shift = (nn.functional.embedding(place, part(distinct)) for part in (self.gate, self.shift))
        return tokens * (1 + gate) + shift


class MultiMedImageStem(nn.Module):
    """Convolutions over whole images, and of each patch the mean and the largest of what they give.

    They see the image and its contrast, the image less its surroundings, which is what small lesions differ in (Graham, Kaggle
    Diabetic Retinopathy Detection, 2015). Filters reach across patches, and where in a patch a lesion lies makes no difference
    (early convolutions: Xiao et al., NeurIPS 2021). Norms are those of one image (Wu and He, ECCV 2018).
    """

    def __init__(self, channels, side):
        super().__init__()
        self.channels, self.side = channels, side
        layers, before = [], 2 * channels
        for width, size, stride in _STEM:
            layers += [
                MultiMedStemConv2d(before, width, size, stride=stride, padding=size // 2, bias=False),
                nn.GroupNorm(_GROUPS, width),
                nn.ReLU(),
            ]
            before = width
        self.layers = nn.Sequential(*layers)
        self.width = 2 * before

    def forward(self, patches, grid, lengths):
        """`patches` `(patches, channels, side, side)`, `grid` and `lengths` as `MultiMedImageEncoder` takes them.

        Returns `(patches, width)`.
        """
        found = patches.new_zeros(len(patches), self.width)
        if not len(patches):
            return found
        image = torch.repeat_interleave(lengths)
        # The outermost patches stand as far from the middle as the image is large.
        extent = grid.new_zeros(len(lengths), 2).scatter_reduce(0, image[:, None].expand(-1, 2), grid.abs(), "amax")
        sizes = (2 * extent + 1).round().long()
        if not torch.equal(sizes.prod(1)[lengths > 0], lengths[lengths > 0]):
            raise ValueError(
                f"Expected the patches of whole images, rows x columns of {sizes.tolist()}, got {lengths.tolist()} of them."
            )
        row, column = (grid + extent[image]).round().long().unbind(1)
        place = (torch.cumsum(lengths, 0) - lengths)[image] + row * sizes[image, 1] + column
        order = torch.empty_like(place).index_copy(0, place, torch.arange(len(place), device=place.device))
        for rows, columns in torch.unique(sizes[lengths > 0], dim=0).tolist():
            alike = (sizes[:, 0] == rows) & (sizes[:, 1] == columns) & (lengths > 0)
            index = order[alike[image]]
            images = patches[index].view(-1, rows, columns, self.channels, self.side, self.side)
            images = images.permute(0, 3, 1, 4, 2, 5).reshape(-1, self.channels, rows * self.side, columns * self.side)
            around = nn.functional.avg_pool2d(images, _SURROUNDINGS, ceil_mode=True, count_include_pad=False)
            around = nn.functional.interpolate(around, size=images.shape[2:], mode="bilinear")
            seen = self.layers(torch.cat([images, _CONTRAST * (images - around)], dim=1))
            pooled = [
                pool(seen, (rows, columns))
                for pool in (nn.functional.adaptive_avg_pool2d, nn.functional.adaptive_max_pool2d)
            ]
            found = found.index_copy(
                0, index, torch.cat(pooled, dim=1).flatten(2).transpose(1, 2).flatten(0, 1).to(found.dtype)
            )
        return found


class MultiMedPatchNorm(nn.BatchNorm1d):
    """Batch norm over the patches of all images of a batch (Ioffe and Szegedy, ICML 2015), `(patches, width)`.

    What all images have in common is most of what a stem gives. With it left in, gradients point along it and not to where
    images differ, and small lesions take several times as many passes to learn. Only training looks at the batch: afterwards, and
    while the weights are frozen, running statistics stand for it, so that adapters are trained on what they will meet.
    """

    def forward(self, patches):
        learning = self.training and self.weight.requires_grad and len(patches) > 1
        known = (self.running_mean, self.running_var, self.weight, self.bias)
        return nn.functional.batch_norm(patches, *known, learning, self.momentum, self.eps)


class MultiMedSliceEmbedding(nn.Module):
    """Patches of images to tokens: what linear models look at, plus a convolutional stem, at a place."""

    def __init__(self, config, channels):
        super().__init__()
        self.shape = [channels, config.image_patch_size, config.image_patch_size]
        self.stem = MultiMedImageStem(channels, config.image_patch_size)
        self.norm = MultiMedPatchNorm(self.stem.width)
        self.projection = MultiMedStemLinear(self.stem.width, config.hidden_size)
        self.statistics = MultiMedStemLinear(channels * count_statistics(2), config.hidden_size)
        self.place = MultiMedPlace(config, _GRID_WAVES)

    def forward(self, pixels, grid, lengths):
        """Arguments as of `MultiMedImageEncoder`; gives `(patches, hidden)`."""
        dtype = self.projection.weight.dtype
        patches = pixels.view(-1, *self.shape)
        tokens = self.projection(self.norm(self.stem(patches.to(dtype), grid, lengths)))
        return self.place(tokens + self.statistics(patch_statistics(patches).to(dtype)), grid)


class MultiMedVolumeEmbedding(nn.Module):
    """Patches of volumes to tokens: the same, with two strided convolutions within each patch."""

    def __init__(self, config, channels):
        super().__init__()
        self.shape = [channels, *config.volume_patch_size]
        first, second = _VOLUME_STEM
        self.stem = nn.Sequential(
            MultiMedStemConv3d(channels, first, 3, stride=2, padding=1),
            nn.GELU(),
            MultiMedStemConv3d(first, second, 3, stride=2, padding=1),
            nn.GELU(),
        )
        left = math.prod(-(-side // 4) for side in config.volume_patch_size)
        self.projection = MultiMedStemLinear(second * left, config.hidden_size)
        self.statistics = MultiMedStemLinear(channels * count_statistics(3), config.hidden_size)
        self.place = MultiMedPlace(config, BODY_WAVES)

    def forward(self, voxels, places):
        """`voxels` `(patches, product of volume_patch_size)` and `places` `(patches, 3)`; gives `(patches, hidden)`."""
        dtype = self.projection.weight.dtype
        patches = voxels.view(-1, *self.shape)
        tokens = self.projection(self.stem(patches.to(dtype)).flatten(1))
        return self.place(tokens + self.statistics(patch_statistics(patches).to(dtype)), places)


class MultiMedImageEncoder(nn.Module):
    """Images to tokens, one a patch."""

    def __init__(self, config, channels):
        super().__init__()
        self.input_dropout = config.input_dropout
        self.slices = MultiMedSliceEmbedding(config, channels)

    def forward(self, pixels, grid, lengths):
        """Patches of all images end to end.

        Args:
            pixels: `(patches, channels * image_patch_size ** 2)`.
            grid: `(patches, 2)` middle of each patch from the middle of its image (row, column), in patches.
            lengths: `(images,)` patches per image.

        Returns:
            `(patches, hidden)`, and `lengths`.
        """
        return hide(self.slices(pixels, grid, lengths), self.input_dropout, self.training), lengths


class MultiMedScanEncoder(nn.Module):
    """Slices and volumes of one modality to tokens, one a patch, by two projections."""

    def __init__(self, config, channels):
        super().__init__()
        self.input_dropout = config.input_dropout
        self.slices = MultiMedSliceEmbedding(config, channels)
        self.volumes = MultiMedVolumeEmbedding(config, channels)

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
        parts = [(self.slices(pixels, grid, lengths), lengths), (self.volumes(voxels, places), volume_lengths)]
        tokens, both = join_segments(parts)
        return hide(tokens, self.input_dropout, self.training), both


def build_image_encoder(name, config):
    """The encoder of an imaging modality."""
    encoder = MultiMedScanEncoder if name in VOLUME_MODALITIES else MultiMedImageEncoder
    return encoder(config, IMAGE_CHANNELS[name])
