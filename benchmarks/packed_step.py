"""Training step on packed batches against the same model on padded ones: same weights, same samples, one run.

Three ways through one epoch of the same mixture, batches of 32: packed as this project does it; padded to the longest
sample of each batch; padded after sorting samples into buckets of similar length. The padded peers share encoders, layers and
heads with the packed model and mask attention and pooling; only what follows the encoders is padded. Encoders, heads, losses and
the optimizer, the one that training uses, cost the same on all sides: the wider and deeper the backbone, the less they count.

    python benchmarks/packed_step.py [--data multimed] [--samples 512] [--repeats 5] [--layers 2] [--hidden-size 128]

Needs a built data set (`make quickstart`). Prints seconds, ratios and the waste of padding; run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from multimed_hf.data import MultiMedCollator, SampleDataset, heads_in
from multimed_hf.data.build import load_lists
from multimed_hf.data.manifest import Manifest
from multimed_hf.models import MultiMedForMultitask
from multimed_hf.training.checkpoint import new_model


class Padded:
    """Replaces a packed sequence inside `MultiMedModel`: tokens of a sample in a row of `(samples, longest)`."""

    def __init__(self, packing: Any, longest: int) -> None:
        self.packing, self.longest = packing, longest
        device = packing.lengths.device
        place = torch.arange(len(packing.sample), device=device) - packing.first[packing.sample]
        self.slots = packing.sample * longest + place
        keep = torch.arange(longest, device=device) < packing.lengths[:, None]
        self.mask = keep[:, None, None, :]

    def spread(self, tokens: torch.Tensor) -> torch.Tensor:
        """Packed `(tokens, hidden)` to padded `(samples, longest, hidden)`."""
        size = len(self.packing.lengths)
        padded = tokens.new_zeros(size * self.longest, tokens.shape[-1])
        return padded.index_copy(0, self.slots, tokens).view(size, self.longest, -1)

    def gather(self, padded: torch.Tensor) -> torch.Tensor:
        """The inverse of `spread`."""
        return padded.flatten(0, 1)[self.slots]


def run_padded(layers: Sequence[nn.Module], tokens: torch.Tensor, packing: Any) -> torch.Tensor:
    """The layers of the backbone over a padded batch with a mask: `(tokens, hidden)` packed in, packed out."""
    padded = Padded(packing, int(packing.lengths.max()))
    hidden = padded.spread(tokens)
    for layer in layers:
        attention: Any = layer.attention
        x = layer.attention_norm(hidden)
        shape = (*x.shape[:2], attention.num_heads, attention.head_dim)
        query, key, value = (
            projection(x).view(shape).transpose(1, 2)
            for projection in (attention.q_proj, attention.k_proj, attention.v_proj)
        )
        mixed = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=padded.mask)
        hidden = hidden + layer.dropout(attention.o_proj(mixed.transpose(1, 2).reshape(x.shape)))
        hidden = hidden + layer.dropout(layer.mlp(layer.mlp_norm(hidden)))
    return padded.gather(hidden)


class PaddedBackbone(nn.Module):
    """Stands in for the list of layers: takes the first call of the packed loop and does all layers padded."""

    def __init__(self, layers: nn.ModuleList) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, tokens: torch.Tensor, packing: Any, output_attentions: bool = False) -> torch.Tensor:
        return run_padded(list(self.layers), tokens, packing)


def mixture(
    data: str, count: int, config: Mapping[str, Any]
) -> tuple[MultiMedForMultitask, MultiMedCollator, list[dict[str, Any]]]:
    """A new model for all built subsets, its collator, and about `count` shuffled samples, as many of each subset.

    So short and long samples meet in a batch as they do in training.
    """
    from datasets import load_dataset

    manifest = Manifest.read(data)
    parts = [(name, load_dataset(data, name, split="train")) for name in manifest.subsets]
    genes, peaks = (load_lists(data, manifest.subsets, kind) for kind in ("genes", "peaks"))
    heads = heads_in({name: [part] for name, part in parts})
    torch.manual_seed(0)
    model, processor = new_model(parts, heads, genes, 8192, config, peaks)
    share = count // len(parts)
    dataset = SampleDataset([(name, part.shuffle(seed=0).select(range(min(share, len(part))))) for name, part in parts])
    return model, MultiMedCollator(processor, heads), dataset.__getitems__(torch.randperm(len(dataset)).tolist())


def epoch(model: MultiMedForMultitask, batches: Sequence[dict[str, Any]]) -> float:
    """Seconds of forward, backward and optimizer step over all batches."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    begin = time.perf_counter()
    for batch in batches:
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return time.perf_counter() - begin


