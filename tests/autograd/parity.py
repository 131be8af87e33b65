"""The same small program run with PyTorch and with tgrad: values, texts of errors and warnings must be the same.

A case is a function that takes the library; what it returns is compared as text. Cases are plain data for the tests in
this folder: each file lists its own with a `Cases` object and runs them all in one parametrized test.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

Case = Callable[[ModuleType], Any]


class Cases:
    """A list of cases; `@cases` adds a function, `cases.add(name, function)` a lambda."""

    def __init__(self) -> None:
        self.listed: list[tuple[str, Case]] = []

    def __call__(self, case: Case) -> Case:
        self.listed.append((case.__name__, case))
        return case

    def add(self, name: str, case: Case) -> None:
        self.listed.append((name, case))

    def __iter__(self) -> Iterator[tuple[str, Case]]:
        return iter(self.listed)

    def params(self) -> dict[str, Any]:
        """The arguments of pytest.mark.parametrize."""
        return {"argnames": "case", "argvalues": [c for _, c in self.listed], "ids": [n for n, _ in self.listed]}


def leaf(t: ModuleType, *values: float, **options: Any) -> Any:
    """A tensor that requires grad; 1 and 2 unless given otherwise."""
    return t.tensor(values or (1.0, 2.0), requires_grad=True, **options)


def plain(text: str) -> str:
    """Without addresses, module names of either library, and PyTorch's notes on its own source files."""
    text = re.sub(r" \(Triggered internally at .*", "", text)
    text = re.sub(r"0x[0-9a-f]+", "0x", text)
    return re.sub(r"<(?:torch|tgrad)\.[\w.]*?(\w+ object at)", r"<\1", text)


def transcript(t: ModuleType, case: Case) -> list[str]:
    """What a case returns or raises (first line), and the warnings on the way."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            result = repr(case(t))
        except Exception as error:  # whatever PyTorch raises, tgrad must raise as well
            result = f"{type(error).__name__}: {(str(error) or ' ').splitlines()[0]}"
    return [plain(result)] + [f"{w.category.__name__}: {plain(str(w.message)).splitlines()[0]}" for w in seen]
