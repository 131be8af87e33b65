"""Public functions and methods that are made of rows rather than being one. Importing this package publishes them."""

from . import (  # noqa: F401
    autograd,
    compare,
    convert,
    creation,
    indexing,
    operators,
    products,
    random,
    reductions,
    shaping,
    write,
)
