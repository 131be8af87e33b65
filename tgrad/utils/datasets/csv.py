"""Tables of comma-separated values."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...dtype import dtype as DType
from ...dtype import float32, get_default_dtype, int64, promote_types
from ...tensor import Tensor, wrap
from ..data.dataset import Dataset
from .errors import DataFileError

Column = str | int
CATEGORY = "category"
_TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class CSV(Dataset):
    """A table: sample i is row i's features, or (features, target) with a `target`.

    - `columns`: which columns are features, in this order, by name or number; by default all but the target.
    - `target`: the column of what is to be learned, or a list of them.
    - `dtypes`: one dtype for all columns, or a dictionary of column to dtype; "category" numbers the texts of a column in alphabetical order
      (`categories[name]` has them) as int64. Columns that are not named have the default dtype. Features of several dtypes become one.
    - `header`: whether the first line has the names; or a list of names. Without, columns are named "0", "1", ...
    - `missing`: the text of a missing value, which becomes nan (only in floating columns).

    `features` and `targets` are the whole table as tensors, `column(name)` is one column in its own dtype.

    DataFileError with line and column for a field that is not what its column's dtype says, for lines of another length and for names that
    are not there. Empty lines are skipped.

    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp(), "table.csv")
    >>> _ = path.write_text("a,b\\n1,2\\n3,x\\n")
    >>> try:
    ...     CSV(path)
    ... except DataFileError as error:
    ...     print(error.what)
    line 3, column 'b': 'x' is no torch.float32
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        columns: Sequence[Column] | None = None,
        target: Column | Sequence[Column] | None = None,
        dtypes: DType | str | dict[Column, Any] | None = None,
        header: bool | Sequence[str] = True,
        delimiter: str = ",",
        missing: str | None = None,
        encoding: str = "utf-8",
    ) -> None:
        self.path = path
        self.categories: dict[str, list[str]] = {}
        names, lines = self._read(header, delimiter, encoding)
        self.names = names
        several = isinstance(target, (list, tuple))
        asked: Any = target if several else [] if target is None else [target]
        targets = [self._place(c) for c in asked]
        if columns is None:
            chosen = [i for i in range(len(names)) if i not in targets]
        else:
            chosen = [self._place(c) for c in columns]
        told = (
            {self._place(c): d for c, d in dtypes.items()}
            if isinstance(dtypes, dict)
            else dict.fromkeys(range(len(names)), dtypes)
        )
        self._columns = {
            i: self._converted(i, lines, told.get(i) or get_default_dtype(), missing)
            for i in dict.fromkeys([*chosen, *targets])
        }
        self._length = len(lines)
        self.features = self._joined(chosen)
        self.targets = None if not targets else self._joined(targets) if several else wrap(self._columns[targets[0]])

    def _read(self, header: Any, delimiter: str, encoding: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
        """The names, and the rows with the numbers of their lines."""
        lines = []
        try:
            with open(self.path, newline="", encoding=encoding) as file:
                reader = csv.reader(file, delimiter=delimiter, strict=True)
                for row in reader:
                    if row:
                        lines.append((reader.line_num, row))
        except UnicodeDecodeError as error:
            raise DataFileError(self.path, f"byte {error.start} is no {encoding}: {error.reason}") from error
        except csv.Error as error:
            raise DataFileError(self.path, f"line {reader.line_num}: {error}") from error
        if not lines:
            raise DataFileError(self.path, "is empty")
        if header is True:
            names = [name.strip().removeprefix("\ufeff") for name in lines.pop(0)[1]]
        else:
            names = [str(i) for i in range(len(lines[0][1]))] if header is False else list(header)
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise DataFileError(self.path, f"two columns are called {sorted(twice)[0]!r}")
        for number, row in lines:
            if len(row) != len(names):
                raise DataFileError(
                    self.path,
                    f"line {number}: {len(row)} field{'s' if len(row) != 1 else ''}, where there are {len(names)} columns",
                )
        return names, lines

    def _place(self, column: Column) -> int:
        if isinstance(column, str):
            if column not in self.names:
                raise DataFileError(
                    self.path, f"no column is called {column!r}; there are {', '.join(map(repr, self.names))}"
                )
            return self.names.index(column)
        if not -len(self.names) <= column < len(self.names):
            raise DataFileError(self.path, f"there is no column {column}, only {len(self.names)} of them")
        return column % len(self.names)

    def _converted(self, i: int, lines: list[tuple[int, list[str]]], d: Any, missing: str | None) -> np.ndarray:
        texts = [row[i].strip() for _, row in lines]
        if d == CATEGORY:
            self.categories[self.names[i]] = kinds = sorted(set(texts))
            numbers = {text: k for k, text in enumerate(kinds)}
            return np.array([numbers[text] for text in texts], int64.np)
        if not isinstance(d, DType):
            raise TypeError(f'the dtype of a column is a torch.dtype or "category", not {d!r}')
        out = np.empty(len(lines), d.np)
        for k, text in enumerate(texts):
            try:
                out[k] = _number(text, d, missing)
            except (ValueError, OverflowError):
                raise DataFileError(
                    self.path, f"line {lines[k][0]}, column {self.names[i]!r}: {lines[k][1][i]!r} is no {d}"
                ) from None
        return out

    def _joined(self, places: list[int]) -> Tensor:
        if not places:
            return wrap(np.empty((self._length, 0), float32.np))
        parts = [wrap(self._columns[i]) for i in places]
        common = parts[0].dtype
        for part in parts[1:]:
            common = promote_types(common, part.dtype)
        return wrap(np.stack([part.to(common)._a for part in parts], 1))

    def column(self, name: Column) -> Tensor:
        """One of the columns that were read, in its own dtype."""
        place = self._place(name)
        if place not in self._columns:
            raise DataFileError(self.path, f"column {name!r} was not read")
        return wrap(self._columns[place])

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: Any) -> Any:
        if self.targets is None:
            return self.features[index]
        return self.features[index], self.targets[index]


def _number(text: str, d: DType, missing: str | None) -> Any:
    """A field as a number of dtype d; ValueError or OverflowError if it is none."""
    if d.is_floating_point:
        return float("nan") if text == missing else float(text)
    if d.is_complex:
        return complex(text)
    if d.category == 0:
        if text.lower() not in _TRUTHS:
            raise ValueError(text)
        return _TRUTHS[text.lower()]
    return int(text)
