import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from datasets import load_dataset
from transformers import AutoModel, AutoProcessor, Trainer, TrainingArguments

from multimed_hf.training.checkpoint import load_checkpoint
from multimed_hf.training.hardware import device_name
from multimed_hf.training.train import Settings, check_data, fit, training_arguments

from ..models.pretrained import write

SORTSEQ, FINDINGS, ANSWERS = (
    "expression_prediction/sortseq_lac",
    "report_findings/openi_reports",
    "medical_question_answering/pubmedqa",
)


def weights(folder):
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture
def trainers(monkeypatch):
    """The trainers that were started."""
    started = []

    def train(self, *args, **kwargs):
        started.append(self)
        return original(self, *args, **kwargs)

    original = Trainer.train
    monkeypatch.setattr(Trainer, "train", train)
    return started


@pytest.fixture(scope="session")
def trained(built, tiny, tmp_path_factory):
    """The report of a run on all subsets."""
    return fit(built, output_dir=tmp_path_factory.mktemp("trained"), settings=tiny, progress=False)


def test_all_subsets_are_trained_together(built, trained):
    assert trained.heads == [SORTSEQ, FINDINGS, ANSWERS] == trained.new_heads
    assert trained.steps == 4 and trained.seconds > 0
    assert np.isfinite(trained.validation_loss)
    model = AutoModel.from_pretrained(trained.checkpoint)
    batch = AutoProcessor.from_pretrained(trained.checkpoint)(genomics=["ACGT"], text=[None])
    assert model(**batch).logits[SORTSEQ].shape == (1, 1)


def test_a_checkpoint_holds_no_pickle_and_nothing_else_is_left(trained):
    names = {path.name for path in trained.checkpoint.iterdir()}
    assert "model.safetensors" in names and "processor_config.json" in names
    assert not {name for name in names if name.endswith((".bin", ".pt", ".pth", ".pkl"))}
    assert {path.name for path in trained.checkpoint.parent.iterdir()} == {"checkpoint", "training.json"}


def test_the_record_says_what_was_trained_on_what(built, tiny, trained):
    record = json.loads((trained.checkpoint.parent / "training.json").read_text())
    manifest = json.loads((built / "manifest.json").read_text())
    assert record["data"] == {name: one["fingerprint"] for name, one in manifest["subsets"].items()}
    assert record["sources"] == {"genomics": ["sortseq_lac"], "text": ["openi_reports", "pubmedqa"]}
    assert record["settings"]["max_steps"] == tiny.max_steps and record["settings"]["config"] == tiny.config
    assert (record["seed"], record["shots"], record["lora"], record["processes"]) == (0, None, False, 1)
    assert record["report"]["heads"] == trained.heads
    assert record["report"]["device"] == device_name(torch.device("cpu"), 1) == trained.device
    rows = {
        subset: {name: one["rows"]["train"] for name, one in manifest["subsets"][subset]["sources"].items()}
        for subset in ("genomics", "text")
    }
    assert record["report"]["rows"] == rows == trained.rows


def test_regression_heads_hold_the_statistics_of_the_train_split(built, trained):
    values = np.array(load_dataset(str(built), "genomics", split="train")["expression"])[:, 0]
    head = load_checkpoint(trained.checkpoint)[0].heads.tasks[SORTSEQ]
    assert head.mean.item() == pytest.approx(values.mean(), rel=1e-5)
    assert head.scale.item() == pytest.approx(values.std(), rel=1e-5)


def test_the_seed_alone_decides_the_weights(built, tiny, tmp_path):
    first, again, other = (
        fit(built, ["genomics"], tmp_path / name, seed=seed, settings=tiny, progress=False)
        for name, seed in (("first", 3), ("again", 3), ("other", 4))
    )
    assert equal(weights(first.checkpoint), weights(again.checkpoint))
    assert not equal(weights(first.checkpoint), weights(other.checkpoint))


