"""torch.backends.quantized: no tensor is quantized here."""

from __future__ import annotations

engine = "none"
supported_engines = ["none"]
