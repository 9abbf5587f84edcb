"""Fenced blocks of the pages below run, in order, and print what stands behind them."""

import copy
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
# Page to where it runs: the checkout, an empty folder, or the one that the first page leaves.
PAGES = {
    "metrics": "checkout",
    "getting_started": "started",
    "submitting_results": "started",
    "faq": "started",
    "your_own_data": "empty",
    "extending": "empty",
}


def blocks(page):
    """The fenced blocks of a page: language and code."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", (DOCS / f"{page}.md").read_text(), flags=re.M | re.S)


START = next(code for language, code in blocks("getting_started") if language == "bash")
LOGGED = re.compile(r"\s*\{'(?:loss|train_|eval_)")  # what Trainer prints


def shell(code, folder):
    """What a block of bash prints, with `multimed` and `python` those of this environment."""
    commands = f'set -e -o pipefail\nmultimed() {{ "{sys.executable}" -m multimed_hf "$@"; }}\n'
    commands += f'python() {{ "{sys.executable}" "$@"; }}\n{code}'
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "120"}
    environment.pop("MULTIMED_DATA", None)
    done = subprocess.run(["bash", "-c", commands], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def run(page, folder, monkeypatch, capsys):
    """Runs all blocks of a page and compares what each prints with what it says."""
    monkeypatch.chdir(folder)
    namespace = {"__name__": "page"}
    for number, (language, code) in enumerate(blocks(page), 1):
        if language == "bash":
            if code != START:
                shell(code, folder)
            continue
        assert language == "python", f"docs/{page}.md, block {number}: python and bash are run, {language} is not"
        capsys.readouterr()
        exec(compile(code, f"docs/{page}.md, block {number}", "exec"), namespace)
        printed = [line for line in capsys.readouterr().out.split("\n") if not LOGGED.match(line)]
        said = re.findall(r"^ *print\(.*?(?:  # (.+))?$", code, re.M)
        assert [line for line, wanted in zip(printed, said, strict=False) if wanted] == [
            wanted for wanted in said if wanted
        ], f"docs/{page}.md, block {number}"


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """The folder after the first block of docs/getting_started.md."""
    folder = tmp_path_factory.mktemp("started")
    shell(START, folder)
    return folder


@pytest.fixture
def declared():
    """What docs/extending.md adds to the package is taken out again."""
    from multimed_hf import columns, tasks
    from multimed_hf.models import configuration_multimed, image_processing_multimed

    tables = [
        columns.MODALITY_COLUMNS,
        columns.TARGET_COLUMNS,
        tasks.TASKS,
        configuration_multimed.IMAGE_CHANNELS,
        configuration_multimed.MODALITIES,
        image_processing_multimed._USUAL,
    ]
    before = [copy.copy(table) for table in tables]
    yield
    for table, content in zip(tables, before, strict=True):
        table.clear()
        (table.update if isinstance(table, dict) else table.extend)(content)


@pytest.mark.parametrize(
    ("page", "where"),
    [
        pytest.param(page, where, id=page, marks=[pytest.mark.slow] if where == "started" else [])
        for page, where in PAGES.items()
    ],
)
def test_a_page_does_what_it_says(page, where, request, tmp_path, declared, monkeypatch, capsys):
    folder = {"checkout": ROOT, "empty": tmp_path}.get(where) or request.getfixturevalue(where)
    run(page, folder, monkeypatch, capsys)


@pytest.mark.parametrize("page", sorted(path.stem for path in DOCS.glob("*.md")))
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", (DOCS / f"{page}.md").read_text())
    assert [link for link in links if "://" not in link and not (DOCS / link).exists()] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page != "metrics"])
def test_files_that_a_page_names_exist(page):
    named = re.findall(
        r"`((?:multimed_hf|tests|dataset_scripts|benchmarks)/[\w/.]+)`", (DOCS / f"{page}.md").read_text()
    )
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_readme_links_every_page():
    text = (ROOT / "README.md").read_text()
    assert [path.name for path in DOCS.glob("*.md") if f"docs/{path.name}" not in text] == []


def test_the_table_of_extras_is_complete():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    table = re.findall(r"^\| `(\w+)` \| .* \|$", (DOCS / "getting_started.md").read_text(), re.M)
    assert sorted(table) == sorted(extras)
    assert extras["all"] == [f"multimed_hf[{','.join(table[:4])}]"]


def test_every_metric_stands_in_the_table():
    from multimed_hf.metrics import METRICS

    text = (DOCS / "metrics.md").read_text()
    assert re.findall(r"^\| `(\w+)` \| .* \| .* \|$", text.split("## Three ways")[0], re.M) == list(METRICS)
