"""The examples in PyTorch's own docstrings, taken from the installed PyTorch: what they show there, they show here.

Each docstring's cells run one after the other in both libraries, in a process of its own for each library, with the
same seed, as at a prompt. What is echoed and printed is compared, numbers to three digits; so are errors, by type and
first line. A docstring's cells count as one test of its namespace, and what differs for a reason stands in EXPECTED.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the parity extra (torch==2.13.0) is not installed")

ROOT = Path(__file__).resolve().parent.parent
SPACES = [
    "torch", "torch.nn.functional", "torch.linalg", "torch.fft", "torch.special", "torch.nn", "torch.nn.init",
    "torch.nn.utils", "torch.nn.utils.rnn", "torch.nn.utils.parametrizations", "torch.nn.utils.parametrize", "torch.nn.utils.prune",
    "torch.optim", "torch.optim.lr_scheduler", "torch.optim.swa_utils", "torch.utils.data", "torch.autograd",
    "torch.autograd.functional", "torch.autograd.graph", "torch.autograd.forward_ad", "torch.func", "torch.signal.windows",
    "torch.distributions", "torch.masked", "torch.testing", "torch.overrides", "torch.serialization",
]  # fmt: skip

# Names of docstrings whose cells show something else here, by reason: regular expressions over "namespace.name".
EXPECTED: dict[str, str] = {
    "sparse layouts": r".*(sparse|_indices|to_dense|coalesce|narrow_copy|\.smm|hspmm).*",
    "quantised tensors": r".*quantiz.*",
    "streams and events": r"torch\.(Event|Stream).*",
    "complex numbers of two halves": r"torch\.set_default_dtype",
    "conj and neg are computed at once": r"torch\.(conj|resolve_conj|resolve_neg)",
    "subnormal numbers stay": r"torch\.set_flush_denormal",
    "the dtype of a gradient is the tensor's": r".*Tensor\.grad_dtype",
    "functions are Python functions": r"torch\.vmap",
    "the last digits of a factorization decide what is shown": r"torch\.(linalg\.(eigh|solve|solve_triangular)|cholesky_inverse|fft\.hfft[2n])",
    "no flags for operations without a deterministic form, all have one": r"torch\.nn\.MaxUnpool.*",
    "no groups of processes": r"torch\.nn\.SyncBatchNorm.*",
    "memory that nobody wrote to": r"torch\.nn\.utils\.skip_init",
    "parts of PyTorch's own implementation": r"torch\.(autograd\.enforce_grad_layout_policy|autograd\.graph\.region_activation_memory_budget|"
    r"func\.(functionalize|rearrange)|nn\.functional\.native_channel_shuffle|native_channel_shuffle|overrides\.(redispatch_function|"
    r"get_ignored_functions|get_testing_overrides))",
    "masked tensors as a class": r"torch\.masked\..*",
    "an address, or what the system gave": r"torch\.(Generator\.\w+|autograd\.graph\.register_multi_grad_hook|load|serialization\.safe_globals)",
    "not yet": r"torch\.(.*Tensor\.dim_order|distributions\..*)",
}

COLLECT = """
import doctest, importlib, inspect, json, sys, types, warnings
warnings.simplefilter("ignore")
import torch
parser, seen, found = doctest.DocTestParser(), set(), []
def add(space, name, thing):
    doc = getattr(thing, "__doc__", None)
    if not isinstance(doc, str) or ">>>" not in doc or doc in seen:
        return
    seen.add(doc)
    try:
        found.append((space, name, [e.source for e in parser.get_examples(inspect.cleandoc(doc))]))
    except ValueError:
        pass  # not doctest's form
for space in json.loads(sys.argv[1]):
    try:
        where = importlib.import_module(space)
    except ModuleNotFoundError:
        where = eval(space)
    for name in sorted(n for n in dir(where) if not n.startswith("_")):
        thing = getattr(where, name, None)
        if isinstance(thing, types.ModuleType):
            continue
        add(space, name, thing)
        if inspect.isclass(thing):
            for method, f in list(vars(thing).items()):
                if not method.startswith("_"):
                    add(space, name + "." + method, f)
