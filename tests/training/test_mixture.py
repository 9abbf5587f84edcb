from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multimed_hf.training.mixture import mixture_indices

HEADS = st.lists(st.sampled_from(["a", "b", "c", ""]), min_size=1, max_size=60).filter(any)


@given(HEADS, st.floats(0, 1), st.integers(0, 5))
def test_shares_follow_the_power_of_the_sizes(heads, exponent, seed):
    sizes = Counter(filter(None, heads))
    given_places = Counter(heads[index] for index in mixture_indices(heads, exponent, seed))
    largest = max(sizes.values())
    for head, size in sizes.items():
        assert given_places[head] == pytest.approx(largest * (size / largest) ** exponent, abs=0.5)
    assert given_places.keys() == sizes.keys()


@given(HEADS, st.floats(0, 1), st.integers(0, 5))
def test_rows_of_a_head_are_seen_equally_often_but_for_one_pass(heads, exponent, seed):
    seen = Counter(mixture_indices(heads, exponent, seed))
    for head in set(filter(None, heads)):
        counts = [seen[index] for index, other in enumerate(heads) if other == head]
        assert min(counts) >= 1 and max(counts) - min(counts) <= 1


def test_exponent_one_leaves_the_data_as_they_are():
    assert sorted(mixture_indices(["a", "b", "a", "", "a"], exponent=1)) == [0, 1, 2, 4]


def test_exponent_zero_gives_every_head_the_same_share():
    heads = ["a"] * 7 + ["b"] * 3
    assert Counter(heads[index] for index in mixture_indices(heads, exponent=0)) == {"a": 7, "b": 7}


def test_the_seed_chooses_the_part_of_the_last_pass_and_nothing_else():
    heads = ["a"] * 100 + ["b"] * 40
    first, again, other = (mixture_indices(heads, 0.5, seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other and len(first) == len(other)


def test_nothing_to_learn_is_refused():
    with pytest.raises(ValueError, match="nothing to learn"):
        mixture_indices(["", ""])


@pytest.mark.parametrize("exponent", [-0.1, 1.5])
def test_an_exponent_out_of_range_is_refused(exponent):
    with pytest.raises(ValueError, match="0 to 1"):
        mixture_indices(["a"], exponent)
