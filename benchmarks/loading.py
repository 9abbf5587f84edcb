"""Memory of loading: how much more than the checkpoint's own size a process takes while it loads a model.

Beside BERT of transformers at about the same size. Every model is loaded in a fresh process after a tiny one of its kind, so
that neither imports nor caches count. A reading thread samples the anonymous memory of the process (`RssAnon`), which is what
the model takes, and `VmHWM` gives the highest resident size, pages of the mapped file included, which the system can drop at
any time. Numbers are multiples of the size of the safetensors: 1 is one copy.

    python benchmarks/loading.py [--hidden 768] [--layers 12]
"""

from __future__ import annotations

import argparse
import gc
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

KINDS = ["bert", "multimed", "adapter", "new head", "encoder"]
"""BERT; the model; its checkpoint under a PEFT adapter; with a head for a new task; new with BERT as its encoder of texts."""

TASK = {"name": "cell_type/ten", "kind": "single_label", "labels": ["a", "b"]}


def save(kind: str, folder: Path, hidden: int, layers: int) -> None:
    """Writes what a process of this kind loads."""
    from transformers import BertConfig, BertModel

    from multimed_hf.models import MultiMedConfig, MultiMedForMultitask

    sizes: dict[str, Any] = {"hidden_size": hidden, "num_hidden_layers": layers, "intermediate_size": 4 * hidden}
    if kind in ("bert", "encoder"):
        BertModel(BertConfig(**sizes, num_attention_heads=4), add_pooling_layer=False).save_pretrained(folder)
        return
    model = MultiMedForMultitask(MultiMedConfig(modalities=["text", "scrna", "oct"], tasks=[TASK], **sizes))
    model.save_pretrained(folder)
    if kind == "adapter":
        from peft import LoraConfig, get_peft_model

        lora = LoraConfig(target_modules=["q_proj", "v_proj"])
        model.name_or_path = str(folder)
        get_peft_model(model, lora).save_pretrained(folder / "adapter")


def loader(kind: str, folder: Path) -> Callable[[], Any]:
    """What loads it."""
    from peft import PeftModel
    from transformers import BertModel

    from multimed_hf.models import MultiMedConfig, MultiMedForMultitask

    if kind == "bert":
        return lambda: BertModel.from_pretrained(folder, add_pooling_layer=False)
    if kind == "encoder":
        encoders = [{"modality": "text", "model": str(folder)}]
        return lambda: MultiMedForMultitask.from_encoders(MultiMedConfig(modalities=["text"], encoders=encoders))
    if kind == "adapter":
        base = MultiMedForMultitask.from_pretrained
        return lambda: PeftModel.from_pretrained(base(folder), str(folder / "adapter")).merge_and_unload()

    def load() -> Any:
        model = MultiMedForMultitask.from_pretrained(folder)
        if kind == "new head":
            model.add_task({**TASK, "name": "other/ten"})
        return model

    return load


def memory(name: str) -> int:
    """A line of this process's status, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1]) * 1024


def measure(kind: str, small: Path, large: Path) -> None:
    """Loads, and prints the growth of anonymous and of resident memory over the size of the checkpoint."""
    loader(kind, small)()
    load = loader(kind, large)
    gc.collect()
    size = sum(path.stat().st_size for path in large.glob("*.safetensors"))
    # From here on the highest resident size counts anew.
    Path("/proc/self/clear_refs").write_text("5")
    start, resident, peak, done = memory("RssAnon"), memory("VmRSS"), 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.0005):
            peak = max(peak, memory("RssAnon"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    model = load()
    done.set()
    watcher.join()
    kept, highest = memory("RssAnon") - start, memory("VmHWM") - resident
    print(
        f"{kind:9} {size / 1e6:6.0f} MB   highest anonymous {max(peak - start, kept) / size:4.2f}   kept {kept / size:4.2f}"
        f"   highest resident {highest / size:4.2f}",
        flush=True,
    )
    del model


def main() -> None:
    """Saves, and starts a process for each kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hidden", type=int, default=768)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        kind, small, large = options.measure
        return measure(kind, Path(small), Path(large))
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            small, large = Path(folder, "small"), Path(folder, "large")
            save(kind, small, 16, 1)
            save(kind, large, options.hidden, options.layers)
            gc.collect()
            subprocess.run([sys.executable, __file__, "--measure", kind, str(small), str(large)], check=True)


if __name__ == "__main__":
    main()
