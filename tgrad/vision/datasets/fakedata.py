"""Images of noise."""

from __future__ import annotations

from typing import Any

from ... import functions as F
from ...dtype import int64
from ..transforms import ToPILImage
from .vision import Transform, VisionDataset


class FakeData(VisionDataset):
    """`size` Pillow images of noise with random labels, the same for the same index. IndexError past the end.

    >>> from tgrad.vision.datasets import FakeData
    >>> image, label = FakeData(size=3, image_size=(3, 8, 8))[0]
    >>> image.size, label
    ((8, 8), 6)
    """

    def __init__(
        self,
        size: int = 1000,
        image_size: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Transform = None,
        target_transform: Transform = None,
        random_offset: int = 0,
    ) -> None:
        super().__init__(transform=transform, target_transform=target_transform)
        self.size, self.num_classes = size, num_classes
        self.image_size, self.random_offset = image_size, random_offset

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if index >= len(self):
            raise IndexError(f"{type(self).__name__} index out of range")
        before = F.get_rng_state()
        F.manual_seed(index + self.random_offset)
        noise = F.randn(*self.image_size)
        target = F.randint(0, self.num_classes, size=(1,), dtype=int64)[0]
        F.set_rng_state(before)
        image, label = self._transformed(ToPILImage()(noise), target)
        return image, label.item()

    def __len__(self) -> int:
        return self.size
