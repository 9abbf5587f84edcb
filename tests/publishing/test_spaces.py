import pytest

from multimed_hf import resources
from multimed_hf.publishing.space_card import space_card
from multimed_hf.publishing.spaces import metric_names, plan_metric, plan_space


@pytest.mark.parametrize("metric", metric_names())
def test_every_metric_is_a_space_that_evaluate_loads(metric):
    plan = plan_metric(metric, "org")
    assert (plan.repo_type, plan.repo, plan.licence) == ("space", f"org/{metric}", "Apache-2.0")
    # `evaluate.load("org/eeg")` looks for eeg.py.
    assert {file.path for file in plan.files} >= {"README.md", "app.py", f"{metric}.py"}


def test_all_folders_are_metrics():
    folders = resources.folder("evaluate_metrics").iterdir()
    assert metric_names() == sorted(path.name for path in folders if path.is_dir() and path.name != "__pycache__")


def test_an_unknown_metric_is_refused():
    with pytest.raises(ValueError, match=r"Unknown metric 'eg'. Did you mean 'eeg'?"):
        plan_metric("eg", "org")


def test_the_demo_is_published_as_its_folder_is(tmp_path, monkeypatch):
    (tmp_path / "app.py").write_text("print()")
    (tmp_path / "README.md").write_text("of no place")
    folders = {"space": tmp_path, "model_cards": resources.folder("model_cards")}
    monkeypatch.setattr(resources, "folder", folders.__getitem__)
    plan = plan_space("org/multimed")
    files = {file.path: file.content for file in plan.files}
    assert plan.repo_type == "space" and files == {
        "README.md": space_card("org").encode(),
        "app.py": tmp_path / "app.py",
    }
    (tmp_path / "app.py").unlink()
    with pytest.raises(FileNotFoundError, match=r"Expected the demo's app.py in"):
        plan_space("org/multimed")
