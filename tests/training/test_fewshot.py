import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multimed_hf.sources import Target
from multimed_hf.training.fewshot import choose_support, support
from multimed_hf.training.targets import LabelledRow

STATES = Target("eye_state", "open_closed", ("open", "closed"))
FINDINGS = Target("report_findings", "some", ("normal", "opacity", "nodule"))
EXPRESSION = Target("expression_prediction", "some")

GROUPS = st.sampled_from([f"group-{number}" for number in range(8)])
ROWS = st.lists(
    st.one_of(
        st.builds(LabelledRow, GROUPS, st.just(STATES), st.sampled_from(STATES.labels).map(lambda label: (label,))),
        st.builds(LabelledRow, GROUPS, st.just(FINDINGS), st.sets(st.sampled_from(FINDINGS.labels)).map(tuple)),
        st.builds(LabelledRow, GROUPS, st.just(EXPRESSION)),
        st.builds(LabelledRow, GROUPS),
    ),
    min_size=1,
    max_size=60,
)


def chosen(rows, shots, seed=0):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return choose_support(rows, shots, seed)


def served(rows, indices, target, label):
    """Groups of the rows at `indices` that have `label` of `target`, or that ask it, if it has no classes."""
    picked = (rows[index] for index in indices)
    return {row.group for row in picked if row.target == target and (not label or label in row.classes)}


@given(ROWS, st.integers(1, 6), st.integers(0, 3))
def test_every_class_has_its_groups_or_all_there_are(rows, shots, seed):
    indices = chosen(rows, shots, seed)
    for target in (STATES, FINDINGS, EXPRESSION):
        for label in target.labels or ("",):
            there = served(rows, range(len(rows)), target, label)
            # A group drawn for one label of several may have another one as well.
            assert len(served(rows, indices, target, label)) >= min(shots, len(there))
    for label in STATES.labels:
        there = served(rows, range(len(rows)), STATES, label)
        assert len(served(rows, indices, STATES, label)) == min(shots, len(there))


@given(ROWS, st.integers(1, 6), st.integers(0, 3))
def test_supports_are_nested(rows, shots, seed):
    assert set(chosen(rows, shots, seed)) <= set(chosen(rows, shots + 1, seed))


@given(ROWS, st.integers(1, 4), st.randoms())
def test_order_of_rows_does_not_matter(rows, shots, random):
    order = list(range(len(rows)))
    random.shuffle(order)
    shuffled = chosen([rows[index] for index in order], shots)
    assert {order[index] for index in shuffled} == set(chosen(rows, shots))


@given(ROWS)
def test_rows_that_ask_nothing_are_never_chosen(rows):
    assert all(rows[index].target for index in chosen(rows, 8))


def test_all_rows_of_a_group_with_the_class_are_taken():
    rows = [LabelledRow(f"g{number % 4}", STATES, (STATES.labels[number // 4 % 2],)) for number in range(16)]
    indices = choose_support(rows, 1)
    # One group a class, and each has two rows of it.
    assert len(indices) == 4


def test_another_seed_draws_other_groups():
    rows = [LabelledRow(f"group-{number}", EXPRESSION) for number in range(100)]
    assert choose_support(rows, 5, seed=0) != choose_support(rows, 5, seed=1)


def test_a_class_with_too_few_groups_gives_all_and_warns():
    rows = [LabelledRow(f"group-{number}", STATES, ("open",)) for number in range(3)]
    with pytest.warns(UserWarning, match=r"2 groups.*: 0 for 'closed' of eye_state/open_closed\."):
        assert len(choose_support(rows, 2)) == 2


def test_fewer_than_one_shot_is_refused():
    with pytest.raises(ValueError, match="at least 1 shot"):
        choose_support([], 0)


def test_support_selects_rows_of_every_part(make):
    def eeg(source, group, item, label):
        common = {"id": f"{source}/{item}", "source": source, "group": group, "has_eeg": True, "eeg": [[0.0]]}
        return {**common, "eeg_channels": ["Cz"], "eeg_sampling_rate": 128.0, "eye_state": label}

    labels = ("open", "closed")
    recording = make("eeg", [eeg("uci_eye_state", f"block-{n // 2}", n, labels[n % 2]) for n in range(20)])
    unlabelled = make(
        "text", [{"id": "openi_reports/1", "source": "openi_reports", "group": "1", "has_text": True, "text": "x"}]
    )
    ((subset, rows),) = support([("text", unlabelled), ("eeg", recording)], shots=3)
    assert subset == "eeg"
    assert len(set(rows["group"])) == 3 and sorted(rows["eye_state"]) == [0] * 3 + [1] * 3


def test_open_and_closed_questions_have_groups_each(make):
    common = {"source": "synthetic", "has_text": True, "text": "x", "question": "which?"}
    kinds = ({"choices": ["a", "b"], "answer": "a"}, {"answer": "left"})
    rows = [{**common, "id": f"synthetic/{n}", "group": str(n), **kinds[n > 2]} for n in range(12)]
    ((_, chosen_rows),) = support([("vqa", make("vqa", rows))], shots=2)
    assert sorted(map(len, chosen_rows["choices"])) == [0, 0, 2, 2]


def test_support_of_rows_without_labels_is_refused(make):
    rows = [{"id": "openi_reports/1", "source": "openi_reports", "group": "1", "has_text": True, "text": "x"}]
    with pytest.raises(ValueError, match="Expected rows with labels"):
        support([("text", make("text", rows))], 1)
