"""Graph breaks of `torch.compile`: how many pieces the model falls into, and why.

Explains a forward pass of a model with three modalities over random samples, for each way of fusion. What depends on how
long the samples of a batch are is decided in Python, at the start and in attention, and left out of the graphs.

    python benchmarks/compile_breaks.py [--fusion early late] [--attention sdpa]
"""

from __future__ import annotations

import argparse
from collections import Counter
from typing import Any

import torch

from multimed_hf.models import MultiMedConfig, MultiMedModel
from multimed_hf.models.configuration_multimed import FUSIONS


def batch(config: MultiMedConfig, samples: int) -> dict[str, Any]:
    """A packed batch of random letters and genes: every sample has a text, every second a sequence, every third a cell."""
    generator = torch.Generator().manual_seed(0)

    def letters(every: int, highest: int) -> dict[str, torch.Tensor]:
        own = torch.arange(0, samples, every)
        lengths = torch.randint(3, 20, (len(own),), generator=generator)
        ids = torch.randint(0, highest, (int(lengths.sum()),), generator=generator)
        return {"input_ids": ids, "lengths": lengths, "samples": own}

    cells = letters(3, config.num_genes)
    genes = {"gene_ids": cells.pop("input_ids"), **cells}
    genes["values"] = torch.rand(len(genes["gene_ids"]), generator=generator)
    inputs = {"text": letters(1, config.vocab_size), "genomics": letters(2, 5), "scrna": genes}
    return {"sample_ids": torch.arange(samples), "inputs": inputs}


def main() -> None:
    """Explains and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fusion", nargs="+", choices=FUSIONS, default=FUSIONS)
    parser.add_argument("--attention", default="sdpa")
    options = parser.parse_args()
    for fusion in options.fusion:
        config = MultiMedConfig(modalities=["text", "genomics", "scrna"], fusion=fusion)
        model = MultiMedModel(config).eval()
        model.set_attn_implementation(options.attention)
        torch._dynamo.reset()
        found = torch._dynamo.explain(model)(**batch(config, 6))
        print(f"{fusion}: {found.graph_count} graphs, {found.graph_break_count} breaks, {found.op_count} operations")
        reasons: Counter[str] = Counter()
        for reason in found.break_reasons:
            frame = reason.user_stack[-1]
            where = f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}"
            reasons[f"{where}: {reason.reason.strip().splitlines()[0]}"] += 1
        for text, count in reasons.most_common():
            print(f"  {count} x {text}")


if __name__ == "__main__":
    main()
