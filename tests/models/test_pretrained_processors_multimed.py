"""Tokenizers and image processors of pre-trained encoders, inside the one processor."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoProcessor, PreTrainedTokenizerFast

from multimed_hf.models import MultiMedConfig, MultiMedProcessor

from .pretrained import FAMILIES, words, write

FOUR = {"text": "bert", "protein": "esm", "xray": "vit", "fundus": "dinov2"}


@pytest.fixture
def processor(tmp_path):
    """For a model with four pre-trained encoders."""
    encoders = [{"modality": name, "model": write(family, tmp_path / family)} for name, family in FOUR.items()]
    return MultiMedProcessor.from_encoders(MultiMedConfig(encoders=encoders))


def columns():
    rng = np.random.default_rng(0)
    return {
        "text": ["no acute disease", None],
        "protein": [None, "MKV"],
        "xray": [Image.fromarray(rng.integers(0, 256, (20, 30), np.uint8)), None],
        "fundus": [None, Image.fromarray(rng.integers(0, 256, (20, 30, 3), np.uint8))],
        "genomics": ["ACGT", "AC"],
        "oct": [None, rng.integers(0, 256, (32, 32), np.uint8)],
        "choices": [["yes", "no"], None],
    }


def flat(batch):
    return {
        f"{name}.{key}": value for name, each in {**batch["inputs"], "choices": batch["choices"]}.items()
        for key, value in each.items()
    }  # fmt: skip


def test_every_part_comes_back_as_it_was(processor, tmp_path):
    processor.save_pretrained(tmp_path / "saved")
    for family in FOUR.values():
        shutil.rmtree(tmp_path / family)
    loaded = AutoProcessor.from_pretrained(tmp_path / "saved")
    assert list(loaded.encoder_processors) == ["protein", "xray", "fundus"]
    # A second tokenizer that was not found would be the first one.
    assert loaded.encoder_processors["protein"].get_vocab() == processor.encoder_processors["protein"].get_vocab()
    assert loaded.tokenizer.get_vocab() == processor.tokenizer.get_vocab() != {}
    one, other = flat(processor(**columns())), flat(loaded(**columns()))
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
    below = AutoProcessor.from_pretrained(tmp_path, subfolder="saved")
    assert below.encoder_processors["protein"].get_vocab() == processor.encoder_processors["protein"].get_vocab()


def test_only_what_has_an_encoder_goes_its_way(processor):
    inputs = processor(**columns())["inputs"]
    assert inputs["xray"].keys() == {"pixel_values", "samples"}
    assert inputs["protein"]["kept"].tolist() == [False, True, True, True, False]
    assert inputs["oct"].keys() == MultiMedProcessor(words())(oct=columns()["oct"][1:])["inputs"]["oct"].keys()
    assert inputs["genomics"]["input_ids"].tolist() == [0, 1, 2, 3, 0, 1]


def test_a_processor_without_encoders_is_saved_as_ever(tmp_path):
    MultiMedProcessor(words()).save_pretrained(tmp_path)
    assert "encoder_processors" not in (tmp_path / "processor_config.json").read_text()
    assert AutoProcessor.from_pretrained(tmp_path).encoder_processors == {}


def test_texts_are_cut_where_positions_end(processor):
    # BERT as written has 32 positions.
    assert processor.max_text_tokens == 32
    assert processor(text=["yes " * 100])["inputs"]["text"]["lengths"].tolist() == [32]


def test_proteins_are_refused_where_positions_end(tmp_path):
    # Learnt positions count from after the padding token, the second of the vocabulary.
    folder = write("esm", tmp_path, position_embedding_type="absolute", max_position_embeddings=12)
    config = MultiMedConfig(encoders=[{"modality": "protein", "model": folder}])
    processor = MultiMedProcessor.from_encoders(config, words())
    assert processor(protein=["A" * 8])["inputs"]["protein"]["lengths"].tolist() == [10]
    with pytest.raises(ValueError, match="at most 10 tokens of the encoder of 'protein', got 11"):
        processor(protein=["A" * 9])


def test_residues_are_told_apart_by_tokenizers_of_words_too():
    # As those of ProtBert and AntiBERTy: a letter is a word.
    letters = {letter: index for index, letter in enumerate(["[UNK]", *"ACDEFGHIKLMNPQRSTVWY"])}
    made = Tokenizer(models.WordLevel(letters, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, unk_token="[UNK]")
    processor = MultiMedProcessor(words(), encoder_processors={"protein": tokenizer})
    found = processor(protein=["mkv", "AXC"])["inputs"]["protein"]
    assert found["input_ids"].tolist() == [11, 9, 18, 1, 0, 2] and found["kept"].all()


def test_tokenizers_of_other_pieces_are_refused():
    pieces = Tokenizer(models.WordPiece({"[UNK]": 0, "A": 1, " ": 2}, unk_token="[UNK]"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=pieces, unk_token="[UNK]")
    processor = MultiMedProcessor(words(), encoder_processors={"protein": tokenizer})
    with pytest.raises(ValueError, match="one token a residue for proteins, got one that joins or splits them"):
        processor(protein=["AAAA"])


def test_what_is_no_sequence_is_refused_as_ever(processor):
    with pytest.raises(ValueError, match="letters of 'ACDEFGHIKLMNPQRSTVWYX'"):
        processor(protein=["MK1"])
    with pytest.raises(ValueError, match="uint8 or of floats 0 to 1, got int64"):
        processor(xray=[np.zeros((8, 8), np.int64)])


@pytest.fixture
def scans(tmp_path):
    """For a model with a pre-trained encoder of CT and one of radiographs; slices of volumes lie 5 mm apart."""
    folder = write("vit", tmp_path)
    encoders = [{"modality": name, "model": folder} for name in ("ct", "mri", "xray")]
    return MultiMedProcessor.from_encoders(MultiMedConfig(encoders=encoders), words())


def test_volumes_become_slices(scans):
    image, volume = np.full((8, 8), 7, np.uint8), np.zeros((10, 6, 9))
    scan = {"volume": volume, "spacing": [2.0, 1.0, 1.0]}
    ct = scans(ct=[scan, image, {**scan, "image": image, "spacing": [5.0, 1.0, 1.0]}])["inputs"]["ct"]
    assert ct["pixel_values"].shape == (2, 3, 16, 16) and ct["slices"].shape == (14, 3, 16, 16)
    assert ct["lengths"].tolist() == [0, 1, 1] and ct["volume_lengths"].tolist() == [4, 0, 10]
    places = ct["places"][:, 0].tolist()
    assert places[:4] == [-7.5, -2.5, 2.5, 7.5] and places[4:] == [5.0 * n - 22.5 for n in range(10)]
    # Where nobody has a volume, a batch is what it always was.
    assert scans(ct=[image])["inputs"]["ct"].keys() == {"pixel_values", "samples"}
    assert scans(ct=[scan])["inputs"]["ct"]["pixel_values"].shape == (0, 3, 16, 16)


def test_a_slice_of_a_volume_is_that_image(scans):
    # Air, and what lies at the ends of the window or beyond; 0 HU falls between 127 and 128.
    values = np.array([[-1000.0, -3000.0], [1000.0, 3000.0], [0.0, 500.0]])
    window = np.array([[0, 0], [255, 255], [128, 191]], np.uint8)
    ct = scans(ct=[{"volume": values[None], "spacing": [4.0, 1.0, 1.0], "image": window}])["inputs"]["ct"]
    assert torch.equal(ct["slices"], ct["pixel_values"]) and ct["places"].tolist() == [[0.0]]
    ramp = np.linspace(-50.0, 900.0, 101 * 8).reshape(1, 101, 8)
    low, high = np.percentile(ramp, (1, 99))
    window = np.round((ramp[0].clip(low, high) - low) / (high - low) * 255).astype(np.uint8)
    mri = scans(mri=[{"volume": ramp, "spacing": [9.0, 1.0, 1.0], "image": window}])["inputs"]["mri"]
    assert (mri["slices"] - mri["pixel_values"]).abs().max() <= 2 / 127.5 + 1e-6


def test_slices_are_averages_over_their_thickness(scans):
    volume = np.repeat(np.linspace(-1000, 1000, 40), 12).reshape(40, 3, 4)
    found, places = scans.patch_image_processor.slices_of({"volume": volume, "spacing": [1.0, 2.0, 2.0]}, "ct")
    assert found.shape == (8, 3, 4) and found.dtype == np.uint8
    # A ramp stays a ramp but near its ends.
    expected = (places[:, 0] / 39 + 0.5) * 255
    np.testing.assert_allclose(found[1:-1, 0, 0], expected[1:-1], atol=1)
    # Noise of single slices is averaged out, not skipped over.
    noise = np.random.default_rng(0).normal(0, 300, (400, 1, 1))
    calm, _ = scans.patch_image_processor.slices_of({"volume": noise, "spacing": [0.5, 1.0, 1.0]}, "ct")
    assert calm.std() < 0.5 * 300 / 2000 * 255


def test_slices_are_no_more_than_patches_may_be(scans):
    scans.patch_image_processor.max_volume_patches = 6
    found, places = scans.patch_image_processor.slices_of({"volume": np.zeros((90, 2, 2)), "spacing": [5, 1, 1]}, "mri")
    assert len(found) == 6 and places[:, 0].tolist() == [75.0 * n - 187.5 for n in range(6)]


def test_what_is_no_volume_is_refused_as_ever(scans):
    with pytest.raises(ValueError, match="Expected an image for 'xray', got a dict with volume, spacing"):
        scans(xray=[{"volume": np.zeros((4, 8, 8)), "spacing": [1, 1, 1]}])
    with pytest.raises(ValueError, match="a dict with volume and spacing, got one with volume"):
        scans(ct=[{"volume": np.zeros((4, 8, 8))}])


@pytest.mark.parametrize("family", ["bert", "vit"])
def test_models_without_their_own_are_refused(family, tmp_path):
    folder = tmp_path / "model"
    write(family, folder)
    for path in folder.iterdir():
        if path.name not in ("config.json", "model.safetensors"):
            path.unlink()
    what = "tokenizer" if family == "bert" else "image processor"
    config = MultiMedConfig(encoders=[{"modality": FAMILIES[family][0], "model": str(folder)}])
    with pytest.raises(FileNotFoundError, match=f"to hold the {what} of its model"):
        MultiMedProcessor.from_encoders(config, words())
