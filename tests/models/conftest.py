"""What the tests of this folder share: tiny models, and random samples and labels of every modality and kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

PEAKS = [f"chr1:{start}-{start + 500}" for start in range(1000, 13000, 1000)]
GENES = [f"GENE{index}" for index in range(24)]
CHANNELS = ["Fp1", "Fz", "C3", "Cz", "C4", "Oz"]
WORDS = "no acute disease heart size is normal lungs clear yes maybe pleural effusion seen the question".split()
RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
IMAGE_SIZES: dict[str, Any] = {
    "image_size": 16,
    "image_patch_size": 8,
    "volume_voxel_size": [4.0, 2.0, 2.0],
    "volume_patch_size": [2, 4, 4],
}

TASKS: dict[str, dict[str, Any]] = {
    "single_label": {"name": "cell_type/ten", "kind": "single_label", "labels": ["a", "b", "c"]},
    "multi_label": {"name": "findings/openi", "kind": "multi_label", "labels": ["x", "y", "z", "w"]},
    "ordinal": {"name": "grade/five", "kind": "ordinal", "labels": ["0", "1", "2", "3", "4"]},
    "regression": {"name": "expression/pbmc", "kind": "regression", "num_targets": 3},
    "structure": {"name": "structure/backbone", "kind": "structure"},
    "answer": {"name": "question/pubmedqa", "kind": "answer"},
    "survival": {"name": "prognosis/two", "kind": "survival"},
}
"""One task of each kind, with the usual head."""

VARIANTS: dict[str, dict[str, Any]] = {
    "low_rank": {"name": "expression/genes", "kind": "regression", "num_targets": 7, "rank": 2},
    "label_text": {
        "name": "disease/named",
        "kind": "single_label",
        "labels": ["no disease", "effusion"],
        "head": "label_text",
        "label_ids": [[2, 4], [14]],
    },
    "label_texts": {
        "name": "findings/named",
        "kind": "multi_label",
        "labels": ["lungs", "heart", "size"],
        "head": "label_text",
        "label_ids": [[9], [5], [6]],
    },
    "decoder": {"name": "question/open", "kind": "answer", "head": "decoder", "end_token_id": 0},
}
"""Tasks with another head than the usual one of their kind."""


class ModelTester:
    """Makes tiny configurations, models, samples, batches and labels; all random numbers come from the seeds given."""

    def __init__(self, tokenizer: Any, processor: Any) -> None:
        self.tokenizer, self.processor = tokenizer, processor

    def config(self, modalities: list[str] | None = None, kinds: Any = tuple(TASKS), **overrides: Any) -> Any:
        """A configuration of two narrow layers without dropout, with one head per kind or variant that the modalities allow."""
        from multimed_hf.models import MultiMedConfig
        from multimed_hf.models.configuration_multimed import MODALITIES

        modalities = modalities or MODALITIES
        needs = {"structure": "protein", **dict.fromkeys(("answer", "label_text", "label_texts", "decoder"), "text")}
        tiny: dict[str, Any] = {
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "intermediate_size": 48,
            "hidden_dropout": 0.0,
            "input_dropout": 0.0,
            "head_dropout": 0.0,
            "drop_path_rate": 0.0,
            # Wide enough that what is wrongly mixed in shows in the outputs.
            "initializer_range": 0.15,
            "vocab_size": len(self.tokenizer),
            "num_genes": len(GENES),
            **IMAGE_SIZES,
            "tasks": [{**TASKS, **VARIANTS}[kind] for kind in kinds if needs.get(kind, modalities[0]) in modalities],
        }
        return MultiMedConfig(modalities=modalities, **{**tiny, **overrides})

    def model(self, config: Any = None, seed: int = 0) -> Any:
        """A model in evaluation mode whose biases, norms and adapters differ from their initial zeros and ones."""
        import torch

        from multimed_hf.models import MultiMedForMultitask

        torch.manual_seed(seed)
        model = MultiMedForMultitask(self.config() if config is None else config)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                # Low-rank adapters start at nothing too.
                if parameter.dim() == 1 or name.endswith(".up"):
                    parameter.add_(0.05 * torch.randn_like(parameter))
        return model.eval()

    def sample(self, rng: np.random.Generator, modalities: Any) -> dict[str, Any]:
        """One raw sample: modality to what the processor takes."""
        return {name: getattr(self, f"_{name}")(rng) for name in modalities}

    def samples(self, modalities: list[str], seed: int = 0) -> list[dict[str, Any]]:
        """A sample with all `modalities`, one with each alone, and two more with all."""
        rng = np.random.default_rng(seed)
        return [self.sample(rng, each) for each in ([modalities] + [[name] for name in modalities] + [modalities] * 2)]

    def with_peaks(self, samples: list[dict[str, Any]], seed: int = 0) -> list[dict[str, Any]]:
        """The samples, with open peaks beside their DNA, in its place, or not at all, by turns."""
        rng, changed = np.random.default_rng(seed), []
        for index, sample in enumerate(samples):
            both = {"dna": sample.get("genomics"), "peaks": self.peaks(rng)}
            forms: Any = (both, {"peaks": both["peaks"]}, both["dna"])
            changed.append({**sample, "genomics": forms[index % 3]} if "genomics" in sample else sample)
        return changed

    def peaks(self, rng: np.random.Generator) -> list[str]:
        """Open peaks of one sample, by name, in any order."""
        return list(rng.choice(PEAKS, size=rng.integers(1, len(PEAKS)), replace=False))

    def batch(self, samples: list[dict[str, Any]], choices: Any = None) -> dict[str, Any]:
        """The packed batch of raw samples."""
        names = dict.fromkeys(name for sample in samples for name in sample)
        columns = {name: [sample.get(name) for sample in samples] for name in names}
        return dict(self.processor(**columns, choices=choices))

    def choices(self, samples: list[dict[str, Any]]) -> list[list[str]]:
        """Two or three candidate answers for every sample."""
        return [["yes", "no", "maybe"][: 2 + index % 2] for index in range(len(samples))]

    def labels(self, config: Any, samples: list[dict[str, Any]], seed: int = 0) -> dict[str, Any]:
        """Labels of every head for every sample."""
        import torch

        rng = np.random.default_rng(seed)
        size, lengths = len(samples), torch.tensor([len(sample.get("protein", "")) for sample in samples])
        made: dict[str, Any] = {}
        for task in config.tasks:
            count = len(task.get("labels", "12"))
            if task["kind"] == "multi_label":
                label: Any = torch.from_numpy(rng.integers(0, 2, (size, count)).astype(np.float32))
            elif task["kind"] == "regression":
                values = rng.normal(size=(size, task["num_targets"]))
                if "rank" in task:
                    # Values that weights of this rank can give.
                    values = values[:, : task["rank"]] @ rng.normal(size=(task["rank"], task["num_targets"]))
                label = torch.from_numpy(values.astype(np.float32))
            elif task["kind"] == "structure":
                longest = int(lengths.max())
                walk = np.cumsum(rng.normal(size=(size, longest, 3, 3)) * 2, axis=1).astype(np.float32)
                inside = torch.arange(longest) < lengths[:, None]
                label = {"backbone": torch.from_numpy(walk), "resolved": torch.where(inside, 1, -100)}
            elif task["kind"] == "survival":
                # Two leave at a time, and the last are censored: everyone has an event or outlasts one.
                days = rng.permutation(size) // 2 + 1
                label = torch.from_numpy(np.stack([days, days < days.max()], 1).astype(np.float32))
            elif task.get("head") == "decoder":
                answers = [" ".join(rng.choice(WORDS, size=rng.integers(1, 4))) for _ in range(size)]
                label = self.processor.encode_answers(answers, task["end_token_id"])
            else:
                label = torch.from_numpy(rng.integers(0, count, size))
            made[task["name"]] = label
        return made

    def _text(self, rng: np.random.Generator) -> Any:
        first, second = (" ".join(rng.choice(WORDS, size=rng.integers(1, 9))) for _ in range(2))
        return (first, second) if rng.random() < 0.3 else first

    def _eeg(self, rng: np.random.Generator) -> dict[str, Any]:
        channels = list(rng.choice(CHANNELS, size=rng.integers(1, 5), replace=False))
        signal = rng.normal(size=(len(channels), rng.integers(20, 200))) * 20
        return {"signal": signal, "channels": channels, "sampling_rate": float(rng.choice([128.0, 160.0]))}

    def _genomics(self, rng: np.random.Generator) -> str:
        return "".join(rng.choice(list("ACGTN"), size=rng.integers(1, 40)))

    def _scrna(self, rng: np.random.Generator) -> dict[str, Any]:
        genes = rng.choice(GENES, size=rng.integers(1, len(GENES)), replace=False)
        return {"genes": list(genes), "values": rng.exponential(size=len(genes))}

    def _protein(self, rng: np.random.Generator) -> str:
        return "".join(rng.choice(list(RESIDUES), size=rng.integers(5, 14)))

    def _oct(self, rng: np.random.Generator) -> np.ndarray:
        return rng.integers(0, 256, rng.integers(6, 40, 2), dtype=np.uint8)

    def _fundus(self, rng: np.random.Generator) -> np.ndarray:
        return rng.random((*rng.integers(6, 40, 2), 3))

    def _ct(self, rng: np.random.Generator) -> dict[str, Any]:
        volume = rng.integers(-1000, 1000, rng.integers(1, 9, 3)).astype(np.int16)
        scan = {"volume": volume, "spacing": rng.uniform(1, 5, 3).astype(np.float32)}
        return {**scan, "image": self._oct(rng)} if rng.random() < 0.7 else scan

    _xray, _pathology, _mri = _oct, _fundus, _ct


@pytest.fixture(scope="session")
def tester() -> ModelTester:
    """The maker of tiny models and samples."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    from multimed_hf.models import (
        MultiMedCellFeatureExtractor,
        MultiMedImageProcessor,
        MultiMedPeakFeatureExtractor,
        MultiMedProcessor,
    )

    vocabulary = {word: index for index, word in enumerate(["[PAD]", "[UNK]", *WORDS])}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    words.normalizer = normalizers.Lowercase()
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]", pad_token="[PAD]")
    processor = MultiMedProcessor(
        tokenizer,
        scrna_feature_extractor=MultiMedCellFeatureExtractor(GENES),
        patch_image_processor=MultiMedImageProcessor(
            *(IMAGE_SIZES[name] for name in ("image_size", "image_patch_size")),
            max_patches=6,
            voxel_size=IMAGE_SIZES["volume_voxel_size"],
            volume_patch_size=IMAGE_SIZES["volume_patch_size"],
        ),
        peak_feature_extractor=MultiMedPeakFeatureExtractor(PEAKS),
    )
    return ModelTester(tokenizer, processor)
