"""Plain `transformers.Trainer`: no subclass, no wrapper around the model or the data."""

from __future__ import annotations

from dataclasses import replace

import datasets
import numpy as np
import pytest
import torch
from transformers import Trainer, TrainingArguments

from multimed_hf.data.heads import by_label_text, heads_in
from multimed_hf.data.samples import MultiMedCollator, SampleDataset
from multimed_hf.data.schema import RowCompleter, features_of
from multimed_hf.evaluation.predict import predict
from multimed_hf.metrics import answer, compute_metrics_for, find_metric, structure
from multimed_hf.training.checkpoint import heads_of_model, new_model


def rows(subset, partial):
    complete = RowCompleter(subset)
    return datasets.Dataset.from_list([complete(row) for row in partial], features=features_of(subset))


@pytest.fixture(scope="module")
def parts():
    """Forty rows of four subsets that between them ask for five kinds of heads."""
    rng = np.random.default_rng(0)

    def common(source, index):
        return {"id": f"{source}/{index}", "source": source, "group": str(index)}

    cells = [
        {
            **common("pbmc68k", index),
            "has_scrna": True,
            "gene_index": rng.choice(20, size=6, replace=False).tolist(),
            "gene_value": rng.exponential(size=6).tolist(),
            "cell_type": int(rng.integers(10)),
            "expression_index": [21, 23],
            "expression": rng.exponential(size=2).tolist(),
        }
        for index in range(10)
    ]
    reports = [
        {
            **common("openi_reports", index),
            "has_text": True,
            "text": "no acute disease" if index % 2 else "pleural effusion seen",
            "report_findings": {"normal": index % 2, "pleural effusion": 1 - index % 2},
        }
        for index in range(10)
    ]
    questions = [
        {
            **common("pubmedqa", index),
            "has_text": True,
            "text": "lungs clear",
            "question": "is heart size normal",
            "choices": ["yes", "no", "maybe"],
            "answer": ["yes", "no", "maybe"][index % 3],
            "answer_type": "closed",
        }
        for index in range(10)
    ]
    chains = [
        {
            **common("pdb", index),
            "has_protein": True,
            "protein": "MKVLAT"[: 5 + index % 2],
            "backbone": (rng.normal(size=(5 + index % 2, 3, 3)) * 5).tolist(),
            "resolved": [True] * (5 + index % 2),
        }
        for index in range(10)
    ]
    return [
        ("scrna", rows("scrna", cells)),
        ("text", rows("text", reports + questions)),
        ("protein", rows("protein", chains)),
    ]


def trainer_of(tester, parts, folder, heads=None, tasks=None, **arguments):
    heads = heads or heads_in({subset: [data] for subset, data in parts})
    tasks = tasks or [head.config for head in heads]
    config = tester.config(["text", "scrna", "protein"], tasks=tasks, hidden_dropout=0.1)
    settings = {
        "output_dir": str(folder),
        "max_steps": 5,
        "per_device_train_batch_size": 8,
        "learning_rate": 1e-3,
        "remove_unused_columns": False,
        "label_names": ["labels"],
        "save_strategy": "no",
        "report_to": "none",
        "use_cpu": True,
        "disable_tqdm": True,
        "seed": 0,
        **arguments,
    }
    data = SampleDataset(parts)
    return Trainer(
        model=tester.model(config),
        args=TrainingArguments(**settings),
        train_dataset=data,
        eval_dataset=data,
        data_collator=MultiMedCollator(tester.processor, heads),
    )


def states(trainer):
    return {name: value.clone() for name, value in trainer.model.state_dict().items()}


def test_trains_and_evaluates(tester, parts, tmp_path):
    trainer = trainer_of(tester, parts, tmp_path, max_steps=15, learning_rate=5e-3)
    before = states(trainer)
    start = trainer.evaluate()["eval_loss"]
    assert trainer.train().global_step == 15
    after = states(trainer)
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert trainer.evaluate()["eval_loss"] < start


