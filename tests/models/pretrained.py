"""Tiny pre-trained models of several families, with their tokenizers or image processors, written to folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WORDS = "no acute disease heart size is normal lungs clear yes maybe pleural effusion seen the question".split()
RESIDUES = "<cls> <pad> <eos> <unk> L A G V S E R T I D P K Q N F Y M H W C X B U Z O . - | <mask>".split()

SMALL = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
IMAGE = {**SMALL, "image_size": 16, "patch_size": 8}
# As wide as random weights need to be for tokens to differ.
WIDE = {"initializer_range": 0.3}

FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("text", {**SMALL, "vocab_size": 40, "max_position_embeddings": 32, "pad_token_id": 0}),
    "modernbert": ("text", {**SMALL, "vocab_size": 40, "pad_token_id": 0, "local_attention": 8}),
    "llama": ("text", {**SMALL, "vocab_size": 40, "num_key_value_heads": 1}),
    "esm": (
        "protein",
        {**SMALL, "vocab_size": 33, "position_embedding_type": "rotary", "pad_token_id": 1, "mask_token_id": 32},
    ),
    "esmc": ("protein", {**SMALL, "vocab_size": 33, "head_dim": 12, "num_key_value_heads": 2}),
    "vit": ("xray", IMAGE),
    "dinov2": ("fundus", IMAGE),
    "resnet": ("pathology", {"embedding_size": 8, "hidden_sizes": [8, 24], "depths": [1, 1], "layer_type": "basic"}),
}
"""Model type to the modality it reads here and its configuration."""


def write(family: str, folder: Path, seed: int = 0, **changes: Any) -> str:
    """Writes a model with random weights that lie apart, and what goes before it; gives the folder."""
    import torch
    from transformers import AutoConfig, AutoModel

    modality, settings = FAMILIES[family]
    torch.manual_seed(seed)
    model = AutoModel.from_config(AutoConfig.for_model(family, **{**settings, **WIDE, **changes}))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.1 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    if modality == "text":
        words(family != "llama").save_pretrained(folder)
    elif modality == "protein":
        residues(folder, family).save_pretrained(folder)
    else:
        from transformers import ViTImageProcessorPil

        ViTImageProcessorPil(size={"height": 16, "width": 16}).save_pretrained(folder)
    return str(folder)


def words(special: bool = True) -> Any:
    """A tokenizer of words; `special`: with a token before and one after a text, and between two."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *reversed(WORDS)]
    made = Tokenizer(models.WordLevel({word: index for index, word in enumerate(names)}, unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Whitespace()
    if special:
        made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(tokenizer_object=made, unk_token="[UNK]", pad_token="[PAD]")


def residues(folder: Path, family: str = "esm") -> Any:
    """A tokenizer of residues of either ESM."""
    from transformers import EsmcTokenizer, EsmTokenizer

    if family == "esmc":
        return EsmcTokenizer()
    (folder / "vocab.txt").write_text("\n".join(RESIDUES))
    return EsmTokenizer(str(folder / "vocab.txt"))