def test_an_interrupted_run_ends_where_an_uninterrupted_one_does(built, tiny, tmp_path, monkeypatch):
    settings = replace(tiny, max_steps=8, save_steps=3)
    whole = fit(built, ["genomics"], tmp_path / "whole", settings=settings, progress=False)
    original, calls = Trainer.training_step, []

    def training_step(self, *args, **kwargs):
        calls.append(None)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return original(self, *args, **kwargs)

    monkeypatch.setattr(Trainer, "training_step", training_step)
    with pytest.raises(KeyboardInterrupt):
        fit(built, ["genomics"], tmp_path / "cut", settings=settings, progress=False)
    # As if it had been killed while it wrote the next state.
    half = shutil.copytree(tmp_path / "cut" / "checkpoint-3", tmp_path / "cut" / "checkpoint-6")
    (half / "trainer_state.json").unlink()
    (half / "model.safetensors").write_bytes(b"half")
    calls.extend([None] * 10)
    before = len(calls)
    resumed = fit(built, ["genomics"], tmp_path / "cut", settings=settings, progress=False)
    assert len(calls) - before == 5
    assert resumed.steps == whole.steps == 8
    assert equal(weights(resumed.checkpoint), weights(whole.checkpoint))


@pytest.mark.parametrize("length", [{"max_steps": 4}, {"max_steps": -1, "epochs": 1}])
def test_a_run_killed_after_its_last_step_takes_no_more(built, tiny, tmp_path, monkeypatch, length):
    options = {"settings": replace(tiny, **length), "progress": False}
    whole = fit(built, ["genomics"], tmp_path / "whole", **options)
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "evaluate", lambda self: sys.exit("killed"))
        with pytest.raises(SystemExit):
            fit(built, ["genomics"], tmp_path / "cut", **options)
    resumed = fit(built, ["genomics"], tmp_path / "cut", **options)
    assert resumed.steps == whole.steps
    assert equal(weights(resumed.checkpoint), weights(whole.checkpoint))


def test_a_finished_run_is_not_repeated(built, tiny, tmp_path, trainers):
    first = fit(built, ["genomics"], tmp_path, settings=tiny, progress=False)
    assert fit(built, ["genomics"], tmp_path, settings=tiny, progress=False) == first
    assert len(trainers) == 1
    with pytest.raises(ValueError, match=r"max_steps 4, now 5.*choose another output folder"):
        fit(built, ["genomics"], tmp_path, settings=tiny, max_steps=5, progress=False)
    assert fit(built, ["genomics"], tmp_path, settings=tiny, max_steps=5, resume=False, progress=False).steps == 5


def test_only_matrices_decay_and_gradients_are_clipped(built, tiny, tmp_path, trainers):
    fit(built, ["genomics"], tmp_path, settings=tiny, weight_decay=0.3, max_grad_norm=0.5, progress=False)
    (trainer,) = trainers
    decayed, others = trainer.optimizer.param_groups
    assert {len(one.shape) > 1 for one in decayed["params"]} == {True} and decayed["weight_decay"] == 0.3
    assert {len(one.shape) > 1 for one in others["params"]} == {False} and others["weight_decay"] == 0
    trained = [one for one in trainer.model.parameters() if one.requires_grad]
    assert len(decayed["params"]) + len(others["params"]) == len(trained)
    assert trainer.args.max_grad_norm == 0.5
    # Warm-up over a tenth of four steps, rounded up to one, then a cosine to 0.
    assert trainer.lr_scheduler.get_last_lr()[0] == pytest.approx(0, abs=1e-12)


def test_best_keeps_the_epoch_with_the_lowest_validation_loss(built, tiny, tmp_path, trainers):
    # The learning rate rises to the end, where it is so large that the loss rises too.
    settings = replace(tiny, max_steps=-1, epochs=4, learning_rate=1.0, warmup=0.99, select="best")
    report = fit(built, ["genomics"], tmp_path, settings=settings, progress=False)
    losses = [entry["eval_loss"] for entry in trainers[0].state.log_history if "eval_loss" in entry]
    assert len(losses) == 5 and losses[3] > min(losses)
    assert report.validation_loss == pytest.approx(min(losses))
    assert not list(tmp_path.glob("checkpoint-*"))


def test_small_heads_are_repeated_as_the_mixture_says(built, tiny, tmp_path, trainers):
    fit(built, output_dir=tmp_path, settings=tiny, mixture=0.0, progress=False)
    dataset = trainers[0].train_dataset
    heads = [name for sample in dataset.__getitems__(list(range(len(dataset)))) for name in sample["labels"]]
    assert len({heads.count(name) for name in set(heads)}) == 1