def lengths_of(model: MultiMedForMultitask, batches: Sequence[dict[str, Any]]) -> list[torch.Tensor]:
    """Tokens per sample of each batch."""
    lengths: list[torch.Tensor] = []
    hook = model.multimed.pooler.register_forward_hook(lambda _, inputs, __: lengths.append(inputs[-1].lengths))
    with torch.inference_mode():
        for batch in batches:
            model.multimed(batch["sample_ids"], batch["inputs"])
    hook.remove()
    return lengths


def waste(lengths: Sequence[torch.Tensor]) -> float:
    """Padded tokens over real tokens."""
    return sum(len(part) * int(part.max()) for part in lengths) / sum(int(part.sum()) for part in lengths)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="multimed")
    parser.add_argument("--samples", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--hidden-size", type=int, default=128)
    options = parser.parse_args()

    config = {
        "num_hidden_layers": options.layers,
        "hidden_size": options.hidden_size,
        "intermediate_size": 2 * options.hidden_size,
    }
    model, collate, samples = mixture(options.data, options.samples, config)
    size = 32
    samples = samples[: len(samples) // size * size]

    def batched(order: Sequence[Any]) -> list[dict[str, Any]]:
        return [collate(order[start : start + size]) for start in range(0, len(order), size)]

    mixed = batched(samples)
    single = lengths_of(model, [collate([sample]) for sample in samples])
    by_length = [
        sample for _, sample in sorted(zip((int(part[0]) for part in single), samples, strict=True), key=lambda x: x[0])
    ]
    bucketed = batched(by_length)

    layers = model.multimed.layers
    padded_layers = nn.ModuleList([PaddedBackbone(layers)])
    ways: dict[str, tuple[list[dict[str, Any]], nn.ModuleList]] = {
        "packed": (mixed, layers),
        "padded to the longest": (mixed, padded_layers),
        "length-bucketed, padded": (bucketed, padded_layers),
    }
    check(model, mixed[0], layers, padded_layers)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(options.repeats + 1):
        for name, (batches, chosen) in ways.items():
            model.multimed.layers = chosen
            taken = epoch(model, batches)
            if repeat:  # the first round warms up
                seconds[name].append(taken)
    report(
        seconds,
        waste(lengths_of_packed(model, layers, mixed)),
        waste(lengths_of_packed(model, layers, bucketed)),
        len(samples),
    )


def lengths_of_packed(
    model: MultiMedForMultitask, layers: nn.ModuleList, batches: Sequence[dict[str, Any]]
) -> list[torch.Tensor]:
    """`lengths_of`, with the model's own layers."""
    model.multimed.layers = layers
    return lengths_of(model, batches)


def check(model: MultiMedForMultitask, batch: dict[str, Any], layers: nn.ModuleList, padded: nn.ModuleList) -> None:
    """Stops unless both ways give the same output."""
    outputs: list[torch.Tensor] = []
    for chosen in (layers, padded):
        model.multimed.layers = chosen
        model.eval()
        with torch.inference_mode():
            outputs.append(model.multimed(batch["sample_ids"], batch["inputs"]).pooler_output)
    model.train()
    torch.testing.assert_close(outputs[0], outputs[1], atol=1e-4, rtol=1e-4)


def report(seconds: dict[str, list[float]], padding: float, bucketing: float, samples: int) -> None:
    """Prints medians and ratios of paired rounds."""
    median: Callable[[list[float]], float] = statistics.median
    for name, taken in seconds.items():
        print(f"{name:26s} {samples / median(taken):7.1f} samples/s   ({min(taken):.2f} to {max(taken):.2f} s)")
    ratio = {
        name: median([other / own for own, other in zip(seconds["packed"], taken, strict=True)])
        for name, taken in seconds.items()
    }
    print(f"padded / real tokens: {padding:.2f} mixed, {bucketing:.2f} bucketed")
    print(f"packed is {ratio['padded to the longest']:.2f} x as fast as padding; goal {0.95 * padding:.2f}")
    print(f"packed is {ratio['length-bucketed, padded']:.2f} x as fast as length-bucketed; goal 1.00")


if __name__ == "__main__":
    main()
