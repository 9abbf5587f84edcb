"""The folder travels with a checkpoint: it needs nothing else of the package."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import multimed_hf.models

FILES = sorted(Path(multimed_hf.models.__file__).parent.glob("*.py"))
ALLOWED = {"PIL", "numpy", "scipy", "torch", "transformers"} | sys.stdlib_module_names


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_imports_stay_in_the_folder(path):
    siblings = {file.stem for file in FILES}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= ALLOWED
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                assert node.level == 1 and node.module in siblings
            else:
                assert node.module.split(".")[0] in ALLOWED


def test_public_names_exist():
    for name in multimed_hf.models.__all__:
        assert getattr(multimed_hf.models, name).__name__ == name