def test_predicts_and_computes_metrics(tester, parts, tmp_path):
    """One modality, batches in which not every head is asked: what the model says alone, row by row."""
    trainer = trainer_of(tester, parts[:1], tmp_path, per_device_eval_batch_size=3)
    name = "cell_type_classification/pbmc68k"

    def compute_metrics(prediction):
        return {"accuracy": float((prediction.predictions[name].argmax(1) == prediction.label_ids[name]).mean())}

    trainer.compute_metrics = compute_metrics
    found = trainer.predict(trainer.eval_dataset)
    assert found.predictions.keys() == {head.name for head in trainer.data_collator.heads}
    batch = trainer.data_collator(list(trainer.eval_dataset))
    with torch.inference_mode():
        expected = trainer.model.eval()(**batch).logits[name]
    np.testing.assert_allclose(found.predictions[name], expected, atol=1e-5)
    right = (expected.argmax(1) == batch["labels"][name]).float().mean()
    assert trainer.evaluate()["eval_accuracy"] == pytest.approx(float(right))


def test_metrics_of_every_head_in_batches_that_ask_few(tester, parts, tmp_path):
    """All modalities: most batches lack a chain or a question, and every row is what it is among all rows at once."""
    trainer = trainer_of(tester, parts, tmp_path, per_device_eval_batch_size=3)
    tasks = trainer.model.config.tasks
    trainer.compute_metrics = compute_metrics_for(tasks)
    found = trainer.predict(trainer.eval_dataset)
    batch = trainer.data_collator(list(trainer.eval_dataset))
    with torch.inference_mode():
        logits = trainer.model.eval()(**batch).logits
    for task in tasks:
        name = task["name"]
        ours, theirs = logits[name].numpy(), found.predictions[name]
        if task["kind"] in ("structure", "answer"):
            # Trainer pads with -100 what the model fills with 0, or with the lowest number.
            filled = 0 if task["kind"] == "structure" else np.finfo(np.float32).min
            ours, theirs = ours[ours != filled], theirs[ours != filled]
        np.testing.assert_allclose(theirs, ours, atol=1e-4)
    scores = {key.removeprefix("test_") for key in found.metrics}
    assert {f"{task['name']}/{find_metric(task['name'].split('/')[0]).main_score}" for task in tasks} <= scores
    structures = "protein_structure_prediction/backbone"
    chains = [len(row["protein"]) for row in parts[2][1]]
    predicted = [chain[:length, 1] for chain, length in zip(found.predictions[structures][-10:], chains, strict=True)]
    true = [np.array(row["backbone"])[:, 1] for row in parts[2][1]]
    expected = structure(predicted, true)["tm_score"]
    assert found.metrics[f"test_{structures}/tm_score"] == pytest.approx(expected, abs=1e-6)


def test_metrics_of_open_answers_and_label_texts(tester, parts, tmp_path):
    """Answers of other lengths in every batch: the share of answers that teacher forcing gets right."""
    name = "medical_question_answering/pubmedqa"
    opened = parts[1][1].select(range(10, 20)).remove_columns(["choices", "answer"])
    answers = ["yes", "heart size normal", "no effusion", "maybe", "lungs clear"] * 2
    opened = opened.add_column("choices", [[]] * 10).add_column("answer", answers).cast(parts[1][1].features)
    given = [parts[0], ("text", opened)]
    ends = {"end_token_id": 0}
    heads = [replace(by_label_text(head), **ends) for head in heads_in({subset: [data] for subset, data in given})]
    tasks = [{**head.config, **(ends if head.head == "decoder" else {})} for head in heads]
    for task in tasks:
        if task.get("head") == "label_text":
            task["label_ids"] = tester.processor.encode_labels(["yes", "no", "maybe", *"abcdefg"])
    trainer = trainer_of(tester, given, tmp_path, heads=heads, tasks=tasks, per_device_eval_batch_size=3, max_steps=40)
    trainer.compute_metrics = compute_metrics_for(trainer.model.config.tasks)
    trainer.train()
    metrics = trainer.evaluate()
    model, processor = trainer.model.eval(), tester.processor
    samples = list(trainer.eval_dataset)[10:]
    batch = MultiMedCollator(processor)(samples)
    written = processor.decode_answers(model.generate_answers(**batch), 0)
    right = np.mean([text == answer for text, answer in zip(written, answers, strict=True)])
    assert metrics[f"eval_{name}/open/exact_match"] == pytest.approx(right)
    assert 0 <= metrics["eval_cell_type_classification/pbmc68k/macro_f1"] <= 1
    trainer.preprocess_logits_for_metrics = lambda logits, _: {
        task: value.argmax(-1) if task.endswith("/open") else value for task, value in logits.items()
    }
    assert trainer.evaluate()[f"eval_{name}/open/exact_match"] == pytest.approx(right)


