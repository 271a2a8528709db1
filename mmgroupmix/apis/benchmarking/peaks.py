"""What a machine can do at most, measured: operations and bytes per second."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from ...models.layers.packed import PackedLinear
from .passes import synchronize

#: A product is large enough if it takes so many seconds, or has so many rows.
LONG, MAX_ROWS = 0.05, 2**13
#: Bytes of a copied buffer: with its copy more than caches hold.
COPIED_BYTES = 2**28
RUNS = 5


@dataclass(frozen=True)
class Peaks:
    """Measured peaks.

    Attributes:
        operations (float): Per second, two per multiply-add of a product.
        bytes (float): Per second, read and written.
    """

    operations: float
    bytes: float


def measure_peaks(device: torch.device, dtype: torch.dtype) -> Peaks:
    """Measure the peaks of a device, with the threads that PyTorch has now.

    Args:
        device (torch.device): The device.
        dtype (torch.dtype): Type of the product.

    Returns:
        Peaks: The best of some runs of a large product, whose weight is laid out once,
        and of a large copy.
    """
    source = torch.ones(COPIED_BYTES, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    seconds = measure_shortest(lambda: target.copy_(source), device)
    with torch.inference_mode():
        operations = measure_product(device, dtype)
    return Peaks(operations, 2 * COPIED_BYTES / seconds)


def measure_product(device: torch.device, dtype: torch.dtype) -> float:
    """Operations per second of a square product that is large enough."""
    rows = 2**9
    while True:
        x, weight = (torch.ones(rows, rows, dtype=dtype, device=device) for _ in range(2))
        layer = PackedLinear(weight)
        seconds = measure_shortest(lambda: layer(x), device)  # noqa: B023
        if seconds >= LONG or rows >= MAX_ROWS:
            return 2 * rows**3 / seconds
        rows *= 2


def measure_shortest(function: Callable[[], object], device: torch.device) -> float:
    """The shortest of some times of a function in seconds, without the first."""
    times = []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        function()
        synchronize(device)
        times.append(time.perf_counter() - start)
    return min(times[1:])
