from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multimed_hf.data.splits import SPLITS, Entry, assign

entries = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from("abc")).map(lambda pair: Entry(pair, f"g{pair[0]}", pair[1])),
    min_size=1,
    max_size=80,
)


def sides(splits):
    return {entry.group: split for split, items in splits.items() for entry in items}


@given(entries)
def test_every_entry_lands_once_and_no_group_on_two_sides(items):
    splits = assign(items)
    assert Counter(entry for chosen in splits.values() for entry in chosen) == Counter(items)
    groups = [{entry.group for entry in chosen} for chosen in splits.values()]
    assert sum(map(len, groups)) == len(set.union(*groups))
    assert next(iter(splits)) == "train"
    assert list(splits) == [split for split in SPLITS if split in splits]


@given(entries, st.randoms())
def test_order_of_entries_moves_no_group(items, random):
    shuffled = random.sample(items, len(items))
    assert sides(assign(shuffled)) == sides(assign(items))


@given(entries, st.integers(1, 100))
def test_rows_is_a_total_moves_no_group_and_keeps_train(items, rows):
    whole, part = sides(assign(items)), assign(items, rows)
    assert sum(map(len, part.values())) == min(rows, len(items))
    assert sides(part).items() <= whole.items()
    assert "train" in part


@given(entries, st.integers(1, 50), st.integers(0, 50))
def test_more_rows_keep_those_of_fewer(items, rows, more):
    few, many = assign(items, rows), assign(items, rows + more)
    assert all(set(few[split]) <= set(many[split]) for split in few)


def test_proportions_are_70_15_15_in_every_stratum():
    items = [Entry(index, f"g{index}", "ab"[index % 2]) for index in range(400)]
    counts = Counter((split, entry.stratum) for split, chosen in assign(items).items() for entry in chosen)
    assert counts == {(split, s): n for split, n in (("train", 140), ("validation", 30), ("test", 30)) for s in "ab"}


def test_order_within_a_split_is_that_of_the_source():
    chosen = assign([Entry(index, f"g{index % 7}") for index in range(70)])
    assert all([entry.key for entry in items] == sorted(entry.key for entry in items) for items in chosen.values())


def test_official_splits_are_kept():
    items = [Entry(index, f"g{index}", split="test" if index < 5 else "train") for index in range(20)]
    assert {split: len(chosen) for split, chosen in assign(items).items()} == {"train": 15, "test": 5}


def test_train_comes_first_even_where_the_official_test_split_is_larger():
    items = [Entry(index, f"g{index}", split="test" if index else "train") for index in range(50)]
    assert {split: len(chosen) for split, chosen in assign(items, 1).items()} == {"train": 1}


@pytest.mark.parametrize(
    ("items", "rows", "message"),
    [
        ([], None, "got none: the source is empty"),
        ([Entry(0, "a")], 0, "at least 1 row, got 0"),
        ([Entry(0, "a", split="dev")], None, "got 'dev'"),
        ([Entry(0, "a", split="train"), Entry(1, "a", split="test")], None, "'a' stands in two splits"),
        ([Entry(0, "a", split="test")], None, "official split is 'train', got none"),
        ([Entry(0, "a", split="test")], 1, "official split is 'train', got none"),
    ],
)
def test_bad_input(items, rows, message):
    with pytest.raises(ValueError, match=message):
        assign(items, rows)
