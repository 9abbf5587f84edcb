"""The multitask model: what the loss counts, what it refuses, and that every kind of head learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from multimed_hf.models import MultiMedForMultitask
from multimed_hf.models.chain_multimed import build_chain
from multimed_hf.models.configuration_multimed import KINDS, MODALITIES

NAMES = {"single_label": "cell_type/ten", "regression": "expression/pbmc", "structure": "structure/backbone"}


def without(labels):
    """`labels` as they stand where no sample asks anything."""
    empty = {}
    for name, label in labels.items():
        if isinstance(label, dict):
            empty[name] = {**label, "resolved": torch.zeros_like(label["resolved"])}
        else:
            empty[name] = torch.full_like(label, float("nan") if name.startswith(("expression", "prognosis")) else -100)
    return empty


@pytest.fixture(scope="module")
def setting(tester):
    """A model of all heads, eight samples, their batch and labels of every head for every sample."""
    model = tester.model()
    samples = tester.samples(MODALITIES)
    batch = tester.batch(samples, tester.choices(samples))
    return model, samples, batch, tester.labels(model.config, samples)


def test_loss_is_the_mean_over_samples_of_the_losses_they_ask(tester, setting):
    """One head asked by each sample: the loss is the mean of what each sample costs alone. Risks are compared, not alone."""
    model, samples, batch, labels = setting
    names = [name for name in labels if not name.startswith(("structure", "prognosis"))]
    asked = without(labels)
    costs = []
    for index, sample in enumerate(samples):
        name = "structure/backbone" if index == 0 else names[index % len(names)]
        single = tester.batch([sample], tester.choices(samples)[index : index + 1])
        if index == 0:
            own = {key: value[:1, : len(sample["protein"])] for key, value in labels[name].items()}
            asked[name]["resolved"][0] = labels[name]["resolved"][0]
        else:
            own = labels[name][index : index + 1]
            asked[name][index] = labels[name][index]
        costs.append(model(**single, labels={name: own}).loss.item())
    output = model(**batch, labels=asked)
    assert output.loss.item() == pytest.approx(np.mean(costs), rel=1e-4)
    assert set(output.losses) == {"structure/backbone", *names}
    assert output.losses["structure/backbone"].item() == pytest.approx(costs[0], rel=1e-4)
    assert not any(each.requires_grad for each in output.losses.values())


def test_weights_scale_losses(tester, setting):
    model, _, batch, labels = setting
    tasks = [{**task, "weight": 2.0} if task["name"] == NAMES["regression"] else task for task in model.config.tasks]
    heavier = MultiMedForMultitask(tester.config(tasks=tasks)).eval()
    heavier.load_state_dict(model.state_dict())
    light, heavy = (each(**batch, labels=labels) for each in (model, heavier))
    assert (heavy.loss - light.loss).item() == pytest.approx(light.losses[NAMES["regression"]].item(), rel=1e-4)
    assert heavy.losses == light.losses


@settings(max_examples=25)
@given(st.sampled_from(KINDS), st.integers(0, 9999))
def test_absent_labels_contribute_exactly_nothing(tester, setting, kind, seed):
    """What a sample predicts for a head it does not ask has a gradient of exactly zero."""
    model, samples, batch, labels = setting
    name = next(task["name"] for task in model.config.tasks if task["kind"] == kind)
    logits = {name: model(**batch).logits[name].detach().requires_grad_()}
    absent = torch.from_numpy(np.random.default_rng(seed).random(len(samples)) < 0.5)
    given_labels, empty = labels[name], without(labels)[name]
    if kind == "structure":
        absent |= torch.tensor(["protein" not in sample for sample in samples])
        target = {**given_labels, "resolved": torch.where(absent[:, None], 0, given_labels["resolved"])}
    else:
        target = torch.where(absent.view(-1, *[1] * (empty.dim() - 1)), empty, given_labels)
    losses = model.heads.losses(logits, {name: target})
    if absent.all():
        assert losses == {}
        return
    losses[name].sum().backward()
    gradient = logits[name].grad.flatten(1)
    assert not gradient[absent].any()
    assert torch.isfinite(gradient).all()
    # Who is left alone, or leaves before the first event, says nothing about risks.
    assert kind == "survival" or gradient[~absent].any(1).float().mean() > 0.8


def test_a_head_nobody_asks_does_not_learn(setting):
    model, _, batch, labels = setting
    asked = {**without(labels), NAMES["single_label"]: labels[NAMES["single_label"]]}
    model.zero_grad()
    model(**batch, labels=asked).loss.backward()
    for name, head in model.heads.tasks.items():
        moved = any(parameter.grad is not None and parameter.grad.any() for parameter in head.parameters())
        assert moved == (name == NAMES["single_label"])
    model.zero_grad()


def test_a_batch_that_asks_nothing_still_has_a_loss(setting):
    model, _, batch, labels = setting
    model.zero_grad()
    output = model(**batch, labels=without(labels))
    assert output.loss.item() == 0 and output.losses == {}
    output.loss.backward()
    assert not any(each.grad is not None and each.grad.any() for each in model.parameters())


def test_heads_without_their_input_predict_nothing(tester, setting):
    """No protein, no structure; no choices, no answer. Labels say "absent", and the loss can be differentiated."""
    model = setting[0]
    samples = [{"text": "normal"}]
    labels = without(tester.labels(model.config, samples))
    output = model(**tester.batch(samples), labels=labels)
    empty = {name for name, logits in output.logits.items() if not logits.numel()}
    assert output.logits.keys() == labels.keys() and empty == {"structure/backbone", "question/pubmedqa"}
    output.loss.backward()


def test_without_labels_there_is_no_loss(setting):
    model, _, batch, _ = setting
    output = model(**batch)
    assert output.loss is None and output.losses is None


def test_unknown_task_is_refused(setting):
    model, _, batch, labels = setting
    with pytest.raises(ValueError, match=r"tasks among \['cell_type/ten'.*got 'cell_type/tne'"):
        model(**batch, labels={"cell_type/tne": labels["cell_type/ten"]})


def test_target_statistics(tester, tmp_path):
    model = tester.model()
    model.set_target_statistics("expression/pbmc", np.array([1.0, 2.0, 3.0]), torch.tensor([0.5, 1.0, 2.0]))
    model.save_pretrained(tmp_path)
    head = MultiMedForMultitask.from_pretrained(tmp_path).heads.tasks["expression/pbmc"]
    assert head.mean.tolist() == [1, 2, 3] and head.scale.tolist() == [0.5, 1, 2]


@pytest.mark.parametrize(
    ("name", "mean", "scale", "message"),
    [
        ("cell_type/ten", [0.0] * 3, [1.0] * 3, "name of a regression task, got 'cell_type/ten'"),
        ("nothing", [0.0] * 3, [1.0] * 3, "name of a regression task, got 'nothing'"),
        ("expression/pbmc", [0.0] * 2, [1.0] * 3, r"\(3,\) finite statistics of 'expression/pbmc'"),
        ("expression/pbmc", [0.0] * 3, [1.0, float("nan"), 1.0], "finite statistics"),
        ("expression/pbmc", [0.0] * 3, [1.0, 0.0, 1.0], "positive scales for 'expression/pbmc'"),
    ],
)
def test_wrong_target_statistics_are_refused(tester, name, mean, scale, message):
    with pytest.raises(ValueError, match=message):
        tester.model().set_target_statistics(name, mean, scale)


@pytest.mark.parametrize(
    ("kind", "modalities", "factor"),
    [
        ("single_label", ["eeg"], 10),
        ("multi_label", ["text"], 10),
        ("ordinal", ["genomics"], 4),
        ("regression", ["scrna"], 10),
        ("structure", ["protein"], 3),
        ("answer", ["text", "scrna"], 10),
        ("survival", ["genomics", "scrna"], 3),
        ("low_rank", ["scrna"], 10),
        ("label_text", ["scrna", "text"], 10),
        ("label_texts", ["scrna", "text"], 3),
        ("decoder", ["scrna", "text"], 10),
    ],
)
def test_every_kind_learns_sixteen_samples_by_heart(tester, kind, modalities, factor):
    """In 100 steps at most the loss falls to less than 1 / `factor` of what it was."""
    rng = np.random.default_rng(0)
    samples = [tester.sample(rng, modalities) for _ in range(16)]
    model = tester.model(tester.config(modalities, [kind], initializer_range=0.05)).train()
    batch = tester.batch(samples, tester.choices(samples) if kind == "answer" else None)
    labels = tester.labels(model.config, samples)
    if kind == "structure":
        # A random walk is no peptide: the targets are chains that exist.
        chains = [build_chain(torch.from_numpy(rng.normal(size=(len(sample["protein"]), 6)))) for sample in samples]
        labels["structure/backbone"]["backbone"] = torch.nn.utils.rnn.pad_sequence(chains, True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(100):
        loss = model(**batch, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if losses[-1] * factor < losses[0]:
            break
    else:
        pytest.fail(f"from {losses[0]} to {losses[-1]}")