def test_a_few_shot_run_sees_its_support_only(built, tiny, tmp_path, trainers):
    report = fit(built, ["genomics"], tmp_path, shots=5, seed=2, settings=tiny, progress=False)
    (trainer,) = trainers
    samples = [trainer.train_dataset[index] for index in range(len(trainer.train_dataset))]
    assert len({sample["group"] for sample in samples}) == 5
    assert trainer.eval_dataset is None and report.validation_loss is None
    values = [sample["labels"][SORTSEQ]["value"][0] for sample in samples]
    # Statistics of the other rows would tell more than the support does.
    assert load_checkpoint(report.checkpoint)[0].heads.tasks[SORTSEQ].mean.item() == pytest.approx(np.mean(values))


def test_training_goes_on_from_a_checkpoint(built, tiny, tmp_path):
    settings = replace(tiny, config={})
    start = fit(built, ["text"], tmp_path / "start", settings=tiny, progress=False).checkpoint
    texts = fit(built, ["text"], tmp_path / "texts", start=start, settings=settings, progress=False)
    assert texts.new_heads == []
    assert not equal(weights(texts.checkpoint), weights(start))
    with pytest.raises(ValueError, match="carry genomics"):
        fit(built, ["genomics"], tmp_path / "none", start=start, settings=settings, progress=False)


def test_lora_trains_adapters_and_heads_only(built, tiny, trained, tmp_path):
    from peft import PeftModel

    settings = replace(tiny, config={}, learning_rate=1e-2)
    report = fit(
        built, ["genomics"], tmp_path / "lora", start=trained.checkpoint, lora=True, settings=settings, progress=False
    )
    assert equal(weights(tmp_path / "lora" / "base"), weights(trained.checkpoint))
    names = {path.name for path in report.checkpoint.iterdir()}
    assert {"adapter_model.safetensors", "adapter_config.json", "processor_config.json"} <= names
    assert "model.safetensors" not in names
    base = AutoModel.from_pretrained(tmp_path / "lora" / "base")
    adapted = PeftModel.from_pretrained(base, report.checkpoint).eval()
    merged, processor = load_checkpoint(report.checkpoint)
    before, _ = load_checkpoint(trained.checkpoint)
    batch = processor(genomics=["ACGTACGTACGT"])
    with torch.no_grad():
        expected = adapted(**batch).logits[SORTSEQ]
        torch.testing.assert_close(merged.eval()(**batch).logits[SORTSEQ], expected, rtol=1e-4, atol=1e-5)
        assert not torch.allclose(before.eval()(**batch).logits[SORTSEQ], expected, rtol=1e-3)
    assert not torch.equal(merged.heads.tasks[SORTSEQ].out.weight, before.heads.tasks[SORTSEQ].out.weight)
    # The adapter is a checkpoint like any other.
    fit(built, ["text"], tmp_path / "next", start=report.checkpoint, settings=replace(tiny, config={}), progress=False)


def test_lora_leaves_pretrained_encoders_alone(built, tiny, tmp_path):
    """Layers of theirs have the names that LoRA looks for, and how they learn is said elsewhere."""
    encoders = [{"modality": "text", "model": write("llama", tmp_path / "llama"), "training": "lora"}]
    settings = replace(tiny, config={**tiny.config, "encoders": encoders})
    start = fit(built, ["text"], tmp_path / "start", settings=settings, progress=False).checkpoint
    shutil.rmtree(tmp_path / "llama")
    trained = weights(start)
    assert all(value.any() for name, value in trained.items() if name.endswith(".up")), "its own adapters have learnt"
    settings = replace(tiny, config={})
    report = fit(built, ["text"], tmp_path / "lora", start=start, lora=True, settings=settings, progress=False)
    from safetensors.torch import load_file

    adapter = load_file(report.checkpoint / "adapter_model.safetensors")
    assert adapter and not [name for name in adapter if ".encoders." in name]
    merged, _ = load_checkpoint(report.checkpoint)
    kept = {name: value for name, value in merged.state_dict().items() if ".encoders.text." in name}
    assert kept and all(torch.equal(value, trained[name]) for name, value in kept.items())


def test_an_interrupted_lora_run_goes_on(built, tiny, trained, tmp_path, monkeypatch):
    settings = replace(tiny, config={}, save_steps=2)
    options = {"start": trained.checkpoint, "lora": True, "settings": settings, "progress": False}
    whole = fit(built, ["genomics"], tmp_path / "whole", **options)
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "evaluate", lambda self: sys.exit("killed"))
        with pytest.raises(SystemExit):
            fit(built, ["genomics"], tmp_path / "cut", **options)
    shutil.rmtree(tmp_path / "cut" / "checkpoint-4")
    resumed = fit(built, ["genomics"], tmp_path / "cut", **options)
    one, other = ((report.checkpoint / "adapter_model.safetensors").read_bytes() for report in (whole, resumed))
    assert resumed.steps == 4 and one == other