json.dump(found, sys.stdout)
"""

RUN = """
import contextlib, io, json, math, os, signal, sys, tempfile, warnings
warnings.simplefilter("ignore")
library, cells = sys.argv[1], json.load(sys.stdin)
if library == "tgrad":
    from tgrad.interop import torch_alias
    torch_alias.install()
import numpy as np
import torch
os.chdir(tempfile.mkdtemp())
os.environ["TMPDIR"] = os.getcwd()
def show(value):
    if value is not None:
        print(repr(value))
class Late(BaseException):
    pass
def late(*_):
    raise Late
signal.signal(signal.SIGALRM, late)
sys.displayhook = show
shown = {}
for name, sources in cells:
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float32)
    torch.set_grad_enabled(True)
    torch.use_deterministic_algorithms(False)
    torch.set_default_device(None)
    names = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "math": math, "np": np, "__name__": "cells"}
    shown[name] = rows = []
    signal.alarm(30)
    for source in sources:
        out = io.StringIO()
        try:
            with contextlib.redirect_stdout(out):
                exec(compile(source, "<cell>", "single"), names)
        except Late:
            rows.append((source, "no answer in 30 s"))
            break
        except BaseException as error:
            first = str(error).splitlines()[:1]
            out.write(f"{type(error).__name__}: {first[0] if first else ''}")
        rows.append((source, out.getvalue()))
    signal.alarm(0)
json.dump(shown, sys.__stdout__)
"""

NUMBER = re.compile(r"-?\d+\.?\d*(?:e[+-]?\d+)?")


@pytest.fixture(scope="session")
def cells() -> dict[str, list[tuple[str, list[str]]]]:
    found: dict[str, list[tuple[str, list[str]]]] = {space: [] for space in SPACES}
    done = subprocess.run(
        [sys.executable, "-c", COLLECT, json.dumps(SPACES)], capture_output=True, text=True, check=True, timeout=200
    )
    for space, name, sources in json.loads(done.stdout):
        # What asks for a network, a graphics card, or shows memory that nobody wrote to, says nothing here.
        if not re.search(r"cuda|download|https?://|\bempty\w*\(|new_empty|seed\(\)", " ".join(sources)):
            found[space].append((name, sources))
    return found


def run(library: str, cells: list[tuple[str, list[str]]]) -> dict[str, list[list[str]]]:
    done = subprocess.run(
        [sys.executable, "-c", RUN, library],
        input=json.dumps(cells),
        capture_output=True,
        text=True,
        timeout=280,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[list[str]]] = json.loads(done.stdout)
    return found


def same(ours: str, theirs: str) -> bool:
    ours, theirs = (re.sub(r"0x[0-9a-f]+", "0x", text).replace("tgrad.", "torch.") for text in (ours, theirs))
    if NUMBER.sub("#", ours).split() != NUMBER.sub("#", theirs).split():
        return False
    pairs = zip(NUMBER.findall(ours), NUMBER.findall(theirs), strict=True)
    return all(abs(float(a) - float(b)) <= 2e-3 * (abs(float(b)) + 1e-2) for a, b in pairs)


@pytest.mark.parametrize("space", SPACES)
def test_pytorch_docs(space: str, cells: dict[str, list[tuple[str, list[str]]]]) -> None:
    assert cells[space]
    theirs, ours = run("torch", cells[space]), run("tgrad", cells[space])
    wrong = []
    excused = re.compile("|".join(f"({p})" for p in EXPECTED.values()))
    for name, rows in theirs.items():
        if excused.fullmatch(f"{space}.{name}"):
            continue
        for (source, their), (_, our) in zip(rows, ours[name], strict=False):
            if not same(our, their):
                wrong.append(
                    f"{name}: {source.strip()}\n  PyTorch: {their.strip()[:300]}\n  tgrad:   {our.strip()[:300]}"
                )
                break  # what follows in the same docstring follows from it
    assert not wrong, f"{len(wrong)} of {len(theirs)} docstrings\n" + "\n".join(wrong)
