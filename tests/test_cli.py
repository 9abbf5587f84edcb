import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

import multimed_hf
from multimed_hf import listing
from multimed_hf.cli import main
from multimed_hf.simulation import Simulation
from multimed_hf.sources import SOURCES
from multimed_hf.subsets import SUBSETS
from multimed_hf.tasks import TASKS

from .data import tiny
from .data.pubmedqa import fake as pubmedqa

COMMANDS = ("build", "prepare", "list", "train", "evaluate", "explain", "demo", "publish", "quickstart")
HEAVY = ("torch", "transformers", "evaluate")


def status(*argv):
    """Exit status of the command, also where argparse ends it."""
    try:
        return main([str(part) for part in argv])
    except SystemExit as ended:
        return ended.code


@pytest.fixture
def record(monkeypatch):
    """`record(module, name, result)` puts a recorder in the place of a function and gives the list of its calls."""

    def record(module, name, result=None):
        calls = []

        def recorder(*args, **kwargs):
            calls.append((args, kwargs))
            return result

        monkeypatch.setattr(f"multimed_hf.{module}.{name}", recorder, raising=False)
        return calls

    return record


def test_version(capsys):
    assert status("--version") == 0
    assert capsys.readouterr().out == f"multimed {multimed_hf.__version__}\n"


def test_help_shows_every_command(capsys):
    assert status("--help") == 0
    out = capsys.readouterr().out
    assert all(f"\n    {command}" in out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_teaches_by_examples(capsys, command):
    assert status(command, "--help") == 0
    out = capsys.readouterr().out
    assert out.count(f"  multimed {command}") >= 2


def test_no_command_is_refused(capsys):
    assert status() == 2
    assert "required: COMMAND" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["build", "egg"]])
def test_light_commands_load_nothing_heavy(arguments):
    code = (
        "import sys\nfrom multimed_hf.cli import main\n"
        f"try: main({arguments})\nexcept SystemExit: pass\n"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


def test_module_can_be_run():
    done = subprocess.run([sys.executable, "-m", "multimed_hf", "list", "taks"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("multimed: Unknown table 'taks'. Did you mean 'tasks'?")


def test_list_shows_all_facts(capsys):
    assert status("list") == 0
    words = set(capsys.readouterr().out.split())
    assert {*SUBSETS, *TASKS, *(name for _, name in SOURCES)} <= words


@pytest.mark.parametrize("what", ["subsets", "tasks", "sources"])
def test_list_shows_one_table(capsys, what):
    assert status("list", what) == 0
    titles = {line.strip() for line in capsys.readouterr().out.splitlines()} & {"Subsets", "Tasks", "Sources"}
    assert titles == {what.capitalize()}


def test_list_says_where_a_source_was_found(capsys, tmp_path, monkeypatch):
    (tmp_path / "pubmedqa").mkdir()
    pubmedqa.write(tmp_path / "pubmedqa")
    monkeypatch.setenv("MULTIMED_DATA", str(tmp_path))
    where = {source.name: listing._place(source) for source in SOURCES.values()}
    assert where["pubmedqa"] == "$MULTIMED_DATA/pubmedqa"
    assert where["edf"].startswith("not found: expected its files in --data-dir")
    assert where["synthetic"] == "made by this package"
    assert where["breakhis"].startswith("not found: expected its files in --data-dir")
    assert where["aptos2019"] == "not ready: no reader yet"


def test_build_writes_a_data_set(capsys, tmp_path, monkeypatch):
    tiny.install(monkeypatch)
    assert status("build", "eeg", "--rows", 20, "--seed", 3, "--out", tmp_path / "multimed") == 0
    out = capsys.readouterr().out
    assert "eeg from synthetic: " in out and " train" in out and "load_dataset(" in out
    assert (tmp_path / "multimed" / "README.md").is_file()


def test_build_reads_data_dirs_by_source(record, tmp_path):
    report = SimpleNamespace(subsets={"text": SimpleNamespace(rows={"train": 1}, sources={})}, out=Path("x"))
    calls = record("data.build", "build", report)
    options = ["--source", "pubmedqa", "--source", "openi_reports", "--data-dir", "pubmedqa=here", "--num-proc", "2"]
    assert status("build", "text", *options) == 0
    ((args, _),) = calls
    assert args == (["text"], ["pubmedqa", "openi_reports"], {"pubmedqa": "here"}, None, "multimed", 2, None)


def test_build_passes_settings_of_synthetic_data_on(record):
    report = SimpleNamespace(subsets={"eeg": SimpleNamespace(rows={"train": 1}, sources={})}, out=Path("x"))
    calls = record("data.build", "build", report)
    options = ["--seed", 3, "--difficulty", 0.9, "--label-noise", 0.1, "--prevalence", "balanced", "--shift", "site"]
    assert status("build", "eeg", *options) == 0
    ((args, _),) = calls
    assert args[-1] == Simulation(3, 0.9, 0.1, "balanced", "site")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["build", "egg"], "Unknown subset 'egg'. Did you mean 'eeg'?"),
        (["build", "eeg", "--source", "sintetic"], "Unknown source of eeg 'sintetic'. Did you mean 'synthetic'?"),
        (["build", "eeg", "--source", "pubmedqa"], "Unknown source of eeg 'pubmedqa'."),
        (["build", "fundus", "--source", "aptos2019"], "cannot be built yet"),
        (["build", "eeg", "--difficulty", "1.5"], "Expected difficulty to be a number from 0 to 1, got 1.5."),
        (["build", "eeg", "--label-noise", "-1"], "Expected label_noise to be a number from 0 to 1, got -1.0."),
        (["build", "eeg", "--prevalence", "balance"], "Unknown prevalence 'balance'. Did you mean 'balanced'?"),
        (["build", "eeg", "--shift", "sites"], "Unknown shift 'sites'. Did you mean 'site'?"),
        (["build", "eeg", "--shift", "organ"], "Synthetic eeg cannot hold out 'organ'"),
        (["build", "text", "--seed", "1"], "are settings of the source 'synthetic', got openi_reports"),
        (["build", "eeg", "--rows", "0"], "Expected rows to be at least 1, got 0."),
        (["build", "text", "--source", "pubmedqa", "--data-dir", "/no/where"], "--data-dir /no/where does not exist"),
        (["train", "--data", "/no/where"], "Expected /no/where/manifest.json, found none"),
        (["train", "--lora"], "LoRA adapts a trained model"),
        (["train", "--epochs", "0"], "Expected epochs and learning_rate above 0"),
        (["prepare", "--out", "/no/where"], "Expected /no/where/manifest.json, found none"),
    ],
)
def test_a_wrong_request_is_answered_by_one_sentence(capsys, arguments, message):
    assert status(*arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"multimed: {message}") or (lines[0].startswith("multimed: ") and message in lines[0])


