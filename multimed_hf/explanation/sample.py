"""One sample as the processor packs it, copies of it for one batch, and a model that is left as it was."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class PackedSample:
    """A sample, raw and packed.

    Attributes:
        raw: modality to the value that was given.
        inputs: modality to what the processor made of it, without `samples`; all of it lies end to end along the first axis.
        choices: the candidate answers, None without any.
        packed_choices: what the processor made of them.
    """

    raw: dict[str, Any]
    inputs: dict[str, Tensors]
    choices: list[str] | None
    packed_choices: Tensors | None

    @classmethod
    def of(cls, model: Any, processor: Any, inputs: Mapping[str, Sequence[Any]]) -> PackedSample:
        """The sample in `inputs`, in the form that the processor takes, on the device of the model.

        Raises:
            ValueError: not exactly one entry for every modality, no modality, or one that the model does not read.
        """
        sizes = {name: len(values) for name, values in inputs.items() if values is not None}
        if not sizes or set(sizes.values()) != {1}:
            raise ValueError(f"Expected lists with one entry each, those of one sample, got lengths {sizes}.")
        given = {name: values[0] for name, values in inputs.items() if values is not None and values[0] is not None}
        choices = list(given.pop("choices", ())) or None
        unread = [name for name in given if name not in model.config.modalities]
        if unread or not given:
            raise ValueError(
                f"Expected one or more modalities among {model.config.modalities}, which the model reads, got {list(given)}."
            )
        columns = {name: [value] for name, value in given.items()}
        batch = processor(**columns, choices=[choices] if choices else None)
        device = next(model.parameters()).device
        packed = {
            name: {key: part.to(device) for key, part in batch["inputs"][name].items() if key != "samples"}
            for name in model.config.modalities
            if name in given
        }
        own = {key: part.to(device) for key, part in batch["choices"].items()} if choices else None
        return cls({name: given[name] for name in packed}, packed, choices, own)

    @property
    def modalities(self) -> list[str]:
        """The modalities that it has, in the order of the model."""
        return list(self.inputs)

    def copies(self, present: Sequence[Collection[str]]) -> dict[str, Any]:
        """Arguments of the model for one copy per entry of `present`, each with the modalities named there and no other."""
        device = next(iter(next(iter(self.inputs.values())).values())).device
        inputs = {}
        for name, parts in self.inputs.items():
            places = [place for place, names in enumerate(present) if name in names]
            if places:
                repeated = {key: part.repeat(len(places), *[1] * (part.dim() - 1)) for key, part in parts.items()}
                inputs[name] = {**repeated, "samples": torch.tensor(places, device=device)}
        arguments: dict[str, Any] = {"sample_ids": torch.arange(len(present), device=device), "inputs": inputs}
        if self.packed_choices:
            index = self.packed_choices["index"].repeat(len(present), 1)
            arguments["choices"] = {**self.packed_choices, "index": index}
        return arguments


@contextmanager
def undisturbed(model: Any, eager: bool = False) -> Iterator[Any]:
    """The model ready for explanations, and as it was afterwards, whatever happens.

    Inside, it is in evaluation mode, no parameter takes a gradient, and nothing is rounded to half precision: a model in
    half precision is copied in single precision. Gradients that parameters hold are left alone.

    Args:
        model: a `MultiMedForMultitask`.
        eager: whether the backbone computes attention by the implementation that gives its weights.
    """
    if any(parameter.dtype in (torch.float16, torch.bfloat16) for parameter in model.parameters()):
        implementation = model.config._attn_implementation
        model = copy.deepcopy(model).float()
        # Flash kernels know half precision only.
        if implementation not in ("eager", "sdpa"):
            model.set_attn_implementation("sdpa")
    modes = [(module, module.training) for module in model.modules()]
    learnt = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    # The backbone's alone: pre-trained encoders have implementations of their own.
    configs = {id(config): config for config in (model.config, model.multimed.config)}
    implementations = [(config, config._attn_implementation) for config in configs.values()]
    try:
        model.eval().requires_grad_(False)
        if eager:
            for config, _ in implementations:
                config._attn_implementation = "eager"
        device = next(model.parameters()).device.type
        with torch.inference_mode(False), torch.autocast(device, enabled=False):
            yield model
    finally:
        for config, implementation in implementations:
            config._attn_implementation = implementation
        for module, mode in modes:
            module.training = mode
        for parameter, learns in learnt:
            parameter.requires_grad_(learns)
