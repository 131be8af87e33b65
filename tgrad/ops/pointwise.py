"""All elementwise rows in one namespace; the words of their formulas are explained in Note [Rows]."""

from .arithmetic import *  # noqa: F403
from .arithmetic import times  # noqa: F401
from .choice import *  # noqa: F403
from .elementary import *  # noqa: F403
from .integers import *  # noqa: F403
from .special import *  # noqa: F403
