"""Public functions and methods that are made of rows rather than being one. Importing this package publishes them."""

from . import (  # noqa: F401
    autograd,
    compare,
    convert,
    creation,
    einsum,
    indexing,
    joining,
    operators,
    order,
    products,
    random,
    reductions,
    shaping,
    subscript,
    twins,
    write,
)
