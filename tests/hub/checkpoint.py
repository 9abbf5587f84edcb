"""The smallest model that there is to publish."""

from typing import Any


def tiny_checkpoint() -> tuple[Any, Any]:
    """Model and processor: texts in, one head with two labels."""
    import torch

    from multimed_hf.models import MultiMedConfig, MultiMedForMultitask, MultiMedProcessor
    from multimed_hf.training.tokenizer import train_tokenizer

    tokenizer = train_tokenizer(["the heart is large", "lungs are clear"], vocab_size=100)
    config = MultiMedConfig(
        modalities=["text"],
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        tasks=[{"name": "question/yes", "kind": "single_label", "labels": ["no", "yes"]}],
    )
    torch.manual_seed(0)
    return MultiMedForMultitask(config), MultiMedProcessor(tokenizer)
