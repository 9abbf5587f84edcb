"""What a packed training step makes of the machine: its speed, what else it costs, and its memory.

Three questions, on the mixture of all built subsets, batches of 32:

- the share of the time of a step (forward, backward, optimizer) that its matrix products alone would take: the same
  products, of the same shapes and strides, without anything between them;
- the time of a batch of one modality in the model of all modalities and tasks, beside that encoder, the same layers and the one
  head in a model of nothing else;
- the bytes kept for the backward pass, for each token, as batches grow.

    python benchmarks/model_step.py [--data multimed] [--samples 384] [--repeats 5] [--layers 2] [--hidden-size 128]
    python benchmarks/model_step.py --device cuda --dtype bfloat16 --attention flash_attention_2 \\
        --layers 12 --hidden-size 1024 --batch 256 --peak-tflops 989

Needs a built data set (`make quickstart`); run it on a quiet machine. With `--peak-tflops`, what the device does at best in this
type, the share of it that the step reaches is printed too.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.packed_step import lengths_of, mixture
from multimed_hf.models import MultiMedConfig, MultiMedForMultitask

SHARE_GOAL, SINGLE_GOAL = 0.7, 1.1

Shape = tuple[tuple[int, ...], tuple[int, ...]]
"""Size and stride of a tensor."""


class MatrixProducts(TorchDispatchMode):
    """Counts the matrix products that run under it, by the sizes and strides of their factors.

    Attention kernels count as the products inside them, two forward and five backward, and convolutions as the products of
    unfolded images.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[tuple[Shape, Shape, torch.dtype]] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in ("mm", "bmm"):
            self._add(*args[:2])
        elif name in ("addmm", "baddbmm"):
            self._add(*args[1:3])
        elif "scaled_dot_product" in name:
            backward = "backward" in name
            query, key = args[1:3] if backward else args[:2]
            for _ in range(3 if backward else 1):
                self._add(query, key.transpose(-1, -2))
            scores = (*query.shape[:-1], key.shape[-2])
            for _ in range(2 if backward else 1):
                self._count((scores, _contiguous(scores)), _shape(key), key.dtype)
        elif name in ("convolution", "convolution_backward"):
            image, weight = args[1:3] if name == "convolution_backward" else args[:2]
            places = image.shape[0] * (args[0][0, 0].numel() if "backward" in name else func(*args)[0, 0].numel())
            left, right = (places, weight[0].numel()), (weight[0].numel(), weight.shape[0])
            for _ in range(2 if "backward" in name else 1):
                self._count((left, _contiguous(left)), (right, _contiguous(right)), weight.dtype)
        return func(*args, **(kwargs or {}))

    def _add(self, left: torch.Tensor, right: torch.Tensor) -> None:
        self._count(_shape(left), _shape(right), left.dtype)

    def _count(self, left: Shape, right: Shape, dtype: torch.dtype) -> None:
        self.found[left, right, dtype] += 1

    def seconds(self, device: str) -> float:
        """What all of them take, one after the other: each shape is timed by itself, and counted as often as it came."""
        total = 0.0
        for (left, right, dtype), count in self.found.items():
            if min(*left[0], *right[0]) == 0:
                continue
            work = partial(torch.matmul, *(_random(*shape, dtype, device) for shape in (left, right)))
            work.keywords["out"] = work()
            turns = max(3, min(50, math.ceil(0.02 / max(timed(work, device), 1e-6))))
            total += count * statistics.median(timed(work, device) for _ in range(turns))
        return total


def _shape(tensor: torch.Tensor) -> Shape:
    """Size and stride; an expanded factor stands for a whole one."""
    size, stride = tuple(tensor.shape), tuple(tensor.stride())
    return size, stride if all(stride) else _contiguous(size)


def _random(size: Sequence[int], stride: Sequence[int], dtype: torch.dtype, device: str) -> torch.Tensor:
    return torch.empty_strided(size, stride, dtype=dtype, device=device).normal_()


def _contiguous(size: Sequence[int]) -> tuple[int, ...]:
    return tuple(math.prod(size[axis + 1 :]) for axis in range(len(size)))


def timed(work: Callable[[], Any], device: str) -> float:
    """Seconds of `work`, the device's own included."""
    if device != "cpu":
        torch.cuda.synchronize()
    begin = time.perf_counter()
    work()
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - begin


class Step:
    """Forward, backward and optimizer step of a model on one batch after another."""

    def __init__(self, model: MultiMedForMultitask, device: str, dtype: torch.dtype) -> None:
        self.model, self.device, self.dtype = model, device, dtype
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def __call__(self, batches: Sequence[Any]) -> None:
        for batch in batches:
            self.loss(batch).backward()
            self.optimizer.step()
            self.optimizer.zero_grad()

    def loss(self, batch: Any) -> torch.Tensor:
        """The loss of a batch."""
        with torch.autocast(self.device, self.dtype, enabled=self.dtype != torch.float32):
            return self.model(**batch).loss


