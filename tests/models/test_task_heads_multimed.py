"""Heads that come and go: a task added to a trained model, replaced where its labels change, saved and loaded."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModel

from multimed_hf.models.configuration_multimed import HEAD_KINDS
from multimed_hf.models.task_heads_multimed import NAMED_HEADS

MODALITIES = ["text", "scrna"]
NEW = {"name": "tumour/two", "kind": "single_label", "labels": ["benign", "malignant"]}


@pytest.fixture
def model(tester):
    return tester.model(tester.config(MODALITIES, ["single_label", "regression"], loss_balancing="uncertainty"))


@pytest.fixture
def setting(tester):
    samples = tester.samples(MODALITIES)
    return samples, tester.batch(samples)


def test_the_configuration_knows_all_named_heads():
    assert {(head, kind) for head, kinds in HEAD_KINDS.items() for kind in kinds} == NAMED_HEADS.keys()


@pytest.mark.parametrize(
    "kind",
    ["multi_label", "ordinal", "low_rank", "answer", "survival", "label_text", "label_texts", "decoder"],
)
def test_an_added_task_is_trained_saved_and_loaded(tester, model, setting, tmp_path, kind):
    samples, batch = setting
    (task,) = tester.config(MODALITIES, [kind]).tasks
    before = {name: each.clone() for name, each in model.state_dict().items()}
    model.add_task(task)
    after = model.state_dict()
    assert all(torch.equal(each, after[name]) for name, each in before.items())
    fresh = {name: each for name, each in after.items() if name not in before}
    assert all(name.startswith(("heads.tasks.", "heads.balancing.tasks.")) and task["name"] in name for name in fresh)
    # Initial weights are those of the model's kind, not of torch.
    deviations = {name: each.std().item() for name, each in fresh.items() if each.dim() > 1 and each.numel() > 500}
    unit = [name for name in deviations if ".factors." in name]
    assert all(value == pytest.approx(0.15, rel=0.2) for name, value in deviations.items() if name not in unit)

    batch = tester.batch(samples, tester.choices(samples))
    labels = {task["name"]: tester.labels(model.config, samples)[task["name"]]}
    model(**batch, labels=labels).loss.backward()
    added = model.heads.tasks[task["name"]]
    assert not added.training and all(each.grad is not None for each in added.parameters())

    model.save_pretrained(tmp_path)
    loaded = AutoModel.from_pretrained(tmp_path)
    assert loaded.config.tasks == model.config.tasks and loaded.config.tasks[-1] == task
    with torch.no_grad():
        one, other = (each(**batch, labels=labels) for each in (model, loaded))
    for name, logits in one.logits.items():
        torch.testing.assert_close(other.logits[name], logits, atol=1e-5, rtol=1e-5)
    assert one.loss.item() == pytest.approx(other.loss.item(), abs=1e-5)


def test_other_heads_predict_as_before(model, setting):
    with torch.no_grad():
        before = model(**setting[1]).logits
        model.add_task(NEW)
        after = model(**setting[1]).logits
    assert list(after) == [*before, "tumour/two"]
    assert all(torch.equal(after[name], logits) for name, logits in before.items())


def test_new_labels_make_a_new_head(model, setting):
    changed = {**model.config.tasks[0], "labels": ["c", "a", "b"]}
    old = model.heads.tasks["cell_type/ten"].out.weight.clone()
    with pytest.raises(ValueError, match=r"new task or .*'labels': \['a', 'b', 'c'\].*ignore_mismatched_sizes=True"):
        model.add_task(changed)
    assert torch.equal(model.heads.tasks["cell_type/ten"].out.weight, old)
    model.add_task(changed, ignore_mismatched_sizes=True)
    assert not torch.equal(model.heads.tasks["cell_type/ten"].out.weight, old)
    assert [task["name"] for task in model.config.tasks] == ["cell_type/ten", "expression/pbmc"]
    assert model.config.tasks[0] == changed
    longer = {**changed, "labels": ["a", "b", "c", "d", "e"]}
    model.add_task(longer, ignore_mismatched_sizes=True)
    assert model(**setting[1]).logits["cell_type/ten"].shape[1] == 5


def test_the_same_task_again_changes_nothing(model):
    before = {name: each.clone() for name, each in model.state_dict().items()}
    model.add_task(dict(model.config.tasks[0]))
    assert len(model.config.tasks) == 2
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({**NEW, "labels": []}, "needs `labels`"),
        ({"name": "structure/x", "kind": "structure"}, "needs the modality 'protein'"),
        ({**NEW, "name": ""}, "needs a `name`"),
    ],
)
def test_a_wrong_task_leaves_the_model_as_it_was(model, setting, task, message):
    tasks, names = [dict(each) for each in model.config.tasks], list(model.heads.tasks)
    with pytest.raises(ValueError, match=message):
        model.add_task(task)
    assert model.config.tasks == tasks and list(model.heads.tasks) == names


def test_precision_of_an_added_head_is_that_of_the_model(model, setting):
    model.to(torch.bfloat16)
    model.add_task(NEW)
    assert {each.dtype for each in model.heads.tasks["tumour/two"].parameters()} == {torch.bfloat16}
    assert torch.isfinite(model(**setting[1]).logits["tumour/two"]).all()


def test_weights_of_added_tasks_count(tester, setting):
    samples, batch = setting
    model = tester.model(tester.config(MODALITIES, ["single_label"]))
    labels = {"tumour/two": torch.zeros(len(samples), dtype=torch.int64)}
    model.add_task({**NEW, "weight": 3.0})
    output = model(**batch, labels=labels)
    assert output.loss.item() == pytest.approx(3 * output.losses["tumour/two"].item(), rel=1e-5)


@pytest.mark.parametrize("kind", ["regression", "low_rank"])
def test_logits_of_the_targets_asked_are_those_of_all(tester, setting, kind):
    samples, batch = setting
    config = tester.config(MODALITIES, [kind])
    model, (task,) = tester.model(config), config.tasks
    name, size = task["name"], task["num_targets"]
    model.set_target_statistics(name, torch.arange(size) - 2.0, torch.arange(size) + 0.5)
    asked = torch.tensor([2, 0])
    labels = tester.labels(config, samples)[name]
    whole = model(**batch).logits[name]
    partly = torch.full_like(labels, float("nan"))
    partly[:, asked] = labels[:, asked]
    expected = model(**batch, labels={name: partly})
    found = model(**batch, labels={name: labels[:, asked]}, targets={name: asked})
    torch.testing.assert_close(found.logits[name], whole[:, asked])
    assert found.loss.item() == pytest.approx(expected.loss.item(), rel=1e-5)
    with pytest.raises(ValueError, match=r"labels of shape \(4, 2\), as the logits, got \(4, "):
        model(**tester.batch(samples[:4]), labels={name: labels[:4]}, targets={name: asked})


def test_weights_of_low_rank(tester):
    config = tester.config(["scrna"], tasks=[{"name": "g/all", "kind": "regression", "num_targets": 500, "rank": 3}])
    head = tester.model(config).heads.tasks["g/all"]
    assert sum(each.numel() for each in head.parameters()) == 3 * 32 + 3 * 500 + 500
    shift = head(torch.zeros(1, 32))
    assert torch.linalg.matrix_rank(head(torch.randn(20, 32)) - shift, atol=1e-3) == 3
