"""Attribute-Relation File Format (ARFF): numeric and nominal attributes, dense rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..wording import counted

# A quoted value, or one that ends at the next comma.
_VALUE = re.compile(r"""\s*('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^,'"]*)\s*(,|$)""")
_ATTRIBUTE = re.compile(r"""@attribute\s+('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s'"{]+)\s*(.*)""", re.IGNORECASE)
_NUMERIC = ("numeric", "real", "integer")


@dataclass(frozen=True)
class Relation:
    """The table of an ARFF file.

    Attributes:
        name: of the relation.
        numeric: values of each numeric attribute, float64 `(row,)`, in the order of the file; NaN where missing (`?`).
        nominal: values of each nominal attribute, str `(row,)`, in the order of the file; `?` where missing.
        values: the values that each nominal attribute may take.
    """

    name: str
    numeric: dict[str, np.ndarray]
    nominal: dict[str, np.ndarray]
    values: dict[str, tuple[str, ...]]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(next(iter((self.numeric | self.nominal).values())))


def read_arff(path: Path) -> Relation:
    """Reads a whole file.

    Raises:
        ValueError: the file is empty or ends before its data, an attribute is neither numeric nor nominal, a row has
            too few or too many values, or a value is none of its attribute's; the message names the file and the line.
    """
    name = ""
    kinds: dict[str, tuple[str, ...] | None] = {}
    rows: list[tuple[str | float, ...]] = []
    in_data = False
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            line = line.strip()
            where = f"{path}, line {number}"
            if not line or line.startswith("%"):
                continue
            if in_data:
                rows.append(_row(where, line, kinds))
            elif line.lower().startswith("@relation"):
                name = _unquote(line[len("@relation") :].strip())
            elif line.lower().startswith("@attribute"):
                attribute, kind = _attribute(where, line)
                if attribute in kinds:
                    raise ValueError(f"{where}: expected each attribute once, found {attribute!r} again.")
                kinds[attribute] = kind
            elif line.lower() == "@data":
                in_data = True
            else:
                raise ValueError(f"{where}: expected @relation, @attribute or @data, found {line[:60]!r}.")
    if not in_data or not kinds or not rows:
        missing = "@attribute" if not kinds else "@data" if not in_data else "rows after @data"
        raise ValueError(f"{path}: expected an ARFF file, found one without {missing}: it is empty or breaks off.")
    columns = dict(zip(kinds, zip(*rows, strict=True), strict=True))
    return Relation(
        name=name,
        numeric={key: np.array(columns[key], np.float64) for key, kind in kinds.items() if kind is None},
        nominal={key: np.array(columns[key], str) for key, kind in kinds.items() if kind is not None},
        values={key: kind for key, kind in kinds.items() if kind is not None},
    )


def _attribute(where: str, line: str) -> tuple[str, tuple[str, ...] | None]:
    """Name of an attribute and its values; None for numbers."""
    match = _ATTRIBUTE.fullmatch(line)
    name, kind = (_unquote(match[1]), match[2].strip()) if match else ("", "")
    if kind.lower() in _NUMERIC:
        return name, None
    if kind.startswith("{") and kind.endswith("}"):
        return name, tuple(_split(where, kind[1:-1]))
    raise ValueError(f"{where}: expected an attribute with a name, numeric or with {{values}}, found {line[:60]!r}.")


def _row(where: str, line: str, kinds: dict[str, tuple[str, ...] | None]) -> tuple[str | float, ...]:
    if line.startswith("{"):
        raise ValueError(f"{where}: expected a dense row, found a sparse one ({line[:40]!r}).")
    found = _split(where, line)
    if len(found) != len(kinds):
        raise ValueError(f"{where}: expected {counted(len(kinds), 'value')}, found {len(found)}.")
    return tuple(_value(where, name, kind, text) for (name, kind), text in zip(kinds.items(), found, strict=True))


def _value(where: str, name: str, kind: tuple[str, ...] | None, text: str) -> str | float:
    if kind is not None:
        if text not in kind and text != "?":
            raise ValueError(f"{where}: expected one of {list(kind)} in {name!r}, found {text!r}.")
        return text
    try:
        return float("nan") if text == "?" else float(text)
    except ValueError:
        raise ValueError(f"{where}: expected a number in {name!r}, found {text!r}.") from None


def _split(where: str, text: str) -> list[str]:
    if "'" not in text and '"' not in text:
        return [value.strip() for value in text.split(",")]
    values = []
    position = 0
    while match := _VALUE.match(text, position):
        values.append(_unquote(match[1].strip()))
        position = match.end()
        if not match[2]:
            return values
    raise ValueError(f"{where}: expected values separated by commas, found {text[position : position + 40]!r}.")


def _unquote(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text
