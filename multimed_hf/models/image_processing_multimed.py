"""Image processor: photographs, slices and volumes to patches of equal size, packed without padding."""

import math
from collections.abc import Mapping

import numpy as np
from transformers import ImageProcessingMixin
from transformers.feature_extraction_utils import BatchFeature

from .configuration_multimed import IMAGE_CHANNELS, VOLUME_MODALITIES

try:
    from PIL import Image
except ImportError:  # needed only for images
    Image = None  # type: ignore[assignment]

# Mean and standard deviation of each channel, of intensities 0..1, about as they are in images of the kind.
_USUAL = {
    "oct": ([0.20], [0.20]),
    "xray": ([0.50], [0.25]),
    "fundus": ([0.45, 0.25, 0.15], [0.25, 0.15, 0.10]),
    "pathology": ([0.75, 0.58, 0.70], [0.18, 0.22, 0.18]),
    "ct": ([0.35], [0.30]),
    "mri": ([0.25], [0.25]),
}
# What fills patches that reach beyond a volume: air.
_AIR = -1.0


class MultiMedImageProcessor(ImageProcessingMixin):
    """Images and volumes to patches, with the place of each.

    An image of any shape is resized, its aspect ratio kept to within half a patch, until its shorter side measures
    `image_size` and patches cover it exactly; one that would have more than `max_patches` is made smaller. Intensities are
    normalised by `image_mean` and `image_std` of the modality. No image is padded, and none is cropped (NaViT, Dehghani et
    al., NeurIPS 2023).

    A volume is resampled to voxels of `voxel_size`, so that the same body looks the same at any spacing, and cut into
    patches; those at its far ends are filled up with air. One that would have more than `max_volume_patches` gets larger
    voxels. Hounsfield units are clipped to `ct_window`, MR intensities to the percentiles `mri_percentiles` of the volume,
    and either is mapped to -1..1.

    Args:
        image_size (`int`): pixels of the shorter side.
        patch_size (`int`): pixels of a side of a patch.
        max_patches (`int`): most patches of an image.
        voxel_size (`list[float]`): mm (slice, row, column).
        volume_patch_size (`list[int]`): voxels of a patch (slice, row, column).
        max_volume_patches (`int`): most patches of a volume.
        ct_window (`list[float]`): lowest and highest value of CT volumes, HU.
        mri_percentiles (`list[float]`): percentiles of an MR volume that become -1 and 1.
        image_mean (`dict[str, list[float]]`), image_std (`dict[str, list[float]]`): of each modality by channel,
            intensities 0..1; None for what is usual.
    """

    model_input_names = ["pixels", "grid", "lengths", "voxels", "places", "volume_lengths"]

    def __init__(
        self,
        image_size=224,
        patch_size=16,
        max_patches=256,
        voxel_size=(5.0, 4.0, 4.0),
        volume_patch_size=(4, 8, 8),
        max_volume_patches=512,
        ct_window=(-1000.0, 1000.0),
        mri_percentiles=(1.0, 99.0),
        image_mean=None,
        image_std=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_size, self.patch_size, self.max_patches = image_size, patch_size, max_patches
        self.voxel_size, self.volume_patch_size = list(voxel_size), list(volume_patch_size)
        self.max_volume_patches = max_volume_patches
        self.ct_window, self.mri_percentiles = list(ct_window), list(mri_percentiles)
        self.image_mean = image_mean or {name: mean for name, (mean, _) in _USUAL.items()}
        self.image_std = image_std or {name: std for name, (_, std) in _USUAL.items()}

    def __call__(self, images, modality, return_tensors=None, **kwargs):
        """Cuts a batch into patches.

        Args:
            images: one entry per sample: a PIL image or an array of intensities, uint8 or floats 0..1, `(rows, columns)` or
                `(rows, columns, 3)`. For ct and mri also `{"volume": (slices, rows, columns), "spacing": mm (slice, row,
                column)}`, CT in HU, which may hold an `"image"` beside the volume.
            modality: which of the imaging modalities.
            return_tensors: "pt" or "np".

        Returns:
            `pixels` `(patches, channels * patch_size ** 2)`, `grid` `(patches, 2)` middle of each patch from the middle of
            the image in patches (row, column), `lengths` `(images,)` patches of each. For ct and mri also `voxels`
            `(patches, product of volume_patch_size)`, `places` `(patches, 3)` middle of each patch from the middle of the
            volume in mm, and `volume_lengths` `(images,)`; what an entry lacks has length 0.

        Raises:
            ValueError: a modality without images, values of another rank or type, that are not finite or out of range, no
                voxels, a spacing that is not three numbers above 0.
            ImportError: Pillow is missing.
        """
        if modality not in IMAGE_CHANNELS:
            raise ValueError(f"Expected a modality among {list(IMAGE_CHANNELS)}, got {modality!r}.")
        pixels, grid, lengths = [self._no_pixels(modality)], [np.zeros((0, 2), np.float32)], []
        voxels, places = [np.zeros((0, math.prod(self.volume_patch_size)), np.float32)], [np.zeros((0, 3), np.float32)]
        volume_lengths = []
        for entry in images:
            image, scan = image_and_volume(entry, modality)
            lengths.append(0)
            volume_lengths.append(0)
            if image is not None:
                patches, middles = self._cut_image(image, modality)
                pixels.append(patches)
                grid.append(middles)
                lengths[-1] = len(patches)
            if scan is not None:
                patches, middles = self._cut_volume(scan, modality)
                voxels.append(patches)
                places.append(middles)
                volume_lengths[-1] = len(patches)
        data = {"pixels": np.concatenate(pixels), "grid": np.concatenate(grid), "lengths": np.array(lengths)}
        if modality in VOLUME_MODALITIES:
            data |= {"voxels": np.concatenate(voxels), "places": np.concatenate(places)}
            data["volume_lengths"] = np.array(volume_lengths)
        return BatchFeature(data, tensor_type=return_tensors)

    def _no_pixels(self, modality):
        return np.zeros((0, IMAGE_CHANNELS[modality] * self.patch_size**2), np.float32)

    def _cut_image(self, image, modality):
        """Patches `(patches, channels * patch_size ** 2)` of one image and their middles `(patches, 2)`."""
        image = as_pil(image, IMAGE_CHANNELS[modality])
        rows, columns = self._patches_of(image.height, image.width)
        side = self.patch_size
        resized = image.resize((columns * side, rows * side), Image.Resampling.BILINEAR)
        values = np.asarray(resized, np.float32).reshape(rows * side, columns * side, -1) / 255
        mean, std = (np.array(each[modality], np.float32) for each in (self.image_mean, self.image_std))
        values = ((values - mean) / std).reshape(rows, side, columns, side, -1)
        patches = values.transpose(0, 2, 4, 1, 3).reshape(rows * columns, -1)
        return np.ascontiguousarray(patches), _middles((rows, columns), (1, 1))

    def _patches_of(self, height, width):
        """Patches along the sides of an image of `height` and `width` pixels."""
        scale = self.image_size / min(height, width) / self.patch_size
        rows, columns = (max(1, round(side * scale)) for side in (height, width))
        if rows * columns > self.max_patches:
            scale *= math.sqrt(self.max_patches / (rows * columns))
            rows, columns = (max(1, math.floor(side * scale)) for side in (height, width))
            # A strip too narrow for one row of patches keeps one row of them.
            columns = min(columns, self.max_patches)
            rows = min(rows, self.max_patches // columns)
        return rows, columns

    def _cut_volume(self, scan, modality):
        """Patches `(patches, voxels)` of one volume and their middles `(patches, 3)` in mm."""
        volume, spacing = self._windowed(scan, modality)
        voxel_size, shape, counts = self._voxels_of(np.array(volume.shape) * spacing)
        for axis, (count, step) in enumerate(zip(shape, voxel_size, strict=True)):
            weights = _resampling(volume.shape[axis], spacing[axis], count, step)
            volume = np.moveaxis(np.tensordot(weights, volume, (1, axis)), 0, axis)
        patch = np.array(self.volume_patch_size)
        # Filled up on both sides, so that the middle of the patches is that of the volume.
        missing = counts * patch - shape
        volume = np.pad(volume, [(each // 2, each - each // 2) for each in missing], constant_values=_AIR)
        middles = _middles(counts, patch * voxel_size) + (missing % 2 / 2 * voxel_size).astype(np.float32)
        parts = volume.reshape([side for pair in zip(counts, patch, strict=True) for side in pair])
        patches = parts.transpose(0, 2, 4, 1, 3, 5).reshape(counts.prod(), -1)
        return np.ascontiguousarray(patches, np.float32), middles

    def slices_of(self, scan, modality):
        """Slices of a volume as images, for what reads nothing else.

        Their distance is that of voxels, or that of the volume's own slices where these lie further apart; more than
        `max_volume_patches` slices are spread further. Rows and columns stay as they are.

        Args:
            scan: `{"volume": (slices, rows, columns), "spacing": mm (slice, row, column)}`.
            modality: ct or mri, which says how intensities are mapped to 0..255.

        Returns:
            `(slices, rows, columns)` uint8, and the place of each from the middle of the volume, `(slices, 1)` in mm.
        """
        volume, spacing = self._windowed(scan, modality)
        extent = len(volume) * spacing[0]
        step = max(self.voxel_size[0], spacing[0], extent / self.max_volume_patches)
        count = min(max(1, round(extent / step)), self.max_volume_patches)
        slices = np.tensordot(_resampling(len(volume), spacing[0], count, step), volume, (1, 0))
        return np.round((slices + 1) * 127.5).astype(np.uint8), _middles((count,), (step,))

    def _windowed(self, scan, modality):
        """The values of a volume, -1..1, and its spacing in mm."""
        volume, spacing = _checked_volume(scan)
        low, high = self.ct_window if modality == "ct" else np.percentile(volume, self.mri_percentiles)
        return (volume.clip(low, high) - low) * (2 / max(high - low, 1e-6)) - 1, spacing

    def _voxels_of(self, extent):
        """Size of voxels in mm, their number and that of patches along each axis, for a volume of `extent` mm."""
        voxel_size, patch = np.array(self.voxel_size), np.array(self.volume_patch_size)
        while True:
            shape = np.maximum(1, np.round(extent / voxel_size)).astype(int)
            counts = -(-shape // patch)
            if counts.prod() <= self.max_volume_patches:
                return voxel_size, shape, counts
            voxel_size = voxel_size * max(1.02, (counts.prod() / self.max_volume_patches) ** (1 / 3))


def image_and_volume(entry, modality):
    """What a sample brings: its image, and the dict that holds its volume; None for what it lacks.

    Raises:
        ValueError: a dict for a modality without volumes.
    """
    if not isinstance(entry, Mapping):
        return entry, None
    if modality not in VOLUME_MODALITIES:
        raise ValueError(f"Expected an image for {modality!r}, got a dict with {', '.join(entry) or 'nothing'}.")
    image = entry.get("image")
    return image, entry if image is None or len(entry) > 1 else None


def as_pil(image, channels):
    """A PIL image with one channel or three, 8 bit each."""
    if Image is None:
        raise ImportError("Images need Pillow: pip install pillow.")
    if not isinstance(image, Image.Image):
        values = np.asarray(image)
        if values.ndim not in (2, 3) or 0 in values.shape or (values.ndim == 3 and values.shape[2] not in (1, 3)):
            raise ValueError(
                f"Expected a PIL image, or intensities of shape (rows, columns) or (rows, columns, 3), got {values.shape}."
            )
        if np.issubdtype(values.dtype, np.floating):
            # Also false for NaN.
            if not (values.min() >= 0 and values.max() <= 1):
                raise ValueError(
                    f"Expected finite intensities from 0 to 1 in an image of {values.dtype}, got {values.min()} to "
                    f"{values.max()}."
                )
            values = np.round(values * 255).astype(np.uint8)
        if values.dtype != np.uint8:
            raise ValueError(f"Expected an image of uint8 or of floats 0 to 1, got {values.dtype}: rescale it.")
        image = Image.fromarray(values[:, :, 0] if values.ndim == 3 and values.shape[2] == 1 else values)
    if image.mode.startswith(("I", "F")):
        # More than 8 bit, in a range that only the machine knows: the one that is used becomes 0..255.
        values = np.asarray(image, np.float32)
        if not np.isfinite(values).all():
            raise ValueError(f"Expected finite intensities in an image of mode {image.mode}, got NaN or infinity.")
        low, high = values.min(), values.max()
        image = Image.fromarray(np.round((values - low) * (255 / max(high - low, 1e-6))).astype(np.uint8))
    return image.convert("L" if channels == 1 else "RGB")


def _checked_volume(scan):
    """Values `(slices, rows, columns)` float32 and spacing `(3,)` float64 in mm."""
    if "volume" not in scan or "spacing" not in scan:
        raise ValueError(f"Expected a dict with volume and spacing, got one with {', '.join(scan) or 'nothing'}.")
    volume, spacing = np.asarray(scan["volume"], np.float32), np.asarray(scan["spacing"], np.float64)
    if volume.ndim != 3 or 0 in volume.shape:
        raise ValueError(f"Expected a volume of shape (slices, rows, columns), each at least 1, got {volume.shape}.")
    if spacing.shape != (3,) or not (np.isfinite(spacing).all() and (spacing > 0).all()):
        raise ValueError(
            f"Expected a spacing of three numbers above 0 in mm (slice, row, column), got {spacing.tolist()}."
        )
    if not np.isfinite(volume).all():
        raise ValueError("Expected finite values in a volume, got NaN or infinity.")
    return volume, spacing


def _middles(counts, size):
    """Middles of `counts` patches of `size` from the middle of them all: `(patches, axes)` float32, last axis fastest."""
    axes = [(np.arange(count) - (count - 1) / 2) * step for count, step in zip(counts, size, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes)).astype(np.float32)


def _resampling(count, spacing, new_count, step):
    """Weights `(new_count, count)` that resample one axis, both grids about the same middle.

    Linear interpolation where voxels become smaller, and a triangle as wide as two new voxels where they become larger, so
    that nothing is skipped.
    """
    old = (np.arange(count) - (count - 1) / 2) * spacing
    new = (np.arange(new_count) - (new_count - 1) / 2) * step
    # Beyond the middle of the outermost voxel its value goes on.
    new = new.clip(old[0], old[-1])
    weights = np.maximum(0, 1 - np.abs(new[:, None] - old) / max(spacing, step))
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


__all__ = ["MultiMedImageProcessor"]
