"""The package as users get it: what a wheel holds, what it does outside the checkout, what an import loads."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import multimed_hf

CHECKOUT = Path(__file__).resolve().parent.parent
TRAVELLERS = ("dataset_scripts", "evaluate_metrics", "model_cards", "space")


def run(*command: str | Path, cwd: Path) -> str:
    """Standard output of a command that must succeed, run without a PYTHONPATH that could lead to the checkout."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def modules_after(statement: str) -> set[str]:
    """Top-level modules that are loaded once `statement` has run in a fresh interpreter."""
    code = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(run(sys.executable, "-c", code, cwd=CHECKOUT).split())


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel; the wheel is made from the unpacked sdist, so that both are complete."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, CHECKOUT, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of a new environment that holds the wheel and borrows its dependencies from the running environment."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home / "env", with_pip=False)
    python = home / "env" / ("Scripts" if os.name == "nt" else "bin") / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", wheel, cwd=home)
    purelib = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=home).strip())
    # A folder named by a .pth file is searched, but the .pth files in it are not read: editable installs stay behind.
    borrowed = [entry for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]
    (purelib / "borrowed.pth").write_text("\n".join(borrowed))
    return python


def test_wheel_has_no_generic_top_level_names(wheel: Path) -> None:
    names = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert names == {"multimed_hf", f"multimed_hf-{multimed_hf.__version__}.dist-info"}


def test_wheel_holds_every_file_of_the_package_and_of_the_folders_that_travel(wheel: Path) -> None:
    expected = set()
    for folder, prefix in (("multimed_hf", ""), *((folder, "multimed_hf/") for folder in TRAVELLERS)):
        files = [path for path in (CHECKOUT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        assert files, f"{folder} is empty"
        expected |= {prefix + path.relative_to(CHECKOUT).as_posix() for path in files}
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == expected


def test_wheel_carries_the_licence(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (licence,) = (name for name in archive.namelist() if name.endswith("licenses/LICENSE"))
    assert archive.read(licence).decode().lstrip().startswith("Apache License")


def test_sdist_holds_nothing_that_git_ignores(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        top = {member.name.split("/")[1] for member in archive if "/" in member.name}
    assert not top & {".venv", ".carriers", "multimed", "runs", "dist", ".mypy_cache", ".pytest_cache", ".ruff_cache"}


def test_installed_package_is_the_wheel_and_not_the_checkout(installed: Path, tmp_path: Path) -> None:
    code = (
        "import sys, multimed_hf\n"
        "from multimed_hf.resources import folder\n"
        f"print(multimed_hf.__file__, *(folder(name) for name in {TRAVELLERS}), sep='\\n')\n"
        "print(*filter(None, sys.path), sep='\\n')"
    )
    lines = [Path(line).resolve() for line in run(installed, "-c", code, cwd=tmp_path).splitlines()]
    package, *folders = lines[: 1 + len(TRAVELLERS)]
    home = installed.parent.parent.resolve()
    assert package.is_relative_to(home)
    assert folders == [package.parent / name for name in TRAVELLERS]
    assert CHECKOUT not in lines


@pytest.mark.slow
def test_installed_package_builds_a_subset_that_plain_load_dataset_reads(installed: Path, tmp_path: Path) -> None:
    build = ["-m", "multimed_hf.cli", "build", "eeg", "--source", "synthetic", "--rows", "40"]
    run(installed, *build, cwd=tmp_path)
    code = (
        "from datasets import load_dataset\n"
        "splits = load_dataset('multimed', 'eeg')\n"
        "print(sum(map(len, splits.values())), *sorted({s for rows in splits.values() for s in rows['source']}))"
    )
    assert run(installed, "-c", code, cwd=tmp_path).split() == ["40", "synthetic"]


@pytest.mark.slow
def test_installed_command_is_on_the_path(installed: Path, tmp_path: Path) -> None:
    assert "build" in run(installed.with_name("multimed"), "--help", cwd=tmp_path)


def test_import_loads_no_heavy_library() -> None:
    assert not modules_after("import multimed_hf") & {"torch", "transformers", "evaluate", "datasets"}


def test_import_of_metrics_loads_no_heavy_library() -> None:
    assert not modules_after("import multimed_hf.metrics") & {"torch", "transformers", "evaluate"}


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'multimed_hf' has no attribute 'MultiMedForEverything'"):
        multimed_hf.MultiMedForEverything  # noqa: B018


def test_lazy_names_are_listed() -> None:
    assert {"MultiMedConfig", "MultiMedForMultitask", "MultiMedProcessor", "__version__"} <= set(dir(multimed_hf))