@contextlib.contextmanager
def kept() -> Iterator[dict[int, int]]:
    """Bytes of the tensors that the backward pass is to find again, by where they lie, parameters among them."""
    found: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        found[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield found


def activations(step: Step, batch: Any) -> int:
    """Bytes kept for the backward pass beside the parameters and the batch."""
    with kept() as found:
        loss = step.loss(batch)
    tensors = [*step.model.parameters(), *step.model.buffers(), *_tensors(batch)]
    own = {tensor.untyped_storage().data_ptr() for tensor in tensors}
    del loss
    return sum(size for place, size in found.items() if place not in own)


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _tensors(part)


def moved(value: Any, device: str) -> Any:
    """A batch on a device."""
    if isinstance(value, torch.Tensor):
        return value.to(device)
    return {key: moved(part, device) for key, part in value.items()} if isinstance(value, dict) else value


def alone(model: MultiMedForMultitask, modality: str, task: str) -> MultiMedForMultitask:
    """The encoder of one modality, the backbone and one head, with the weights of `model`."""
    config = model.config.to_dict() | {
        "modalities": [modality],
        "tasks": [entry for entry in model.config.tasks or () if entry["name"] == task],
    }
    part = MultiMedForMultitask(MultiMedConfig.from_dict(config))
    weights = model.state_dict()
    own = {name: weights[name] for name in part.state_dict() if "modality" not in name}
    part.load_state_dict(own, strict=False)
    return part


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="multimed")
    parser.add_argument("--samples", type=int, default=384)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--hidden-size", type=int, default=128)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--attention", default="sdpa")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--peak-tflops", type=float)
    options = parser.parse_args()
    config = {
        "num_hidden_layers": options.layers,
        "hidden_size": options.hidden_size,
        "intermediate_size": 2 * options.hidden_size,
        "num_attention_heads": options.heads,
    }
    model, collate, samples = mixture(options.data, options.samples, config)
    model.set_attn_implementation(options.attention)
    model.to(options.device).train()
    step = Step(model, options.device, getattr(torch, options.dtype))
    batches = [
        moved(collate(samples[start : start + options.batch]), options.device)
        for start in range(0, len(samples) - options.batch + 1, options.batch)
    ]
    tokens = sum(int(part.sum()) for part in lengths_of(model, batches))
    print(
        f"{options.layers} layers, {options.hidden_size} wide, {sum(part.numel() for part in model.parameters()):,} parameters, "
        f"{len(batches)} batches of {options.batch}, {tokens / len(batches):,.0f} tokens each, {options.dtype}, {options.device}"
    )
    speed(step, batches, tokens, options)
    memory(step, collate, samples, options)
    if options.device == "cpu":
        single(model, collate, samples, options)


def speed(step: Step, batches: Sequence[Any], tokens: int, options: argparse.Namespace) -> None:
    """Prints the share of a step that its matrix products would take, and what the step does a second."""
    step(batches[:2])
    with FlopCounterMode(display=False) as flops:
        step(batches)
    with MatrixProducts() as products:
        step(batches)
    taken, pure = [], []
    for _ in range(options.repeats):
        taken.append(timed(lambda: step(batches), options.device))
        pure.append(products.seconds(options.device))
    share = statistics.median(part / whole for part, whole in zip(pure, taken, strict=True))
    whole = statistics.median(taken)
    rate = flops.get_total_flops() / whole / 1e12
    print(f"step: {whole / len(batches):.4f} s, {tokens / whole:,.0f} tokens/s, {rate:.4f} TFLOP/s", end="")
    print(f", {rate / options.peak_tflops:.2f} of the peak" if options.peak_tflops else "")
    print(f"its matrix products alone: {share:.2f} of the time; goal {SHARE_GOAL}")


def memory(step: Step, collate: Any, samples: Sequence[Any], options: argparse.Namespace) -> None:
    """Prints the bytes that batches of growing size keep, for each token."""
    found = {}
    for size in (options.batch // 4, options.batch // 2, options.batch, 2 * options.batch, 4 * options.batch):
        batch = moved(collate(samples[:size]), options.device)
        tokens = int(lengths_of(step.model, [batch])[0].sum())
        found[tokens] = activations(step, batch) / tokens
    each = ", ".join(f"{tokens:,}: {size:,.0f}" for tokens, size in found.items())
    spread = max(found.values()) / min(found.values())
    print(f"bytes kept for each token, by tokens in the batch: {each}; largest / smallest {spread:.2f}")


def single(model: MultiMedForMultitask, collate: Any, samples: Sequence[Any], options: argparse.Namespace) -> None:
    """Prints the time of batches of one modality beside a model of that modality alone."""
    for modality in model.config.modalities or ():
        own = [sample for sample in samples if list(sample["inputs"]) == [modality] and sample["labels"]]
        if not own:
            continue
        task = Counter(next(iter(sample["labels"])) for sample in own).most_common(1)[0][0]
        asking = [sample for sample in own if list(sample["labels"]) == [task]][: options.batch]
        if len(asking) < options.batch // 2:
            continue
        batch = collate(asking)
        whole = Step(model, options.device, torch.float32)
        part = Step(alone(model, modality, task).train(), options.device, torch.float32)
        only = batch | {"labels": {task: batch["labels"][task]}}
        turns = [in_turn(whole, batch, part, only) for _ in range(4 * options.repeats + 1)]
        ratio, first, second = sorted(turns[1:])[len(turns) // 2]  # the first turn warms up
        print(
            f"{modality}, {len(asking)} samples, {task}: {first:.4f} s in the whole model, {second:.4f} s by itself: "
            f"{ratio:.2f} x; goal {SINGLE_GOAL}"
        )


def in_turn(whole: Step, batch: Any, part: Step, only: Any) -> tuple[float, float, float]:
    """Seconds of a step of each, the quotient first."""
    first, second = timed(lambda: whole([batch]), "cpu"), timed(lambda: part([only]), "cpu")
    return first / second, first, second


if __name__ == "__main__":
    main()
