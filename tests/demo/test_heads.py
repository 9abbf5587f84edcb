import pytest

from multimed_hf.demo.heads import answering, asked, modalities_of

SPLICE = {"name": "splice_site/splice_junctions", "kind": "single_label"}
OWN = {"name": "my/own", "kind": "single_label"}
QUESTION = {"name": "medical_question_answering/pubmedqa", "kind": "answer"}
OPEN = {"name": "medical_question_answering/pubmedqa/open", "kind": "answer", "head": "decoder"}


@pytest.mark.parametrize(
    ("head", "modality"),
    [
        (SPLICE["name"], "genomics"),
        (QUESTION["name"], "text"),
        (OPEN["name"], "text"),
        ("protein_structure_prediction/backbone", "protein"),
    ],
)
def test_what_a_head_is_about(head, modality):
    assert modalities_of(head) == {modality}


def test_questions_about_images_are_about_all_of_them():
    from multimed_hf.sources import sources_of

    (target,) = next(source for source in sources_of("vqa") if source.synthetic).targets
    assert modalities_of(target.head) >= {"xray", "ct", "mri", "pathology"}


def test_heads_about_something_else_are_left_out():
    tasks = [SPLICE, OWN, QUESTION]
    assert asked(tasks, ["genomics", "text"]) == [SPLICE, OWN]
    assert asked(tasks, ["xray"]) == [OWN]


def test_answers_are_chosen_or_written():
    tasks = [SPLICE, QUESTION, OPEN]
    assert answering(tasks, ["text"], written=False) == [QUESTION]
    assert answering(tasks, ["text"], written=True) == [OPEN]
    assert answering([SPLICE], ["text"], written=True) == []
