"""What the tests of explanations share: the maker of tiny models, and samples of all modalities as the processor takes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ..models.conftest import ModelTester, tester

__all__ = ["ModelTester", "tester"]


@pytest.fixture(scope="session")
def columns(tester: ModelTester) -> Any:
    """`columns(modalities, seed=0)`: one sample as the processor takes it, with two answers to choose from."""

    def make(modalities: Any, seed: int = 0) -> dict[str, list[Any]]:
        sample = tester.sample(np.random.default_rng(seed), modalities)
        return {**{name: [value] for name, value in sample.items()}, "choices": [["yes", "no", "maybe"]]}

    return make


@pytest.fixture
def linear(tester: ModelTester) -> Any:
    """`linear(modalities)`: a model whose number is the mean of one feature over all tokens of its encoders."""

    def make(modalities: list[str], **overrides: Any) -> Any:
        model = tester.model(tester.config(modalities, ["regression"], **overrides))
        backbone, head = model.multimed, model.heads.tasks["expression/pbmc"]
        with torch.no_grad():
            for part in (backbone.pooler.mix.weight, backbone.pooler.mix.bias, backbone.summary, backbone.modality):
                part.zero_()
            for part in backbone.encoders.parameters():
                part.zero_()
            head.out.weight.zero_()[0, 0] = 1.0
            head.out.bias.zero_()
        return model

    return make
