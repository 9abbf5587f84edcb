"""Training on some of the tasks that the rows ask."""

import pytest

from multimed_hf.tasks import UnknownNameError
from multimed_hf.training.checkpoint import load_checkpoint
from multimed_hf.training.train import fit


def test_rows_of_other_tasks_are_left_out(built, tiny, tmp_path):
    report = fit(
        built, output_dir=tmp_path / "run", tasks=["medical_question_answering"], settings=tiny, progress=False
    )
    assert report.heads == ["medical_question_answering/pubmedqa"]
    assert list(report.rows) == ["text"] and list(report.rows["text"]) == ["pubmedqa"]
    assert load_checkpoint(report.checkpoint)[0].config.modalities == ["text"]


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