def test_prepare_passes_its_options_on(capsys, record):
    calls = record("data.prepare", "prepare", {"eeg": Path("cache/eeg")})
    assert status("prepare", "eeg", "--out", "there", "--num-proc", 2) == 0
    assert calls == [((["eeg"], "there"), {"num_proc": 2})]
    assert 'load_dataset("multimed", "eeg") now reads' in capsys.readouterr().out


def test_train_passes_its_options_on(capsys, record):
    from multimed_hf.training.train import FitReport, Settings

    report = FitReport(Path("runs/a/checkpoint"), ["eye_state/open_closed"], [], 2.0, 10, 0.5)
    calls = record("training.train", "fit", report)
    options = [
        "--task",
        "eye_state",
        "--start",
        "runs/b",
        "--lora",
        "--shots",
        "3",
        "--seed",
        "7",
        "--epochs",
        "2",
        "--batch-size",
        "4",
    ]
    assert status("train", "eeg", "--data", "d", "--out", "runs/a", *options, "--restart") == 0
    ((args, options),) = calls
    assert args == ("d", ["eeg"], "runs/a")
    assert options.pop("settings") == Settings(epochs=2.0, batch_size=4)
    assert options.pop("tasks") == ["eye_state"]
    assert options == {"start": "runs/b", "lora": True, "shots": 3, "seed": 7, "resume": False}
    out = capsys.readouterr().out
    assert "10 steps" in out and "0.5000" in out and "multimed evaluate runs/a/checkpoint --data d" in out


def test_texts_of_labels_are_compared_where_asked(record):
    from multimed_hf.training.train import FitReport, Settings

    calls = record("training.train", "fit", FitReport(Path("runs/a/checkpoint"), ["a/b"], [], 2.0, 10))
    assert status("train", "--label-text") == 0 and calls[0][1]["settings"] == Settings(label_text=True)
    evaluated = record("evaluation.evaluate", "evaluate_checkpoint", [])
    record("evaluation.results", "write_results")
    record("evaluation.report", "table", "the table")
    assert status("evaluate", "runs/a", "--zero-shot") == 0 and evaluated[0][1] == {"zero_shot": True}


