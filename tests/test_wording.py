import pytest

from multimed_hf.wording import counted, listed_modalities


@pytest.mark.parametrize(("count", "expected"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (1200, "1,200 rows")])
def test_one_is_singular_and_all_else_plural(count, expected):
    assert counted(count, "row") == expected


def test_modalities_are_called_as_people_call_them():
    assert (
        listed_modalities(["xray", "genomics", "protein", "one_of_a_plugin"]) == "X-ray, DNA, protein, one_of_a_plugin"
    )
