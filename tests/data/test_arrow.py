"""Arrow columns to rows, against pyarrow's own conversion."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multimed_hf.data.arrow import column_to_list, columns_to_rows

numbers = st.integers(-1000, 1000)
signals = st.integers(0, 3).flatmap(
    lambda width: st.lists(st.lists(numbers, min_size=width, max_size=width), max_size=4)
)
COLUMNS = {
    "float32": (pa.list_(pa.float32()), st.lists(numbers.map(float), max_size=5)),
    "int32": (pa.list_(pa.int32()), st.lists(numbers, max_size=5)),
    "large": (pa.large_list(pa.int64()), st.lists(numbers, max_size=5)),
    "signal": (pa.list_(pa.list_(pa.float32())), signals),
    "backbone": (
        pa.list_(pa.list_(pa.list_(pa.float32(), 3), 3)),
        st.lists(st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=3, max_size=3), max_size=3),
    ),
    "bools": (pa.list_(pa.bool_()), st.lists(st.booleans(), max_size=4)),
    "strings": (pa.list_(pa.string()), st.lists(st.text(max_size=3), max_size=3)),
    "string": (pa.string(), st.text(max_size=3)),
    "struct": (pa.struct({"a": pa.int64()}), st.fixed_dictionaries({"a": numbers})),
    "number": (pa.float32(), numbers.map(float)),
}


def plain(value):
    return value.tolist() if isinstance(value, np.ndarray) else value


@pytest.mark.parametrize("name", COLUMNS)
@given(st.data())
def test_values_are_those_of_pyarrow_in_slices_and_chunks_too(name, data):
    kind, values = COLUMNS[name]
    chunks = [pa.array(data.draw(st.lists(values, max_size=5)), kind) for _ in range(data.draw(st.integers(0, 3)))]
    column = pa.chunked_array(chunks, kind)
    start = data.draw(st.integers(0, len(column)))
    column = column.slice(start, data.draw(st.integers(0, len(column) - start)))
    assert [plain(value) for value in column_to_list(column)] == column.to_pylist()


@pytest.mark.parametrize(
    ("name", "values", "dtype", "shape"),
    [
        ("float32", [[1.0, 2.0]], np.float32, (2,)),
        ("int32", [[1]], np.int32, (1,)),
        ("signal", [[[1, 2, 3], [4, 5, 6]]], np.float32, (2, 3)),
        ("backbone", [[[[0] * 3] * 3] * 5], np.float32, (5, 3, 3)),
        ("signal", [[]], np.float32, (0,)),
    ],
)
def test_lists_of_numbers_are_arrays(name, values, dtype, shape):
    (value,) = column_to_list(pa.chunked_array([pa.array(values, COLUMNS[name][0])]))
    assert value.dtype == dtype and value.shape == shape


def test_rows_keep_their_columns_together():
    table = pa.table({"id": ["a", "b"], "values": [[1.0], [2.0, 3.0]], "label": [0, 1]})
    first, second = columns_to_rows(table)
    assert (first["id"], first["label"], plain(first["values"])) == ("a", 0, [1.0])
    assert (second["id"], second["label"], plain(second["values"])) == ("b", 1, [2.0, 3.0])
    assert columns_to_rows(table.slice(0, 0)) == []


def test_rows_of_unlike_channels_are_refused():
    ragged = pa.chunked_array([pa.array([[[1.0, 2.0], [3.0]]], COLUMNS["signal"][0])])
    with pytest.raises(ValueError, match="same shape"):
        column_to_list(ragged)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([[1.0, None]], pa.list_(pa.float32())),
        ([None, [1]], pa.list_(pa.int32())),
        ([None, [2.0]], pa.list_(pa.float32(), 1)),
        ([[[1.0], None]], pa.list_(pa.list_(pa.float32()))),
        ([[[1.0, None]]], pa.list_(pa.list_(pa.float32()))),
    ],
)
def test_nulls_are_refused(values, kind):
    with pytest.raises(ValueError, match=r"without nulls, got some: a list that a row lacks is \[\]"):
        column_to_list(pa.chunked_array([pa.array(values, kind)]))
