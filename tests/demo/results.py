"""Results for tests: one with usual values, changed as asked."""

from __future__ import annotations

from typing import Any

from multimed_hf.evaluation.results import Result


def result(**changes: Any) -> Result:
    values: dict[str, Any] = {
        "task": "disease_classification",
        "head": "disease/set",
        "subset": "xray",
        "source": "release",
        "synthetic": False,
        "auxiliary": False,
        "split": "test",
        "metric": "accuracy",
        "n": 1200,
        "groups": 40,
        "unit": "patient",
        "score": 0.75,
        "low": 0.7,
        "high": 0.8,
        "level": 0.95,
        "scores": {"accuracy": 0.75},
        "baselines": {"classical": {"name": "linear", "score": 0.5}},
        "limits": "one hospital",
        "model": "runs/one/checkpoint",
        "seed": 0,
        "data_fingerprint": "abc",
        "code_version": "0",
    }
    return Result(**{**values, **changes})
