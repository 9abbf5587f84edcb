"""The processor: packs what it is given, refuses what cannot be right, and comes back from disk as it was."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoProcessor, PreTrainedTokenizerFast

from multimed_hf.metrics.answer import normalise
from multimed_hf.models import (
    MultiMedCellFeatureExtractor,
    MultiMedImageProcessor,
    MultiMedPeakFeatureExtractor,
    MultiMedProcessor,
    MultiMedSequenceFeatureExtractor,
    MultiMedSignalFeatureExtractor,
)
from multimed_hf.models.configuration_multimed import MODALITIES
from multimed_hf.training.tokenizer import train_tokenizer

from .conftest import PEAKS

PARTS = ["eeg", "genomics", "scrna", "protein", "peak"]


def flat(batch, prefix=""):
    """Nested tensors by path."""
    found = {}
    for name, value in batch.items():
        found |= flat(value, f"{prefix}{name}.") if hasattr(value, "items") else {prefix + name: value}
    return found


@pytest.fixture
def eeg():
    return {"signal": np.zeros((1, 9)), "channels": ["Cz"], "sampling_rate": 128.0}


def test_batch_is_packed(tester, eeg):
    batch = tester.processor(
        text=[None, "no acute disease", "normal"],
        eeg=[eeg, None, eeg],
        choices=[None, ["yes", "no"], ["no", "maybe", "yes"]],
    )
    assert batch["sample_ids"].tolist() == [0, 1, 2]
    assert list(batch["inputs"]) == ["text", "eeg"]
    assert batch["inputs"]["text"]["samples"].tolist() == [1, 2]
    assert batch["inputs"]["text"]["lengths"].tolist() == [3, 1]
    assert batch["inputs"]["eeg"]["samples"].tolist() == [0, 2]
    # Candidates are read once each, however many samples ask them.
    assert batch["choices"]["lengths"].tolist() == [1, 1, 1]
    assert batch["choices"]["index"].tolist() == [[-1, -1, -1], [0, 1, -1], [1, 2, 0]]
    expected = tester.tokenizer(["yes", "no", "maybe"])["input_ids"]
    assert batch["choices"]["input_ids"].tolist() == [token for ids in expected for token in ids]


def test_numpy_and_torch_hold_the_same(tester):
    sample = tester.sample(np.random.default_rng(0), MODALITIES)
    columns = {name: [value] for name, value in sample.items()}
    tensors, arrays = (flat(tester.processor(**columns, return_tensors=kind)) for kind in ("pt", "np"))
    assert tensors.keys() == arrays.keys()
    for name, value in arrays.items():
        assert isinstance(value, np.ndarray) and isinstance(tensors[name], torch.Tensor)
        np.testing.assert_array_equal(tensors[name].numpy(), value)


def test_long_texts_are_cut(tester):
    short = MultiMedProcessor(tester.tokenizer, max_text_tokens=4)
    assert short(text=["no acute disease normal heart size"])["inputs"]["text"]["lengths"].tolist() == [4]
    assert short(text=[("no acute disease", "normal heart size")])["inputs"]["text"]["lengths"].tolist() == [4]


def test_processor_comes_back_from_disk(tester, tmp_path):
    """Every part with its class and settings, though all of them differ from the defaults."""
    saved = MultiMedProcessor(
        tester.tokenizer,
        MultiMedSignalFeatureExtractor(sampling_rate=100.0, patch_size=50, unit=10.0, limit=200.0),
        MultiMedSequenceFeatureExtractor("ACGUN", max_length=77),
        MultiMedCellFeatureExtractor(["ZZZ3", "AAA1", "MMM2"]),
        MultiMedSequenceFeatureExtractor("MKVLX", max_length=99),
        MultiMedImageProcessor(
            24, 12, 9, (2.0, 3.0, 4.0), (2, 3, 4), 50, (-160.0, 240.0), (5.0, 95.0), {"oct": [0.1]}, {"oct": [0.3]}
        ),
        MultiMedPeakFeatureExtractor(["chr2:5-9", "chr1:7-8"]),
        max_text_tokens=5,
    )
    saved.save_pretrained(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} <= {".json", ".jinja", ".txt"}
    loaded = AutoProcessor.from_pretrained(tmp_path)
    assert type(loaded) is MultiMedProcessor and loaded.max_text_tokens == 5
    for name in PARTS:
        one, other = (getattr(each, f"{name}_feature_extractor") for each in (saved, loaded))
        assert type(one) is type(other)
        assert one.to_dict() == other.to_dict()
    assert type(loaded.patch_image_processor) is MultiMedImageProcessor
    assert loaded.patch_image_processor.to_dict() == saved.patch_image_processor.to_dict()
    assert loaded.scrna_feature_extractor.genes == ["ZZZ3", "AAA1", "MMM2"]
    assert loaded.peak_feature_extractor.peaks == ["chr2:5-9", "chr1:7-8"]
    assert loaded.tokenizer.get_vocab() == saved.tokenizer.get_vocab()
    columns = {
        "text": ["no acute disease heart size normal"],
        "eeg": [
            {
                "signal": np.random.default_rng(0).normal(size=(2, 333)) * 99,
                "channels": ["C3", "Iz"],
                "sampling_rate": 160.0,
            }
        ],
        "genomics": [{"dna": "ACGU", "peaks": ["chr1:7-8"]}],
        "scrna": [{"genes": ["MMM2", "ZZZ3"], "values": [1.0, 2.0]}],
        "protein": ["MKV"],
        "oct": [np.arange(40 * 60, dtype=np.uint8).reshape(40, 60)],
        "choices": [["yes", "no"]],
    }
    one, other = flat(saved(**columns)), flat(loaded(**columns))
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_processor_that_was_saved_before_there_were_images_and_peaks(tester, tmp_path):
    tester.processor.save_pretrained(tmp_path)
    path = tmp_path / "processor_config.json"
    stored = json.loads(path.read_text())
    del stored["patch_image_processor"], stored["peak_feature_extractor"]
    path.write_text(json.dumps(stored))
    loaded = AutoProcessor.from_pretrained(tmp_path)
    assert loaded.patch_image_processor.to_dict() == MultiMedImageProcessor().to_dict()
    assert loaded.peak_feature_extractor.to_dict() == MultiMedPeakFeatureExtractor().to_dict()
    assert loaded.scrna_feature_extractor.genes == tester.processor.scrna_feature_extractor.genes


def test_slices_and_volumes_of_one_modality_stand_in_one_list(tester):
    image, scan = np.zeros((16, 24), np.uint8), {"volume": np.zeros((2, 4, 4)), "spacing": [4.0, 2.0, 2.0]}
    packed = tester.processor(ct=[scan, None, image, {**scan, "image": image}], text=[None, "normal", None, None])
    ct = packed["inputs"]["ct"]
    assert ct["samples"].tolist() == [0, 2, 3]
    assert ct["lengths"].tolist() == [0, 6, 6] and ct["volume_lengths"].tolist() == [1, 0, 1]
    assert len(ct["pixels"]) == len(ct["grid"]) == 12 and len(ct["voxels"]) == len(ct["places"]) == 2


def test_dna_and_peaks_of_one_modality_stand_in_one_list(tester):
    both, named, dna = {"dna": "ACG", "peaks": [3, 0]}, {"peaks": [PEAKS[5]], "dna": None}, {"dna": "TT", "peaks": []}
    packed = tester.processor(genomics=[both, None, named, "A", dna], text=[None, "normal", None, None, None])
    genomics = {name: value.tolist() for name, value in packed["inputs"]["genomics"].items()}
    assert genomics == {
        "samples": [0, 2, 3, 4],
        "input_ids": [0, 1, 2, 0, 3, 3],
        "lengths": [3, 0, 1, 2],
        "peak_ids": [3, 0, 5],
        "peak_lengths": [2, 1, 0, 0],
    }
    # Where nobody has peaks, a batch is what it always was.
    plain = tester.processor(genomics=["A", dna])["inputs"]["genomics"]
    assert plain.keys() == {"input_ids", "lengths", "samples"} and plain["lengths"].tolist() == [1, 2]
    alone = tester.processor(genomics=[named])["inputs"]["genomics"]
    assert alone["input_ids"].tolist() == [] and alone["lengths"].tolist() == [0] and alone["peak_ids"].tolist() == [5]


def test_wrong_batches_are_refused(tester, eeg):
    refused = {
        "one or more modalities with one entry per sample each, got lengths {}": {},
        "got lengths {'text': 2, 'eeg': 1}": {"text": ["a", "b"], "eeg": [eeg]},
        "got lengths {'text': 1, 'choices': 2}": {"text": ["a"], "choices": [None, ["yes"]]},
        "got lengths {'text': 0}": {"text": []},
        "at least one modality for every sample, got none for samples [1]": {"text": ["a", None], "eeg": [eeg, None]},
        "a list with one entry per sample, got a single value for ['text']": {"text": "no acute disease"},
        "got a single value for ['eeg']": {"eeg": eeg},
        "a list of candidate answers for each sample of `choices`, got a string": {"text": ["a"], "choices": ["yes"]},
        "got a single value for ['oct']": {"oct": np.zeros((8, 8), np.uint8)},
        "and `choices`, got ['ecg'] as well": {"text": ["a"], "ecg": [eeg]},
        "at least one token, got an empty one": {"text": ["a", ""]},
        "finite EEG values in microvolt, got NaN": {"eeg": [{**eeg, "signal": np.full((1, 9), np.nan)}]},
        "10-10 electrode such as 'C3' or 'FCz', got 'ECG'": {"eeg": [{**eeg, "channels": ["ECG"]}]},
        "letters of 'ACGTN' (N unknown), got ['U']": {"genomics": ["ACGU"]},
        "a dict with dna and peaks, got ['atac']": {"genomics": [{"atac": [1]}]},
        "a dict with dna and peaks, got list": {"genomics": [[1, 2]]},
        "DNA as a string, got int": {"genomics": [{"dna": 7}]},
        "open peaks as a list of names or indices, got 'chr1:1000-1500'": {"genomics": [{"peaks": "chr1:1000-1500"}]},
        "DNA, at least one open peak, or both, got neither": {"genomics": [{"peaks": []}]},
        "peaks of the model's 12, got ['chr9:1-2']": {"genomics": [{"peaks": ["chr9:1-2"]}]},
        "peak indices below 12, got 12": {"genomics": [{"peaks": [0, 12]}]},
        "peaks by name or as indices from 0, got [-1]": {"genomics": [{"peaks": [-1]}]},
        "peaks by name or as indices from 0, got [0.5]": {"genomics": [{"peaks": [0.5]}]},
        "every open peak once, got [4] repeated": {"genomics": [{"peaks": [4, 1, 4]}]},
        "1 to 8192 letters, got 8193": {"genomics": ["A" * 8193]},
        "1 to 8192 letters, got 0": {"protein": [""]},
        "as many values as genes, at least one, got 1 and 2": {
            "scrna": [{"genes": ["GENE1", "GENE2"], "values": [1.0]}]
        },
        "genes of the model's 24, got ['ACTB']": {"scrna": [{"genes": ["ACTB"], "values": [1.0]}]},
    }
    for message, columns in refused.items():
        with pytest.raises(ValueError) as error:
            tester.processor(**columns)
        assert message in str(error.value)
    with pytest.raises(ValueError, match="at least one token, got an empty one"):
        tester.processor(text=["a"], choices=[["yes", ""]])


def test_written_answers_are_read_back():
    texts = ["Left Lung, 1.5 cm", "Crohn's disease", "none", "adenocarcinoma in 3.25 of 12 nodes", "x-ray"]
    tokenizer = train_tokenizer(
        ["lung cm crohn s disease none in of nodes left 1 2 3 5 , . ' - adenocarcinoma x ray"] * 3
    )
    processor = MultiMedProcessor(tokenizer)
    end = tokenizer.sep_token_id
    labels = processor.encode_answers([*texts[:2], None, *texts[2:]], end)
    read = processor.decode_answers(labels, end)
    assert read == [
        "left lung , 1.5 cm", "crohn's disease", "", "none", "adenocarcinoma in 3.25 of 12 nodes", "x - ray",
    ]  # fmt: skip
    assert [normalise(text) for text in read if text] == [normalise(text) for text in texts]
    # What stands after the end is no answer, and continuations are joined by a tokenizer of old too.
    assert processor.decode_answers([[*labels[3, :1].tolist(), end, 7, 7]], end) == ["none"]
    pieces = tokenizer("nodesnone", add_special_tokens=False)["input_ids"]
    bare = Tokenizer.from_str(json.dumps({**json.loads(tokenizer.backend_tokenizer.to_str()), "decoder": None}))
    without = MultiMedProcessor(PreTrainedTokenizerFast(tokenizer_object=bare, unk_token="[UNK]", sep_token="[SEP]"))
    assert len(pieces) > 1 and "##" in without.tokenizer.decode(pieces)
    assert [each.decode_answers([pieces], end) for each in (processor, without)] == [["nodesnone"]] * 2


def test_names_of_what_the_model_takes(tester):
    assert tester.processor.model_input_names == ["sample_ids", "inputs", "choices"]
