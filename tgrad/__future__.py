"""Switches for behaviour that is to become the usual one: `torch.__future__`."""

from .nn.conversion import Conversion


def set_overwrite_module_params_on_conversion(value: bool) -> None:
    """Whether converting a module (`.double()`, `.to()`) makes new parameters instead of changing the present ones."""
    Conversion.overwrite = value


def get_overwrite_module_params_on_conversion() -> bool:
    """Whether converting a module makes new parameters; False unless set.

    >>> torch.__future__.get_overwrite_module_params_on_conversion()
    False
    """
    return Conversion.overwrite


def set_swap_module_params_on_conversion(value: bool) -> None:
    """Whether converting a module and loading into it swaps the contents of parameters with those of converted ones, by `swap_tensors`."""
    Conversion.swap = value


def get_swap_module_params_on_conversion() -> bool:
    """Whether converting a module swaps the contents of parameters; False unless set.

    >>> torch.__future__.get_swap_module_params_on_conversion()
    False
    """
    return Conversion.swap
