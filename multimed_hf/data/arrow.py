"""Rows out of Arrow tables without a Python object per number."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


def columns_to_rows(table: pa.Table) -> list[dict[str, Any]]:
    """One dict per row; (nested) lists of numbers come as numpy arrays, everything else as Python values.

    Args:
        table: any table.

    Raises:
        ValueError: a null in a list of numbers or in its place, or inner lists of different lengths in one row.
    """
    columns = {name: column_to_list(table.column(name)) for name in table.column_names}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def column_to_list(column: pa.ChunkedArray) -> list[Any]:
    """The values of one column, see `columns_to_rows`."""
    import pyarrow as pa

    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks else pa.array([], column.type)
    return _nested(array) if _is_numeric_list(array.type) else array.to_pylist()


def _is_list(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def _is_numeric_list(kind: pa.DataType) -> bool:
    import pyarrow as pa

    if not _is_list(kind):
        return False
    while _is_list(kind):
        kind = kind.value_type
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)


def _offsets(array: pa.Array) -> tuple[np.ndarray, pa.Array]:
    """Boundaries of each list, starting at 0, and the values between the first and the last of them."""
    import pyarrow as pa

    if pa.types.is_fixed_size_list(array.type):
        size = array.type.list_size
        return np.arange(len(array) + 1) * size, array.flatten()
    offsets = array.offsets.to_numpy()
    return offsets - offsets[0], array.values.slice(offsets[0], offsets[-1] - offsets[0])


def _nested(array: pa.Array) -> list[np.ndarray]:
    """One array per list; inner lists of one row must be of one length, as in (channels, time)."""
    bounds, values = _offsets(array)
    if array.null_count or values.null_count:
        raise ValueError("Expected lists of numbers without nulls, got some: a list that a row lacks is [].")
    if not _is_list(values.type):
        flat = values.to_numpy(zero_copy_only=False)
        return [flat[start:end] for start, end in pairwise(bounds)]
    inner = _nested(values)
    empty = np.zeros((0,), dtype=np.float32)
    return [np.stack(inner[start:end]) if end > start else empty for start, end in pairwise(bounds)]