def test_genes_that_the_start_does_not_know_are_left_out_with_a_warning(tiny, tmp_path, monkeypatch):
    from multimed_hf.data.build import build

    from ..data import tiny as scripts

    scripts.install(monkeypatch)
    build(["scrna"], out=tmp_path / "old")
    start = fit(tmp_path / "old", output_dir=tmp_path / "start", settings=tiny, progress=False).checkpoint
    monkeypatch.setattr(scripts.Cells, "symbols", ("NEW", "ACTB", "MS4A1"))
    build(["scrna"], out=tmp_path / "new")
    with pytest.warns(UserWarning, match=r"The model does not know 1 of the 3 genes of scrna \(NEW\)"):
        report = fit(
            tmp_path / "new",
            output_dir=tmp_path / "run",
            start=start,
            settings=replace(tiny, config={}),
            progress=False,
        )
    _, processor = load_checkpoint(report.checkpoint)
    assert processor.scrna_feature_extractor.genes == ["ACTB", "CD3D", "MS4A1"]


def test_peaks_are_read_where_rows_carry_them(tiny, tmp_path, monkeypatch):
    from multimed_hf.data.build import build
    from multimed_hf.evaluation.evaluate import evaluate_checkpoint

    from ..data import tiny as scripts

    scripts.install(monkeypatch)
    build(["scrna"], out=tmp_path / "old")
    start = fit(tmp_path / "old", output_dir=tmp_path / "start", settings=tiny, progress=False).checkpoint
    monkeypatch.setattr(scripts.CellsBuilder, "readers", (scripts.Chromatin,))
    build(["scrna"], out=tmp_path / "data")
    checkpoint = fit(tmp_path / "data", output_dir=tmp_path / "run", settings=tiny, progress=False).checkpoint
    model, processor = load_checkpoint(checkpoint)
    assert model.config.num_peaks == 3 and processor.peak_feature_extractor.peaks == list(scripts.Chromatin.regions)
    # Other data of the same kind name their peaks in another order, and one that the model has not seen.
    monkeypatch.setattr(scripts.Chromatin, "regions", ("chr2:5-8", "chr7:1-2"))
    build(["scrna"], out=tmp_path / "other")
    settings = replace(tiny, config={})
    with pytest.warns(UserWarning, match=r"The model does not know 1 of the 2 peaks of scrna \(chr7:1-2\)"):
        fit(tmp_path / "other", output_dir=tmp_path / "on", start=checkpoint, settings=settings, progress=False)
    given = []
    read = type(processor.peak_feature_extractor).__call__
    monkeypatch.setattr(
        type(processor.peak_feature_extractor),
        "__call__",
        lambda self, sets: given.extend([np.asarray(each).tolist() for each in sets]) or read(self, sets),
    )
    assert evaluate_checkpoint(checkpoint, tmp_path / "other", progress=False)[0].n
    assert given and all(each == [2] for each in given)
    # A model that reads no chromatin says so, and not that it lacks peaks.
    with pytest.raises(ValueError, match="The data carry genomics, which"):
        fit(tmp_path / "data", output_dir=tmp_path / "off", start=start, settings=settings, progress=False)


