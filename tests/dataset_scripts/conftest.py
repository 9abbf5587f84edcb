"""What the tests of builder scripts share: building a subset and reading its rows back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from multimed_hf.resources import load_script


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., tuple[Any, list[dict[str, Any]]]]:
    """`build(subset, **options)` gives the builder after its work, and the rows of its Parquet with their `split`."""

    def build(subset: str, **options: Any) -> tuple[Any, list[dict[str, Any]]]:
        import pyarrow.parquet as pq

        script = load_script(subset)
        builder = script.Builder(
            cache_dir=str(tmp_path / "cache"), dataset_name="multimed", config_name=subset, hash="test", **options
        )
        out = tmp_path / "out"
        builder.download_and_prepare(str(out), file_format="parquet")
        files = sorted(out.glob("*.parquet"))
        return builder, [{**row, "split": _split(file)} for file in files for row in pq.read_table(file).to_pylist()]

    return build


def _split(file: Path) -> str:
    return next(split for split in ("train", "validation", "test") if f"-{split}" in file.name)
