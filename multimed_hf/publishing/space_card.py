"""The card of the demo's Space: what the Hub needs to start it, and what its visitors must know."""

from __future__ import annotations

from .. import resources
from ..data.build import DATASET_NAME
from .command import MODEL_NAME

GRADIO_VERSION = "6.31.0"


def space_card(org: str, model: str = MODEL_NAME, dataset: str = DATASET_NAME) -> str:
    """The text of the card, with a YAML head that the Hub reads.

    Args:
        org: organisation or user that the model and the data set belong to.
        model: name of the model's repository, without the organisation.
        dataset: likewise of the data set.
    """
    from huggingface_hub import SpaceCard, SpaceCardData

    data = SpaceCardData(
        title="MultiMed",
        emoji="🩻",
        colorFrom="blue",
        colorTo="green",
        sdk="gradio",
        sdk_version=GRADIO_VERSION,
        python_version="3.11",
        app_file="app.py",
        license="apache-2.0",
        short_description="Try a multimodal medical research model",
        models=[f"{org}/{model}"],
        datasets=[f"{org}/{dataset}"],
        tags=["medical", "multimodal", "research"],
        # Within somebody's page it could pass for a medical service of theirs.
        disable_embedding=True,
    )
    template = resources.folder("model_cards") / "space_card.md"
    return SpaceCard.from_template(data, template_path=str(template), model=f"{org}/{model}").content
