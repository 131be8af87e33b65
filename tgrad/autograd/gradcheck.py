"""`torch.autograd.gradcheck`: derivatives held against finite differences."""

from __future__ import annotations

from ..graph.gradcheck import GradcheckError, gradcheck, gradgradcheck

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]
