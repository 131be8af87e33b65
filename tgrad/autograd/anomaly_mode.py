"""`torch.autograd.anomaly_mode`: where did the NaN come from?"""

from __future__ import annotations

from ..graph.anomaly import detect_anomaly, set_detect_anomaly

__all__ = ["detect_anomaly", "set_detect_anomaly"]
