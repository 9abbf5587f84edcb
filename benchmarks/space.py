"""The demo's page on this machine: an answer for an image beside the bare model call, and many visitors at once."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

GOAL = 3.0
_SIDE = 224


def tiny() -> Any:
    """A predictor with random weights that reads X-rays: times do not depend on what it learnt."""
    from multimed_hf.demo.predictor import Predictor
    from multimed_hf.models import MultiMedConfig, MultiMedForMultitask, MultiMedProcessor
    from multimed_hf.training.tokenizer import train_tokenizer

    tokenizer = train_tokenizer(["an image"])
    head = {"name": "findings/own", "kind": "multi_label", "labels": [f"finding {place}" for place in range(14)]}
    config = MultiMedConfig(modalities=["xray"], vocab_size=len(tokenizer), tasks=[head])
    return Predictor(MultiMedForMultitask(config), MultiMedProcessor.from_encoders(config, tokenizer), "random weights")


def image(folder: Path) -> Path:
    """A PNG image of 224 x 224 pixels of noise."""
    import numpy as np
    from PIL import Image

    path = folder / "image.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (_SIDE, _SIDE), dtype=np.uint8)).save(path)
    return path


def visit(address: str, path: Path) -> str:
    """One visitor: uploads the image, and asks for predictions."""
    from gradio_client import Client, handle_file

    client = Client(address, verbose=False, analytics_enabled=False)
    client.predict(handle_file(str(path)), api_name="/read_xray")
    return str(client.predict("", "", "", api_name="/predict")[0])


def asker(client: Any) -> Callable[[], Any]:
    """A press of the page's button as a browser sends it: into the queue, then the stream of events until the answer.

    `gradio_client` looks for an answer every 50 ms, which would be most of the time.
    """
    import httpx

    api = f"{client.src}gradio_api"
    pressed = next(each for each in client.config["dependencies"] if each["api_name"] == "predict")
    asked = {"data": [None] * len(pressed["inputs"]), "fn_index": pressed["id"], "session_hash": client.session_hash}
    browser = httpx.Client(timeout=60)

    def ask() -> Any:
        browser.post(f"{api}/queue/join", json=asked).raise_for_status()
        with browser.stream("GET", f"{api}/queue/data", params={"session_hash": client.session_hash}) as events:
            for line in events.iter_lines():
                told = json.loads(line.removeprefix("data:")) if line else {}
                if told.get("msg") == "process_completed":
                    assert told["success"] and "From X-ray." in told["output"]["data"][0]
                    return told
        raise RuntimeError("The page's server gave no answer.")

    return ask


def seconds(action: Callable[[], Any], runs: int) -> float:
    """Median seconds of `runs` runs, after one that does not count."""
    taken = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        action()
        taken.append(time.perf_counter() - start)
    return median(taken[1:])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="runs of each call (default: %(default)s)")
    parser.add_argument("--visitors", type=int, default=20, help="visitors at once (default: %(default)s)")
    arguments = parser.parse_args()
    import torch
    from gradio_client import Client, handle_file

    from multimed_hf.demo.page import build, serve

    predictor = tiny()
    with tempfile.TemporaryDirectory() as folder:
        path = image(Path(folder))
        page = build(predictor)
        address = serve(page, block=False)
        client = Client(address, verbose=False, analytics_enabled=False)
        client.predict(handle_file(str(path)), api_name="/read_xray")

        from multimed_hf.demo.images import read_image

        given = {"xray": read_image(path)}
        batch = predictor.processor(xray=[given["xray"]])
        with torch.inference_mode():
            bare = seconds(lambda: predictor.model(**batch), arguments.runs)
        calls = {
            "model": bare,
            "processor, model, ranking": seconds(lambda: predictor.predict(given), arguments.runs),
            "as a browser asks for it": seconds(asker(client), arguments.runs),
            "as gradio_client asks for it": seconds(
                lambda: client.predict("", "", "", api_name="/predict"), arguments.runs
            ),
        }
        start = time.perf_counter()
        with ThreadPoolExecutor(arguments.visitors) as visitors:
            answers = list(visitors.map(lambda _: visit(address, path), range(arguments.visitors)))
        taken = time.perf_counter() - start
        page.close()
    print(f"{'an image of 224 x 224 pixels':<30}{'ms':>9}{'x model':>9}")
    for name, each in calls.items():
        print(f"{name:<30}{1000 * each:>9.2f}{each / bare:>9.2f}")
    print(
        f"goal: the answer within {GOAL:g} x the model: {'met' if calls['as a browser asks for it'] < GOAL * bare else 'MISSED'}"
    )
    failed = sum("From X-ray." not in answer for answer in answers)
    print(f"{arguments.visitors} visitors at once: {failed} failed, {taken:.1f} s")


if __name__ == "__main__":
    main()