def test_train_names_pretrained_encoders(capsys, record):
    from multimed_hf.training.train import FitReport, Settings

    calls = record("training.train", "fit", FitReport(Path("runs/a/checkpoint"), ["a/b"], [], 2.0, 10))
    given = ["--encoder", "text=my/bert", "--encoder", "oct=a=b"]
    assert status("train", *given) == 0 and status("train", *given, "--encoder-training", "lora") == 0
    for (_, options), training in zip(calls, ("frozen", "lora"), strict=True):
        encoders = [
            {"modality": modality, "model": model, "training": training}
            for modality, model in (("text", "my/bert"), ("oct", "a=b"))
        ]
        assert options["settings"] == Settings(config={"encoders": encoders})
    assert status("train", "--encoder", "bert") != 0
    assert "Expected --encoder MODALITY=MODEL, as in text=my/bert, got 'bert'" in capsys.readouterr().err
    assert status("train", "--encoder-training", "lora") != 0
    assert "--encoder MODALITY=MODEL with --encoder-training lora, got none" in capsys.readouterr().err


def test_train_trains(capsys, tmp_path, monkeypatch):
    from multimed_hf.data.build import build

    tiny.install(monkeypatch)
    build(["eeg"], rows=20, out=tmp_path / "multimed")
    run = ["train", "eeg", "--data", tmp_path / "multimed", "--out", tmp_path / "run", "--max-steps", 1]
    assert status(*run) == 0
    assert "1 step in" in capsys.readouterr().out and (tmp_path / "run" / "checkpoint" / "config.json").is_file()
    assert status(*run, "--epochs", 2) == 2
    assert "epochs 10.0, now 2.0" in capsys.readouterr().err


def test_evaluate_writes_and_shows_the_results(capsys, record):
    results = [object()]
    evaluated = record("evaluation.evaluate", "evaluate_checkpoint", results)
    written = record("evaluation.results", "write_results")
    record("evaluation.report", "table", "the table")
    assert status("evaluate", "runs/a", "eeg", "--data", "d", "--baselines", "--out", "r.json") == 0
    assert evaluated == [(("runs/a", "d", ["eeg"], "test", True, 64, 0), {"zero_shot": False})]
    assert written == [(("r.json", results), {})]
    assert "the table" in capsys.readouterr().out


def test_quickstart_gives_its_status(monkeypatch):
    from multimed_hf.quickstart import SETTINGS

    calls = []
    monkeypatch.setattr("multimed_hf.quickstart.run", lambda *args: calls.append(args) or 3)
    assert status("quickstart") == 3
    assert status("quickstart", "--out", "o", "--data", "d", "--rows", 5, "--epochs", 1) == 3
    assert calls == [("runs/quickstart", "multimed", None, SETTINGS), ("o", "d", 5, replace(SETTINGS, epochs=1.0))]


def failing(monkeypatch, error):
    def fail(what):
        raise error

    monkeypatch.setattr(listing, "show", fail)


def test_a_missing_extra_is_named(capsys, monkeypatch):
    failing(monkeypatch, ImportError("Reading EDF needs edfio: pip install multimed_hf[eeg]."))
    assert status("list") == 2
    assert capsys.readouterr().err == "multimed: Reading EDF needs edfio: pip install multimed_hf[eeg].\n"


@pytest.mark.parametrize("error", [ImportError("cannot import name 'x'"), RuntimeError("a defect"), KeyError("x")])
def test_a_defect_keeps_its_traceback(monkeypatch, error):
    failing(monkeypatch, error)
    with pytest.raises(type(error)):
        main(["list"])


def test_traceback_on_request(monkeypatch):
    failing(monkeypatch, ValueError("wrong"))
    with pytest.raises(ValueError, match="wrong"):
        main(["list", "--traceback"])


def test_interruption_ends_quietly(capsys, monkeypatch):
    failing(monkeypatch, KeyboardInterrupt())
    assert status("list") == 130
    assert capsys.readouterr().err == "multimed: interrupted\n"


def test_warnings_of_the_package_look_like_its_errors(capsys, monkeypatch):
    def warn(what):
        warnings.warn_explicit("few rows", UserWarning, listing.__file__, 1)
        warnings.warn_explicit("old call", UserWarning, "/somewhere/else.py", 1)

    monkeypatch.setattr(listing, "show", warn)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        usual = warnings.showwarning
        monkeypatch.setattr(warnings, "showwarning", lambda *args, **more: print("usual", file=sys.stderr))
        assert status("list") == 0
        monkeypatch.setattr(warnings, "showwarning", usual)
    assert capsys.readouterr().err == "multimed: warning: few rows\nusual\n"
