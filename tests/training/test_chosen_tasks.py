"""Training on some of the tasks that the rows ask."""

import numpy as np
import pytest
from datasets import load_dataset

from multimed_hf.data.heads import heads_in
from multimed_hf.data.samples import SampleDataset
from multimed_hf.evaluation.predict import predict
from multimed_hf.tasks import UnknownNameError
from multimed_hf.training.checkpoint import carried, heads_of_model, load_checkpoint
from multimed_hf.training.train import fit


def test_rows_of_other_tasks_are_left_out(built, tiny, tmp_path):
    report = fit(
        built, output_dir=tmp_path / "run", tasks=["medical_question_answering"], settings=tiny, progress=False
    )
    assert report.heads == ["medical_question_answering/pubmedqa"]
    assert list(report.rows) == ["text"] and list(report.rows["text"]) == ["pubmedqa"]
    assert load_checkpoint(report.checkpoint)[0].config.modalities == ["text"]


def test_what_was_trained_is_evaluated_beside_rows_that_the_model_cannot_read(tmp_path, tiny):
    """Chest films, and patients of whom there are scans too."""
    from multimed_hf.data.build import build

    data = build(["xray"], ["synthetic"], rows=40, out=tmp_path / "multimed").out
    chosen = {"tasks": ["radiographic_findings_classification"], "settings": tiny, "progress": False}
    report = fit(data, output_dir=tmp_path / "run", **chosen)
    model, processor = load_checkpoint(report.checkpoint)
    rows = load_dataset(str(data), "xray", split="train")
    assert set(carried([("xray", rows)])) > set(model.config.modalities)
    heads = [head for head in heads_in({"xray": [rows]}) if head.name in report.heads]
    samples = SampleDataset([("xray", rows)])
    (found,) = predict(model, processor, samples, heads_of_model(heads, model.config), progress=False).values()
    asking = [place for place in range(len(rows)) if heads[0].name in samples[place]["labels"]]
    assert 0 < len(asking) < len(rows) and found.rows.tolist() == asking
    alone = predict(model, processor, SampleDataset([("xray", rows.select(asking[:1]))]), heads, progress=False)
    np.testing.assert_allclose(alone[heads[0].name].predictions[0], found.predictions[0], atol=1e-5)


def test_a_support_is_drawn_from_their_rows(built, tiny, tmp_path):
    chosen = {"tasks": ["report_findings"], "shots": 2, "settings": tiny, "progress": False}
    report = fit(built, output_dir=tmp_path / "run", **chosen)
    assert report.heads == ["report_findings/openi_reports"] and list(report.rows) == ["text"]


def test_another_choice_is_another_run(built, tiny, tmp_path):
    fit(built, output_dir=tmp_path / "run", tasks=["report_findings"], settings=tiny, progress=False)
    with pytest.raises(ValueError, match="tasks"):
        fit(built, output_dir=tmp_path / "run", tasks=["medical_question_answering"], settings=tiny, progress=False)


def test_tasks_that_are_not_asked_or_not_known(built, tiny, tmp_path):
    with pytest.raises(ValueError, match="Expected rows that ask eye_state, found none: those to train on ask"):
        fit(built, output_dir=tmp_path / "run", tasks=["report_findings", "eye_state"], settings=tiny, progress=False)
    with pytest.raises(UnknownNameError, match="Did you mean 'eye_state'"):
        fit(built, output_dir=tmp_path / "run", tasks=["eye_stat"], settings=tiny, progress=False)
    assert not any((tmp_path / "run").iterdir())
