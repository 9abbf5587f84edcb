"""A made-up PubMedQA in its official layout: `data/ori_pqal.json` and `data/test_ground_truth.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = {"yes": "The drug helped.", "no": "The drug did not help.", "maybe": "The results were mixed."}


def questions(per_answer: int = 16) -> dict[str, dict[str, Any]]:
    """Questions by PubMed id, the answers in turn."""
    items: dict[str, dict[str, Any]] = {}
    for number in range(per_answer * len(RESULTS)):
        answer = list(RESULTS)[number % len(RESULTS)]
        items[str(10_000_000 + number)] = {
            "QUESTION": f"Does drug {number} help?",
            "CONTEXTS": [f"Drug {number} was given to mice.", RESULTS[answer]],
            "LABELS": ["METHODS", "RESULTS"],
            "MESHES": ["Mice"],
            "YEAR": "2011",
            "reasoning_required_pred": answer,
            "reasoning_free_pred": answer,
            "final_decision": answer,
            "LONG_ANSWER": f"We conclude about drug {number}: {answer}. More studies are needed.",
        }
    return items


def write(
    folder: Path, items: dict[str, dict[str, Any]] | None = None, test: dict[str, str] | None = None, flat: bool = False
) -> Path:
    """Writes both files below `folder` and returns it; half the questions are the official test unless `test` is given.

    `flat` leaves out the folder `data`.
    """
    items = questions() if items is None else items
    if test is None:
        test = {pmid: item["final_decision"] for pmid, item in list(items.items())[: len(items) // 2]}
    inside = folder if flat else folder / "data"
    inside.mkdir(parents=True, exist_ok=True)
    (inside / "ori_pqal.json").write_text(json.dumps(items))
    (inside / "test_ground_truth.json").write_text(json.dumps(test))
    return folder
