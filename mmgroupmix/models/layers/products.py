"""Matrix products by the faster of the two libraries that PyTorch has on a CPU."""

import math
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import _disable_current_modes
from torch.utils.flop_counter import register_flop_formula

from .packed import find_dtype, is_autocast, is_packable

#: A BLAS that takes so many times as long as oneDNN is avoided wherever it can be.
SLOW = 1.4
#: oneDNN takes convolutions of so many maps also on a single thread.
NUM_MAPS = 16
#: Of fewer rows, oneDNN computes a product faster than the gradient of a convolution.
FEW_ROWS = 512


def multiply(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Multiply (..., C) by (D, C) and add (D,): (..., D)."""
    if is_autocast(x):
        # Autocast would keep the converted weight, which has no gradient where none is
        # recorded, for later products too.
        dtype = find_dtype(x)
        x, weight = x.to(dtype), weight.to(dtype)
        bias = None if bias is None else bias.to(dtype)
    if not avoids_blas(x) or not is_packable(x, weight, bias):
        return F.linear(x, weight, bias)
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, 'none', [], '')


def multiply_transposed(x: Tensor, y: Tensor) -> Tensor:
    """Multiply (N, D), transposed, by (N, C): (D, C), the gradient of a weight."""
    if not avoids_blas(x) or not is_packable(x, y):
        return x.mT @ y
    if len(x) < FEW_ROWS:
        return torch.ops.mkldnn._linear_pointwise(x.mT, y.mT, None, 'none', [], '')
    # To oneDNN, it is the gradient of a 1x1 convolution.
    count = NUM_MAPS if len(x) % NUM_MAPS == 0 else 1
    maps = [t.view(count, -1, 1, t.shape[-1]).permute(0, 3, 1, 2) for t in (x, y)]
    weight = x.new_empty(x.shape[-1], y.shape[-1], 1, 1)
    one, zero, mask = [1, 1], [0, 0], [False, True, False]
    gradients = torch.ops.aten.convolution_backward(
        *maps, weight, None, one, zero, one, False, zero, 1, mask
    )
    return gradients[1].flatten(1)


def avoids_blas(x: Tensor) -> bool:
    """Whether products of x are better computed by oneDNN."""
    if torch.compiler.is_compiling() or type(x) not in (Tensor, nn.Parameter):
        return False  # others than PyTorch's own tensors compute nothing, or elsewhere
    return x.device.type == 'cpu' and find_dtype(x) == torch.float32 and is_blas_slow()


@cache
def is_blas_slow() -> bool:
    """Whether float32 products of PyTorch's BLAS take far longer than those of oneDNN.

    It is measured once, on one thread, in the time that the processor spends on it: other
    processes hardly change that.
    """
    if not hasattr(torch.ops.mkldnn, '_linear_pointwise'):
        return False
    product = torch.ops.mkldnn._linear_pointwise
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        # A mode that counts operations, for example, is not to see these.
        with _disable_current_modes():
            x, weight = (torch.ones(n, 320, device='cpu') for n in (2048, 320))
            blas = measure(lambda: F.linear(x, weight))
            onednn = measure(lambda: product(x, weight, None, 'none', [], ''))
    finally:
        torch.set_num_threads(num_threads)
    return blas > SLOW * onednn


def measure(function: Callable[[], object]) -> float:
    """The shortest of a few times in seconds that this thread computes."""
    times = []
    for _ in range(5):
        start = time.thread_time()
        function()
        times.append(time.thread_time() - start)
    return min(times)


def count_product(x: Sequence[int], weight: Sequence[int], *_: Any, **__: Any) -> int:
    """Operations of a product of shapes (..., C) and (D, C), two per multiply-add."""
    return 2 * math.prod(x) * weight[0]


def count_convolution(
    x: Sequence[int], weight: Sequence[int], *_: Any, out_shape: Sequence[int], **__: Any
) -> int:
    """Operations of a convolution, two per multiply-add."""
    return 2 * math.prod(out_shape) * math.prod(weight[1:])


# PyTorch's counter of operations does not know oneDNN's own functions.
if hasattr(torch.ops.mkldnn, '_linear_pointwise'):
    register_flop_formula(torch.ops.mkldnn._linear_pointwise)(count_product)
    register_flop_formula(torch.ops.mkldnn._convolution_pointwise)(count_convolution)
