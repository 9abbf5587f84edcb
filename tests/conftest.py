"""What all tests share: a Hugging Face home of their own, no network, one thread, and the fixtures below."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# The libraries read these when they are imported, so they are set here and not in a fixture.
_HOME = tempfile.TemporaryDirectory(prefix="multimed-hf-tests-", ignore_cleanup_errors=True)
for _name in [name for name in os.environ if name.startswith(("HF_", "HUGGINGFACE_", "TRANSFORMERS_"))]:
    # A cache folder or a token of the user's would win over the private home.
    del os.environ[_name]
os.environ.update(
    HF_HOME=_HOME.name,
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_PROGRESS_BARS="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    HF_UPDATE_DOWNLOAD_COUNTS="0",
    OMP_NUM_THREADS="1",
    TOKENIZERS_PARALLELISM="false",
    MPLBACKEND="agg",
)

# A busy machine is no failure: examples have no deadline.
settings.register_profile("multimed", settings(), deadline=None)
settings.load_profile("multimed")


@pytest.fixture(scope="session")
def multimed_data() -> Path:
    """The folder of official releases that `$MULTIMED_DATA` names; the test is skipped without one."""
    named = os.environ.get("MULTIMED_DATA")
    if not named:
        pytest.skip("needs official releases: MULTIMED_DATA names no folder")
    folder = Path(named)
    if not folder.is_dir():
        pytest.fail(
            f"MULTIMED_DATA should name a folder of official releases, but {folder} is none: correct or unset it."
        )
    return folder


@pytest.fixture(scope="session")
def load_metric() -> Callable[..., Any]:
    """`evaluate.load` of one of the project's metrics: `load_metric(name, config_name=None)`, each loaded once."""

    @cache
    def load(name: str, config_name: str | None = None) -> Any:
        import evaluate

        from multimed_hf.resources import folder

        return evaluate.load(str(folder("evaluate_metrics") / name), config_name)

    return load