def test_settings_are_replaced_by_name(built, tiny, tmp_path):
    with pytest.raises(TypeError, match="epoch"):
        fit(built, ["genomics"], tmp_path, settings=tiny, epoch=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lora": True}, "LoRA adapts a trained model"),
        ({"shots": 3, "select": "best"}, "sees its support only"),
        ({"subsets": ["genomcs"]}, "Did you mean 'genomics'"),
        ({"subsets": ["eeg"]}, "not in .* which holds genomics, text: run multimed build eeg"),
        ({"select": "luckiest"}, "'last' or 'best'"),
        ({"epochs": 0}, "above 0"),
        ({"warmup": 1.0}, "share from 0"),
        ({"shots": 0}, "at least 1 shot"),
        ({"mixture": 2.0}, "exponent from 0 to 1"),
        ({"start": "/nowhere/at/all", "config": {}}, "no such folder"),
    ],
)
def test_what_cannot_be_trained_is_refused(built, tiny, tmp_path, options, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        fit(built, **{"output_dir": tmp_path / "run", "settings": tiny, "progress": False} | options)
    assert not list(tmp_path.glob("run/*"))


def test_best_needs_a_validation_split(tiny, tmp_path):
    from multimed_hf.data.build import build

    from ..data.pubmedqa import fake as pubmedqa

    with pytest.warns(UserWarning, match="no rows for validation"):
        build(["text"], ["pubmedqa"], {"pubmedqa": pubmedqa.write(tmp_path)}, rows=3, out=tmp_path / "small")
    with pytest.raises(ValueError, match="needs a validation split"):
        fit(tmp_path / "small", output_dir=tmp_path / "run", settings=tiny, select="best", progress=False)


def test_data_that_are_not_as_built_are_refused(built, tmp_path):
    copy = shutil.copytree(built, tmp_path / "multimed")
    assert list(check_data(copy, ["text", "text"]).subsets) == ["text"]
    (shard,) = copy.glob("text/train-*.parquet")
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"bytes in .*train-.*found 100 bytes: build text again"):
        check_data(copy, None)
    shard.unlink()
    with pytest.raises(ValueError, match="found no file"):
        check_data(copy, None)
    with pytest.raises(FileNotFoundError, match="multimed build"):
        check_data(tmp_path, None)


def test_several_gpus_in_one_process_are_not_used_at_once(tmp_path, monkeypatch):
    # Otherwise Trainer would wrap the model in nn.DataParallel, which cuts packed batches into pieces.
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.warns(UserWarning, match="Using 1 of 2 GPUs"):
        arguments = training_arguments(tmp_path, Settings(), 0, False)
    assert arguments.n_gpu == 1 and arguments.train_batch_size == Settings().batch_size


TWO = """
import sys
from pathlib import Path
import torch
import torch.distributed as dist
from transformers import Trainer
from multimed_hf.training import train

original = Trainer.train

def recorded(self, *args, **kwargs):
    out = original(self, *args, **kwargs)
    sums = torch.stack([parameter.double().sum() for parameter in self.model.parameters()])
    everyone = [torch.zeros_like(sums) for _ in range(dist.get_world_size())]
    dist.all_gather(everyone, sums)
    assert dist.get_world_size() == 2 and dist.get_backend() == "gloo"
    assert type(self.model_wrapped).__name__ == "DistributedDataParallel", type(self.model_wrapped)
    assert torch.equal(everyone[0], everyone[1])
    return out

Trainer.train = recorded
data, out, rank = sys.argv[1], Path(sys.argv[2]), None
config = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
report = train.fit(data, output_dir=out / "run", max_steps=4, batch_size=4, config=config, progress=False)
(out / f"rank-{dist.get_rank()}").write_text(f"{report.steps} {report.checkpoint.is_dir()}")
dist.destroy_process_group()
"""


def test_processes_that_would_train_alone_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(TrainingArguments, "world_size", 1)
    monkeypatch.setattr(TrainingArguments, "device", torch.device("cpu"))
    with pytest.raises(ValueError, match="Expected 2 processes to train together, got 1"):
        training_arguments(tmp_path, Settings(), 0, False)


LAUNCHERS = {
    "torchrun": "torch.distributed.run --standalone --nproc_per_node 2",
    # Without --multi_gpu it would start one process, whatever the number.
    "accelerate": "accelerate.commands.launch --multi_gpu --num_processes 2 --num_machines 1 --main_process_port 0 "
    "--mixed_precision no --dynamo_backend no",
}


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_two_processes_share_the_work_and_agree(built, tmp_path, launcher):
    script = tmp_path / "two.py"
    script.write_text(TWO)
    done = subprocess.run(
        [sys.executable, "-m", *LAUNCHERS[launcher].split(), str(script), str(built), str(tmp_path)],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "ACCELERATE_USE_CPU": "true"}
        if launcher == "accelerate"
        else {**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [(tmp_path / f"rank-{rank}").read_text() for rank in (0, 1)] == ["4 True"] * 2
    record = json.loads((tmp_path / "run" / "training.json").read_text())
    assert record["processes"] == 2 and record["report"]["steps"] == 4
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["checkpoint", "training.json"]
    model, _ = load_checkpoint(tmp_path / "run" / "checkpoint")
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())