def test_sixteen_open_answers_are_learnt_by_heart(tester, parts, tmp_path):
    answers = [
        f"{first} {second}".strip() for first in ("left", "upper", "my", "no") for second in ("lung", "rib", "eye", "")
    ]
    wards = "alder birch cedar dogwood elm fir gum hazel ivy juniper kapok larch maple neem oak pine".split()
    rows_of_questions = [
        {
            "id": f"synthetic/{index}",
            "source": "synthetic",
            "group": str(index),
            "has_text": True,
            "text": f"seen in {wards[index]} ward",
            "question": "where is it?",
            "answer": text,
            "answer_type": "open",
        }
        for index, text in enumerate(answers)
    ]
    data = [("vqa", rows("vqa", rows_of_questions))]
    heads = heads_in({"vqa": [data[0][1]]})
    small = {"hidden_dropout": 0.0, "input_dropout": 0.0, "head_dropout": 0.0, "drop_path_rate": 0.0}
    small |= {"hidden_size": 64, "num_hidden_layers": 1, "intermediate_size": 64, "initializer_range": 0.1}
    torch.manual_seed(0)
    model, processor = new_model(data, heads, {}, 300, small)
    heads = heads_of_model(heads, model.config)
    arguments = TrainingArguments(
        str(tmp_path),
        max_steps=100,
        per_device_train_batch_size=16,
        learning_rate=4e-3,
        lr_scheduler_type="constant",
        remove_unused_columns=False,
        label_names=["labels"],
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
    )
    samples = SampleDataset(data)
    Trainer(model, arguments, MultiMedCollator(processor, heads), samples).train()
    (found,) = predict(model, processor, samples, heads, progress=False).values()
    assert answer(found.predictions, found.references)["exact_match"] == 1.0


def test_evaluation_loss_is_the_mean_over_samples(tester, parts, tmp_path):
    """Whatever the batch size, though batches differ in modalities and heads asked."""
    trainer = trainer_of(tester, parts, tmp_path, per_device_eval_batch_size=8)
    data = SampleDataset(parts)
    with torch.no_grad():
        whole = trainer.model.eval()(**trainer.data_collator(data.__getitems__(range(len(data))))).loss
    assert trainer.evaluate()["eval_loss"] == pytest.approx(whole.item(), rel=1e-4)


def test_resumed_run_ends_where_an_uninterrupted_one_does(tester, parts, tmp_path):
    arguments = {"max_steps": 6, "save_strategy": "steps", "save_steps": 3}
    whole = trainer_of(tester, parts, tmp_path / "whole", **arguments)
    whole.train()
    checkpoint = tmp_path / "whole" / "checkpoint-3"
    assert (checkpoint / "model.safetensors").is_file()
    resumed = trainer_of(tester, parts, tmp_path / "resumed", **arguments)
    resumed.train(resume_from_checkpoint=str(checkpoint))
    assert resumed.state.global_step == 6
    one, other = states(whole), states(resumed)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_accumulated_gradients_are_those_of_the_large_batch(tester, parts, tmp_path):
    def step(folder, size, accumulate):
        trainer = trainer_of(
            tester,
            parts,
            tmp_path / folder,
            max_steps=1,
            per_device_train_batch_size=size,
            gradient_accumulation_steps=accumulate,
            optim="sgd",
            learning_rate=1.0,
            max_grad_norm=0.0,
        )
        trainer.model.multimed.dropout.p = 0.0
        for layer in trainer.model.multimed.layers:
            layer.dropout.p = 0.0
        trainer.train()
        return states(trainer)

    one, other = step("large", 16, 1), step("small", 4, 4)
    for name in one:
        torch.testing.assert_close(other[name], one[name], atol=1e-4, rtol=1e-4)
