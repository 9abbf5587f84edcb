"""ARFF against what was written, against scipy's reader, and broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import arff as scipy_arff

from multimed_hf.data.arff import read_arff

from .uci_eye_state import fake as uci_eye_state

HEAD = "@relation t\n@attribute a numeric\n@attribute b {x,y}\n@data\n"


def read(folder: Path, text: str):
    path = folder / "t.arff"
    path.write_text(text)
    return read_arff(path)


def test_names_quotes_comments_case_and_missing_values(tmp_path: Path) -> None:
    relation = read(
        tmp_path,
        "% made by hand\n@RELATION 'two words'\n\n@Attribute 'a b' REAL\n@attribute \"it's\" { 'x y' , z,\"p,q\" }\n"
        "@ATTRIBUTE n integer\n% almost\n@DATA\n1.5,'x y',3\n\n% between\n ? , z , -4e2 \n-0,\"p,q\",?\n?,?,0\n",
    )
    assert relation.name == "two words" and relation.rows == 4
    assert list(relation.numeric) == ["a b", "n"] and list(relation.nominal) == ["it's"]
    np.testing.assert_array_equal(relation.numeric["a b"], [1.5, np.nan, 0, np.nan])
    np.testing.assert_array_equal(relation.numeric["n"], [3, -400, np.nan, 0])
    assert relation.nominal["it's"].tolist() == ["x y", "z", "p,q", "?"]
    assert relation.values == {"it's": ("x y", "z", "p,q")}


@given(st.lists(st.tuples(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from("xy")), min_size=1))
def test_agrees_with_scipy(tmp_path_factory, rows: list[tuple[float, str]]) -> None:
    folder = tmp_path_factory.mktemp("arff")
    relation = read(folder, HEAD + "".join(f"{number!r},{letter}\n" for number, letter in rows))
    expected, _ = scipy_arff.loadarff(folder / "t.arff")
    np.testing.assert_array_equal(relation.numeric["a"], expected["a"])
    assert relation.nominal["b"].tolist() == [value.decode() for value in expected["b"]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "one without @attribute: it is empty or breaks off"),
        ("@relation t\n", "one without @attribute"),
        ("@relation t\n@attribute a numeric\n", "one without @data"),
        (HEAD, "one without rows after @data"),
        ("hello\n", "line 1: expected @relation, @attribute or @data, found 'hello'"),
        ("@attribute a string\n", "line 1: expected an attribute with a name, numeric or with {values}"),
        ("@attribute a {x,y\n", "line 1: expected an attribute"),
        ("@attribute\n", "line 1: expected an attribute"),
        ("@attribute a real\n@attribute a real\n", "line 2: expected each attribute once, found 'a' again"),
        (HEAD + "1,x\n1\n", "line 6: expected 2 values, found 1"),
        (HEAD + "1,x,\n", "line 5: expected 2 values, found 3"),
        (HEAD + "1,'x'z\n", "line 5: expected values separated by commas, found \"'x'z\""),
        (HEAD + "one,x\n", "line 5: expected a number in 'a', found 'one'"),
        (HEAD + "1,w\n", r"line 5: expected one of \['x', 'y'\] in 'b', found 'w'"),
        (HEAD + "{0 1, 1 x}\n", "line 5: expected a dense row"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=rf"t\.arff.*{message}"):
        read(tmp_path, text)


def test_the_official_layout(tmp_path: Path) -> None:
    values, states = uci_eye_state.signal(50), uci_eye_state.states(50, every=20)
    relation = read_arff(uci_eye_state.write(tmp_path, values=values, eye_states=states))
    np.testing.assert_array_equal(np.stack(list(relation.numeric.values()), axis=1), values)
    assert relation.nominal["eyeDetection"].tolist() == states.astype(str).tolist()


def test_the_real_release_agrees_with_scipy(multimed_data: Path) -> None:
    path = multimed_data / "eeg_eye_state" / uci_eye_state.NAME
    if not path.is_file():
        pytest.skip("needs EEG Eye State in $MULTIMED_DATA/eeg_eye_state")
    relation = read_arff(path)
    expected, _ = scipy_arff.loadarff(path)
    assert relation.rows == 14_980
    for name, values in relation.numeric.items():
        np.testing.assert_array_equal(values, expected[name])
    assert relation.nominal["eyeDetection"].tolist() == [value.decode() for value in expected["eyeDetection"]]
