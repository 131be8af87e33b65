"""`import torch` gives tgrad: the same modules under a second name, and only while it is asked for."""

from __future__ import annotations

import copy
import importlib
import importlib.util
import pickle
import subprocess
import sys
from collections.abc import Iterator

import pytest

import tgrad
from tgrad.interop import torch_alias


@pytest.fixture
def alias() -> Iterator[None]:
    with torch_alias.installed():
        yield


@pytest.mark.usefixtures("alias")
class TestInstalled:
    def test_same_objects(self) -> None:
        import torch
        import torch.nn.functional as F
        from torch import nn, optim
        from torch.autograd import Variable

        assert torch is tgrad
        assert nn is tgrad.nn and F is tgrad.nn.functional and optim is tgrad.optim
        assert Variable is tgrad.autograd.Variable
        assert sys.modules["torch.nn"] is sys.modules["tgrad.nn"]

    def test_from_inside_functions(self) -> None:
        namespace: dict[str, object] = {}
        exec("def f():\n    from torch.optim.sgd import SGD\n    return SGD\nfound = f()", namespace)
        assert namespace["found"] is tgrad.optim.SGD

    def test_the_modules_own_identity_is_left_alone(self) -> None:
        import torch.nn

        assert torch.nn.__name__ == "tgrad.nn"
        assert torch.nn.__spec__.name == "tgrad.nn"
        assert torch.__spec__.name == "tgrad"
        assert importlib.util.find_spec("torch") is tgrad.__spec__
        importlib.import_module("tgrad.nn.functional")

    def test_star_import(self) -> None:
        namespace: dict[str, object] = {}
        exec("from torch import *", namespace)
        assert namespace["ones"] is tgrad.ones

    def test_missing_module(self) -> None:
        with pytest.raises(ModuleNotFoundError) as error:
            importlib.import_module("torch.xyz")
        assert str(error.value) == "No module named 'torch.xyz'"
        assert error.value.name == "torch.xyz"
        assert "does not provide this module" in error.value.__notes__[0]
        with pytest.raises(ModuleNotFoundError, match=r"No module named 'torch\.nn\.xyz'"):
            importlib.import_module("torch.nn.xyz")

    def test_missing_name(self) -> None:
        with pytest.raises(ImportError, match="cannot import name 'xyz'"):
            exec("from torch import xyz")

    def test_other_names_are_left_alone(self) -> None:
        assert importlib.util.find_spec("torch_something_else") is None
        with pytest.raises(ModuleNotFoundError, match=r"No module named 'torchx'"):
            importlib.import_module("torchx")

    def test_pickles(self) -> None:
        import torch

        net = torch.nn.Linear(2, 3)
        again = pickle.loads(pickle.dumps(net))
        assert type(again) is type(net) is tgrad.nn.Linear
        assert tgrad.equal(again.weight, net.weight)
        assert pickle.loads(pickle.dumps(torch.float32)) is tgrad.float32

    def test_torchvision_is_ours_as_well(self) -> None:
        import torchvision
        import torchvision.transforms.functional as TF
        from torchvision import datasets, models, transforms
        from torchvision.utils import make_grid

        assert (
            torchvision is tgrad.vision and transforms is tgrad.vision.transforms and datasets is tgrad.vision.datasets
        )
        assert TF is transforms.functional and make_grid is tgrad.vision.utils.make_grid
        assert torchvision.__name__ == "tgrad.vision"
        with pytest.raises(
            AttributeError, match=r"^torchvision\.models\.resnet18 is not available: of torchvision, tgrad provides"
        ):
            models.resnet18()
        assert not hasattr(torchvision, "nonsense")
        with pytest.raises(ModuleNotFoundError, match=r"^No module named 'torchvision\.xyz'") as error:
            importlib.import_module("torchvision.xyz")
        assert error.value.__notes__ == [
            "tgrad.vision stands in for torchvision here and does not provide this module."
        ]

    def test_installing_again_changes_nothing(self) -> None:
        finders = list(sys.meta_path)
        torch_alias.install()
        with torch_alias.installed():
            pass
        assert sys.meta_path == finders and torch_alias.is_installed()


def test_comes_and_goes() -> None:
    before = {name for name in sys.modules if name.split(".")[0] == "torch"}
    with torch_alias.installed():
        import torch

        assert torch is tgrad
    assert not torch_alias.is_installed()
    assert {name for name in sys.modules if name.split(".")[0] == "torch"} == before
    torch_alias.uninstall()  # once more is no error


def test_the_real_torch_comes_back() -> None:
    real = pytest.importorskip("torch", reason="the parity extra (torch==2.13.0) is not installed")
    with torch_alias.installed():
        assert importlib.import_module("torch") is tgrad
    assert importlib.import_module("torch") is real
    assert importlib.import_module("torch.nn") is real.nn
    copy.deepcopy(real.nn.Linear(1, 1))


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    code = (
        "import importlib.util, sys\n"
        "from tgrad.interop import torch_alias\n"
        "before = set(sys.modules)\n"
        "torch_alias.install()\n"
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
