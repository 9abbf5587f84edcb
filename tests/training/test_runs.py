import json

import pytest

from multimed_hf.training.runs import Run

REQUEST = {"data": {"eeg": "abc"}, "seed": 0, "lora": False, "settings": {"epochs": 2.0, "config": {"hidden_size": 8}}}


class Saved:
    """Stands for a model and for a processor."""

    def __init__(self, name, fails=False):
        self.name, self.fails = name, fails

    def save_pretrained(self, folder):
        folder.mkdir(exist_ok=True)
        (folder / self.name).write_text("half" if self.fails else "whole")
        if self.fails:
            raise OSError("No space left on device")


def state(folder, step, record="{}", random_states=("rng_state.pth",)):
    path = folder / f"checkpoint-{step}"
    path.mkdir()
    for name in random_states:
        (path / name).touch()
    if record is not None:
        (path / "trainer_state.json").write_text(record)
    return str(path)


def finished(folder, request=REQUEST):
    run = Run(folder, request)
    run.open()
    run.begin()
    run.finish({"steps": 3}, Saved("model"), Saved("processor"))
    return run


def test_a_new_folder_is_made_and_says_what_was_asked(tmp_path):
    run = Run(tmp_path / "runs" / "a", REQUEST)
    assert run.open() is None
    assert list(run.folder.iterdir()) == []
    run.begin()
    assert json.loads((run.folder / "training.json").read_text()) == REQUEST


def test_a_finished_run_gives_its_report(tmp_path):
    finished(tmp_path)
    assert Run(tmp_path, REQUEST).open() == {"steps": 3}


def test_finishing_leaves_the_checkpoint_and_no_states(tmp_path):
    state(tmp_path, 5)
    finished(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint", "training.json"]
    assert sorted(path.name for path in (tmp_path / "checkpoint").iterdir()) == ["model", "processor"]


def test_a_checkpoint_that_could_not_be_saved_is_none(tmp_path):
    run = Run(tmp_path, REQUEST)
    run.open()
    run.begin()
    with pytest.raises(OSError, match="No space"):
        run.finish({"steps": 3}, Saved("model"), Saved("processor", fails=True))
    assert not run.checkpoint.exists()
    assert Run(tmp_path, REQUEST).open() is None


def test_the_newest_complete_state_is_taken(tmp_path):
    run = Run(tmp_path, REQUEST)
    assert run.newest_state(1) is None
    state(tmp_path, 9)
    newest = state(tmp_path, 10)
    state(tmp_path, 11, record=None)
    state(tmp_path, 12, record='{"global_step": 1')
    state(tmp_path, 13, random_states=())
    (tmp_path / "checkpoint-14").touch()
    (tmp_path / "checkpoint-final").mkdir()
    assert run.newest_state(1) == newest


def test_states_need_the_random_states_of_all_processes(tmp_path):
    both = state(tmp_path, 1, random_states=("rng_state_0.pth", "rng_state_1.pth"))
    state(tmp_path, 2, random_states=("rng_state_0.pth",))
    assert Run(tmp_path, REQUEST).newest_state(2) == both


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "seed 0, now 1"),
        ({"data": {"eeg": "def"}}, "data {'eeg': 'abc'}, now {'eeg': 'def'}"),
        ({"settings": {"epochs": 3.0, "config": {"hidden_size": 8}}}, "epochs 2.0, now 3.0"),
        ({"settings": {"epochs": 2.0, "config": {}}}, "config {'hidden_size': 8}, now {}"),
    ],
)
def test_another_request_is_refused_and_told_apart(tmp_path, change, message):
    finished(tmp_path)
    with pytest.raises(ValueError) as error:
        Run(tmp_path, REQUEST | change).open()
    assert message in str(error.value)
    assert (tmp_path / "checkpoint" / "model").read_text() == "whole"


def test_starting_over_removes_the_run_and_nothing_else(tmp_path):
    finished(tmp_path)
    state(tmp_path, 7)
    (tmp_path / "results.json").write_text("mine")
    other = REQUEST | {"seed": 1}
    assert Run(tmp_path, other).open(resume=False) is None
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def test_a_run_without_any_state_gives_way_to_another_request(tmp_path):
    Run(tmp_path, REQUEST).begin()
    assert Run(tmp_path, REQUEST | {"seed": 1}).open() is None
    state(tmp_path, 1)
    with pytest.raises(ValueError, match="seed 0, now 1"):
        Run(tmp_path, REQUEST | {"seed": 1}).open()


def test_a_checkpoint_of_unknown_origin_is_left_alone(tmp_path):
    (tmp_path / "checkpoint").mkdir()
    for resume in (True, False):
        with pytest.raises(ValueError, match=r"checkpoint folder but no training\.json"):
            Run(tmp_path, REQUEST).open(resume)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"data": 1, "settings": {}}'])
def test_a_record_that_is_none_is_refused(tmp_path, content):
    (tmp_path / "training.json").write_text(content)
    with pytest.raises(ValueError, match="not the record of a training"):
        Run(tmp_path, REQUEST).open()


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(OSError, match=r"Expected a folder that can be written, got .*run"):
        Run(tmp_path / "run", REQUEST).open()
