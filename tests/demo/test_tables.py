import numpy as np
import pytest

from multimed_hf.demo.limits import Refused
from multimed_hf.demo.tables import read_table


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separators(tmp_path, separator):
    (tmp_path / "x.csv").write_text(f"\ufeffa{separator} b\n1{separator}2.5\n\n-3{separator}4e1\n", encoding="utf-8")
    table = read_table(tmp_path / "x.csv")
    assert table.head == ["a", "b"]
    np.testing.assert_array_equal(table.numbers([0, 1]), [[1, 2.5], [-3, 40]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n3,x<script>\n", r"line 3, column 2, found 'x<script>'"),
        ("a,b\n1,nan\n", r"line 2, column 2, found 'nan'"),
        ("a,b\n1,1e999\n", "found '1e999'"),
        ("a,b\n1,2\n3\n", "Expected 2 cells in every line, found 1 in line 3"),
        ("a,b\n", "one or more lines"),
        (f"a,b\n1,{'9' * 200_000}\n", "no table|Expected a number"),
    ],
)
def test_what_is_no_table_of_numbers(tmp_path, text, words):
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(Refused, match=words):
        read_table(tmp_path / "x.csv").numbers([0, 1])
