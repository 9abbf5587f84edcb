"""What the tests of the demo share: a tiny checkpoint that answers, and files as visitors upload them."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from multimed_hf.demo.predictor import Predictor

from ..models.conftest import GENES, PEAKS, TASKS, VARIANTS, ModelTester

HEADS = (
    "single_label",
    "multi_label",
    "ordinal",
    "regression",
    "structure",
    "answer",
    "survival",
    "label_text",
    "decoder",
)


@pytest.fixture(scope="session")
def predictor() -> Predictor:
    """A tiny model with random weights, and a head of every kind under names of no known label set."""
    from multimed_hf.models import (
        MultiMedCellFeatureExtractor,
        MultiMedImageProcessor,
        MultiMedPeakFeatureExtractor,
        MultiMedProcessor,
    )
    from multimed_hf.training.tokenizer import train_tokenizer

    tokenizer = train_tokenizer(["is there an effusion? no disease, yes. heart size lungs clear"], 256)
    images = MultiMedImageProcessor(16, 8, voxel_size=[4.0, 2.0, 2.0], volume_patch_size=[2, 4, 4])
    processor = MultiMedProcessor(
        tokenizer,
        scrna_feature_extractor=MultiMedCellFeatureExtractor(GENES),
        patch_image_processor=images,
        peak_feature_extractor=MultiMedPeakFeatureExtractor(PEAKS),
    )
    maker = ModelTester(tokenizer, processor)
    config = maker.config(kinds=HEADS)
    return Predictor(maker.model(config), processor, "a/tiny")


def head_names() -> list[str]:
    return [{**TASKS, **VARIANTS}[kind]["name"] for kind in HEADS]


@pytest.fixture
def png(tmp_path: Path) -> Path:
    """A grey image of 30 x 20 pixels."""
    from PIL import Image

    Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)).save(tmp_path / "x.png")
    return tmp_path / "x.png"


@pytest.fixture
def edf(tmp_path: Path) -> Path:
    """Twelve seconds of two electrodes and an ECG at 100 Hz."""
    import edfio

    rng = np.random.default_rng(0)
    signals = [
        edfio.EdfSignal(rng.normal(0, 20, 1200), 100, label=name, physical_dimension="uV") for name in ("Fz", "Cz")
    ]
    ecg = edfio.EdfSignal(rng.normal(0, 20, 1200), 100, label="ECG", physical_dimension="uV")
    edfio.Edf([*signals, ecg]).write(tmp_path / "x.edf")
    return tmp_path / "x.edf"


def nifti(
    volume: np.ndarray,
    affine: np.ndarray | None = None,
    order: str = "<",
    code: int = 4,
    scale: tuple[float, float] = (0, 0),
) -> bytes:
    """A NIfTI-1 file by its specification: the header of 348 bytes, four bytes without extensions, voxels, i fastest."""
    header = bytearray(348)
    struct.pack_into(f"{order}i", header, 0, 348)
    struct.pack_into(f"{order}8h", header, 40, 3, *volume.shape, 1, 1, 1, 1)
    struct.pack_into(f"{order}h", header, 70, code)
    sizes = (1.0, 1.0, 1.0) if affine is None else np.linalg.norm(affine, axis=0)
    struct.pack_into(f"{order}4f", header, 76, 1.0, *sizes)
    struct.pack_into(f"{order}3f", header, 108, 352.0, *scale)
    if affine is not None:
        struct.pack_into(f"{order}h", header, 254, 1)
        rows = np.concatenate([affine, np.zeros((3, 1))], 1).ravel()
        struct.pack_into(f"{order}12f", header, 280, *rows)
    header[344:348] = b"n+1\0"
    kind = {2: "u1", 4: "i2", 16: "f4"}[code]
    return bytes(header) + bytes(4) + volume.astype(order + kind).tobytes(order="F")


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A volume of 4 x 5 x 6 voxels, packed."""
    volume = np.random.default_rng(0).integers(-1000, 1000, (4, 5, 6))
    path = tmp_path / "x.nii.gz"
    path.write_bytes(gzip.compress(nifti(volume)))
    return path


def h5ad(path: Path, change: Callable[[Any], None] | None = None) -> Path:
    """Two cells of four genes in `.raw`; `change` may spoil the open file."""
    import h5py

    with h5py.File(path, "w") as file:
        text = h5py.string_dtype()
        for name, index, values in (("obs", "cell", ["a", "b"]), ("raw/var", "gene", GENES[:4])):
            group = file.create_group(name)
            group.attrs["_index"] = index
            group.create_dataset(index, data=values, dtype=text)
        matrix = file.create_group("raw/X")
        matrix.attrs["encoding-type"], matrix.attrs["shape"] = "csr_matrix", (2, 4)
        matrix["data"], matrix["indices"] = np.array([1.0, 3.0, 2.0], np.float32), np.array([0, 2, 1])
        matrix["indptr"] = np.array([0, 2, 3])
        if change:
            change(file)
    return path
