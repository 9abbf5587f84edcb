"""The command `multimed`: thin commands over the library. Heavy imports stay in the functions that need them."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import __version__
from .demo import command as demo
from .explanation import command as explain
from .publishing import command as publish
from .wording import counted

_HELP = """\
multimed: ten medical modalities, eleven tasks, one model.

  multimed list                                     what there is, and what this machine has
  multimed build eeg                                a data set in multimed/, for load_dataset("multimed", "eeg")
  multimed train eeg --out runs/eeg                 one model, in runs/eeg/checkpoint
  multimed evaluate runs/eeg/checkpoint --data multimed --baselines
  multimed explain runs/eeg/checkpoint eeg          what moved a prediction
  multimed demo runs/eeg/checkpoint                 a page to try it on
  multimed publish all --org my-lab --dry-run       what of it may go to the Hub
  multimed quickstart                               all of it, on whatever data this machine has

Research software, not a medical device.
"""

_BUILD = """\
Builds subsets from their releases into a folder that datasets.load_dataset reads: OUT/<subset>/*.parquet, the card
OUT/README.md and OUT/manifest.json with a hash of every file. A subset is replaced as a whole, the others stay.

  multimed build eeg                                          the default source, here simulated recordings
  multimed build scrna genomics --num-proc 2                  two subsets, from the installed packages that ship them
  multimed build text --source pubmedqa --data-dir ~/pubmedqa
  multimed build text --source pubmedqa --source openi_reports --data-dir pubmedqa=~/pubmedqa

Data are looked for in --data-dir, below $MULTIMED_DATA, and in the packages that ship them; `multimed list sources`
says where they were found.
"""

_PREPARE = """\
Puts built subsets into the cache of datasets, so that load_dataset("multimed", "eeg") works from every folder, offline
too.

  multimed prepare
  multimed prepare eeg --out multimed
"""

_LIST = """\
Shows subsets, tasks or sources, or all three: what is ready, how it is judged, under which licence, where it was found.

  multimed list
  multimed list sources
"""

_TRAIN = """\
Trains one model on the train splits of built subsets. Writes into OUT: checkpoint/ (for from_pretrained) and
training.json (data fingerprints, seed, settings). An interrupted run goes on when the same command is given again.

  multimed train                                              all subsets in multimed/
  multimed train scrna genomics --out runs/cells --epochs 20
  multimed train xray --task radiographic_findings_classification
  multimed train protein --encoder protein=facebook/esm2_t6_8M_UR50D --encoder-training lora
  multimed train xray text --label-text --out runs/named       labels as texts, for others later
  multimed train scrna --start runs/cells/checkpoint --lora --shots 5 --seed 1 --out runs/cells-5
  torchrun --standalone --nproc_per_node 2 -m multimed_hf train eeg     two processes, on two GPUs or on the CPU
"""

_EVALUATE = """\
Scores a checkpoint on a split, head by head and source by source, prints a table and writes every score, with intervals
and data fingerprints, to OUT.

  multimed evaluate runs/train/checkpoint --baselines
  multimed evaluate runs/cells/checkpoint scrna --split validation --out validation.json
  multimed evaluate runs/named/checkpoint text --zero-shot    heads it lacks, by the texts of their labels
"""

_QUICKSTART = """\
Builds every subset whose data this machine has, trains one model on all of them, evaluates every task and prints a
table. Writes OUT/results.json, OUT/results.png and OUT/checkpoint/. What is already there is not done again.

  multimed quickstart
  multimed quickstart --rows 200 --epochs 1 --out runs/trial
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: arguments; None for those of the process.

    Returns:
        The exit status: 0, 2 after one sentence on what is wrong with the request, 130 after an interruption.
    """
    options = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        with _plain_warnings():
            return command(options)
    except (ValueError, OSError) as error:
        return _refuse(options, error)
    except ImportError as error:
        # One that says what to install is an answer; any other is a defect.
        if "pip install" not in str(error):
            raise
        return _refuse(options, error)
    except KeyboardInterrupt:
        print("multimed: interrupted", file=sys.stderr)
        return 130


def _refuse(options: argparse.Namespace, error: Exception) -> int:
    if options.traceback:
        raise error
    print(f"multimed: {error}", file=sys.stderr)
    return 2


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Warnings of this package without file and line, like its errors."""
    package = Path(__file__).parent
    usual = warnings.showwarning

    def show(message: Any, category: type[Warning], filename: str, *rest: Any, **more: Any) -> None:
        if package in Path(filename).parents:
            print(f"multimed: warning: {message}", file=sys.stderr)
        else:
            usual(message, category, filename, *rest, **more)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = usual


def _parser() -> argparse.ArgumentParser:
    def describe(text: str) -> dict[str, Any]:
        return {"description": text, "formatter_class": argparse.RawDescriptionHelpFormatter}

    parser = argparse.ArgumentParser(prog="multimed", **describe(_HELP))
    parser.add_argument("--version", action="version", version=f"multimed {__version__}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--traceback", action="store_true", help="show where an error arose")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(
        name: str, command: Callable[[argparse.Namespace], int], summary: str, text: str
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=summary, parents=[common], **describe(text))
        added.set_defaults(command=command)
        return added

    _add_build(add("build", _build, "build subsets from their releases", _BUILD))
    prepare = add("prepare", _prepare, "make load_dataset work from every folder", _PREPARE)
    prepare.add_argument("subsets", nargs="*", metavar="SUBSET", help="subset to prepare; none: all that are built")
    prepare.add_argument("--out", default="multimed", help="folder that was built (default: %(default)s)")
    prepare.add_argument("--num-proc", type=int, help="processes that write at the same time")
    listing = add("list", _list, "show subsets, tasks and sources", _LIST)
    listing.add_argument("what", nargs="?", default="", metavar="{subsets,tasks,sources}", help="none: all three")
    _add_train(add("train", _train, "train one model on built subsets", _TRAIN))
    _add_evaluate(add("evaluate", _evaluate, "score a checkpoint", _EVALUATE))
    demo.add_arguments(add("demo", demo.run, "try a checkpoint on a page", demo.HELP))
    explain.add_arguments(add("explain", explain.run, "explain a prediction", explain.HELP))
    publish.add_arguments(add("publish", publish.run, "put data sets, models and metrics on the Hub", publish.HELP))
    quickstart = add("quickstart", _quickstart, "build, train, evaluate, print a table", _QUICKSTART)
    quickstart.add_argument("--out", default="runs/quickstart", help="folder of the run (default: %(default)s)")
    quickstart.add_argument("--data", default="multimed", help="folder of the data (default: %(default)s)")
    quickstart.add_argument("--rows", type=int, help="rows per source")
    quickstart.add_argument("--epochs", type=float, help="passes over the data")
    return parser


def _add_build(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "subsets", nargs="*", metavar="SUBSET", help="subset to build; none: those of the sources, or all"
    )
    parser.add_argument(
        "--source", action="append", metavar="NAME", help="source to build from; repeats (default: the subset's own)"
    )
    parser.add_argument(
        "--data-dir",
        action="append",
        default=[],
        metavar="[NAME=]DIR",
        help="where a source lies; repeats, with the source's name where there are several",
    )
    parser.add_argument("--rows", type=int, help="rows per source in total (default: all)")
    parser.add_argument("--out", default="multimed", help="folder to write (default: %(default)s)")
    parser.add_argument("--num-proc", type=int, help="processes that read at the same time; the result is the same")
    synthetic = parser.add_argument_group("synthetic data", "settings of the sources called synthetic")
    synthetic.add_argument("--seed", type=int, help="which population (default: 0)")
    synthetic.add_argument("--difficulty", type=float, help="0, easy, to 1, hard (default: 0.5)")
    synthetic.add_argument("--label-noise", type=float, help="share of labels that are wrong, 0 to 1 (default: 0)")
    synthetic.add_argument(
        "--prevalence", metavar="{long_tailed,balanced}", help="how common conditions are (default: long_tailed)"
    )
    synthetic.add_argument(
        "--shift",
        metavar="{organ,cell_type,donor,site,device}",
        help="what only the test split shows (default: none)",
    )


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("subsets", nargs="*", metavar="SUBSET", help="subset to train on; none: all in DATA")
    parser.add_argument("--data", default="multimed", help="folder that was built (default: %(default)s)")
    parser.add_argument("--out", default="runs/train", help="folder of the run (default: %(default)s)")
    parser.add_argument(
        "--task",
        action="append",
        metavar="TASK",
        help="task to train, as `multimed list tasks` names it; may be repeated (default: all that the rows ask)",
    )
    parser.add_argument("--start", metavar="CKPT", help="checkpoint to start from: a folder or a model of the Hub")
    parser.add_argument("--lora", action="store_true", help="train low-rank adapters and heads only; needs --start")
    parser.add_argument(
        "--encoder",
        action="append",
        default=[],
        metavar="MODALITY=MODEL",
        help="read a modality with a pre-trained model of transformers: a folder or a model of the Hub; may be repeated",
    )
    parser.add_argument(
        "--encoder-training", choices=("frozen", "lora", "full"), help="how these models learn (default: frozen)"
    )
    parser.add_argument("--shots", type=int, metavar="K", help="train on K groups a class")
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of weights, order and few-shot rows (default: %(default)s)"
    )
    parser.add_argument("--epochs", type=float, help="passes over the mixture of tasks")
    parser.add_argument("--max-steps", type=int, help="steps to take instead of epochs")
    parser.add_argument("--batch-size", type=int, help="samples a step and process")
    parser.add_argument("--learning-rate", type=float, help="highest learning rate")
    parser.add_argument("--select", choices=("last", "best"), help="which weights to keep: best on validation, or last")
    parser.add_argument("--num-workers", type=int, help="processes that prepare batches")
    parser.add_argument(
        "--label-text",
        action="store_true",
        help="classify by comparing with the texts of labels, so that other labels can be asked for later",
    )
    parser.add_argument("--restart", action="store_true", help="remove the run in OUT and start over")


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "checkpoint", metavar="CHECKPOINT", help="folder of a model or LoRA adapter, or a model of the Hub"
    )
    parser.add_argument("subsets", nargs="*", metavar="SUBSET", help="subset to score on; none: all in DATA")
    parser.add_argument("--data", default="multimed", help="folder that was built (default: %(default)s)")
    parser.add_argument("--split", default="test", help="split to score (default: %(default)s)")
    parser.add_argument("--baselines", action="store_true", help="fit and score a trivial and a classical baseline too")
    parser.add_argument(
        "--zero-shot",
        action="store_true",
        help="answer what the checkpoint has no head for by the texts of labels, if it was trained with --label-text",
    )
    parser.add_argument("--batch-size", type=int, default=64, help="rows a batch (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the intervals (default: %(default)s)")
    parser.add_argument("--out", default="results.json", help="file to write (default: %(default)s)")


def _build(options: argparse.Namespace) -> int:
    from .data.plan import check_simulation, parse_data_dirs, plan_sources
    from .simulation.settings import Simulation

    planned = plan_sources(options.subsets, options.source)
    data_dirs = parse_data_dirs(options.data_dir, planned)
    names = ("seed", "difficulty", "label_noise", "prevalence", "shift")
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    simulation = Simulation(**given) if given else None
    check_simulation(simulation, planned)
    # Only now: the lines above answer a wrong name at once, these imports take seconds.
    from .data.build import build

    report = build(
        options.subsets,
        options.source,
        data_dirs,
        options.rows,
        options.out,
        options.num_proc,
        simulation,
    )
    for name, record in report.subsets.items():
        sizes = ", ".join(f"{rows:,} {split}" for split, rows in record.rows.items())
        print(f"{name} from {', '.join(record.sources)}: {sizes}")
    print(f'Written to {report.out}: load_dataset("{report.out}", "{next(iter(report.subsets))}") reads it.')
    return 0


def _prepare(options: argparse.Namespace) -> int:
    from .data.prepare import prepare

    for name, folder in prepare(options.subsets or None, options.out, num_proc=options.num_proc).items():
        print(f'load_dataset("multimed", "{name}") now reads {folder}')
    return 0


def _list(options: argparse.Namespace) -> int:
    from .listing import show

    show(options.what)
    return 0


def _encoders(given: Sequence[str], training: str) -> list[dict[str, str]]:
    """Entries of `MultiMedConfig.encoders` from `MODALITY=MODEL`."""
    entries = []
    for each in given:
        modality, _, model = each.partition("=")
        if not modality or not model:
            raise ValueError(f"Expected --encoder MODALITY=MODEL, as in text=my/bert, got {each!r}.")
        entries.append({"modality": modality, "model": model, "training": training})
    return entries


def _train(options: argparse.Namespace) -> int:
    from .training.train import Settings, fit

    names = ("epochs", "max_steps", "batch_size", "learning_rate", "select", "num_workers")
    given: dict[str, Any] = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    given["label_text"] = options.label_text
    if options.encoder_training and not options.encoder:
        raise ValueError(
            f"Expected --encoder MODALITY=MODEL with --encoder-training {options.encoder_training}, got none; name the "
            "pre-trained model that is to learn so."
        )
    if options.encoder:
        given["config"] = {"encoders": _encoders(options.encoder, options.encoder_training or "frozen")}
    report = fit(
        options.data,
        options.subsets or None,
        options.out,
        tasks=options.task,
        start=options.start,
        lora=options.lora,
        shots=options.shots,
        seed=options.seed,
        settings=Settings(**given),
        resume=not options.restart,
    )
    from accelerate import PartialState

    state = PartialState()
    if state.is_main_process:
        print(f"{counted(report.steps, 'step')} in {report.seconds:.0f} s, heads: {', '.join(report.heads)}")
        if report.validation_loss is not None:
            print(f"Loss on the validation splits: {report.validation_loss:.4f}")
        print(f"Written to {report.checkpoint}: multimed evaluate {report.checkpoint} --data {options.data}")
    state.destroy_process_group()
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from rich.console import Console

    from .evaluation.evaluate import evaluate_checkpoint
    from .evaluation.report import table
    from .evaluation.results import write_results

    results = evaluate_checkpoint(
        options.checkpoint,
        options.data,
        options.subsets or None,
        options.split,
        options.baselines,
        options.batch_size,
        options.seed,
        zero_shot=options.zero_shot,
    )
    write_results(options.out, results)
    Console().print(table(results))
    print(f"Written to {options.out}")
    return 0


def _quickstart(options: argparse.Namespace) -> int:
    from .quickstart import SETTINGS, run

    settings = SETTINGS if options.epochs is None else replace(SETTINGS, epochs=options.epochs)
    return run(options.out, options.data, options.rows, settings)


if __name__ == "__main__":
    sys.exit(main())
