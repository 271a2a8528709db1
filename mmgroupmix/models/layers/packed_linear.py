"""Linear layers for inference, whose weights oneDNN lays out once.

On a CPU, PyTorch multiplies matrices by a BLAS in float32. oneDNN, which it uses for
convolutions and for half precision, is as fast or faster on every processor that was
measured (docs/performance.md), if weights are laid out for it in advance, and applies an
activation while the product is still in the cache.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Activations that oneDNN applies to a product, with its algorithm, and in plain PyTorch.
ACTIVATIONS: dict[str, tuple[str, str, Callable[[Tensor], Tensor]]] = {
    'none': ('none', '', lambda x: x),
    'gelu': ('gelu', 'none', F.gelu),
    'hardswish': ('hardswish', '', F.hardswish),
    'relu': ('relu', '', F.relu),
    'silu': ('swish', '', F.silu),
}


class PackedLinear(nn.Module):
    """A linear layer and an activation, for inference; the outputs may come in parts.

    On another device than a CPU, without oneDNN, where gradients are asked for and while
    a model is traced or compiled, it computes the same with PyTorch's usual functions.

    Args:
        weight (Tensor): (D, C).
        bias (Tensor, optional): (D,). Defaults to None.
        activations (Sequence[str]): Names as in ``ACTIVATIONS``, one per part.
            Defaults to ``('none',)``.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None = None,
        activations: Sequence[str] = ('none',),
    ):
        super().__init__()
        self.weight = nn.Parameter(weight.detach(), requires_grad=False)
        self.bias = None
        if bias is not None:
            self.bias = nn.Parameter(bias.detach(), requires_grad=False)
        self.activations = tuple(activations)
        self.packed: dict[torch.dtype, tuple[Any, list[tuple]]] = {}

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) to (..., D)."""
        (output,) = self.compute_parts(x)
        return output

    def compute_parts(self, x: Tensor) -> list[Tensor]:
        """(..., C) to one dense (..., D / n) for each of the n activations."""
        if not is_packable(x):
            output = F.linear(x, self.weight, self.bias)
            parts = output.chunk(len(self.activations), dim=-1)
            return [ACTIVATIONS[a][2](p) for a, p in zip(self.activations, parts)]
        x = x.to(find_dtype(x))
        return [
            torch.ops.mkldnn._linear_pointwise(x, weight, bias, name, [], algorithm)
            for weight, bias, name, algorithm in self.get_packed(x.dtype)
        ]

    def get_packed(self, dtype: torch.dtype) -> list[tuple]:
        """Weights in oneDNN's layout, biases and activations of the parts."""
        state = (self.weight.data_ptr(), get_version(self.weight))
        cached = self.packed.get(dtype)
        if cached is None or cached[0] != state:
            cached = self.packed[dtype] = (state, list(self.pack(dtype)))
        return cached[1]

    def pack(self, dtype: torch.dtype) -> Iterable[tuple]:
        """Lay out the weights of the parts."""
        count = len(self.activations)
        biases: Iterable = [None] * count
        if self.bias is not None:
            biases = self.bias.to(dtype).chunk(count)
        weights = self.weight.to(dtype).chunk(count)
        for weight, bias, name in zip(weights, biases, self.activations):
            packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous())
            yield packed, bias, *ACTIVATIONS[name][:2]

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles get the weights, not their other layout."""
        return {**self.__dict__, 'packed': {}}

    def extra_repr(self) -> str:
        """The sizes, for ``print(model)``."""
        width, channels = self.weight.shape
        return f'{channels}, {width}, activations={self.activations}'


def is_packable(x: Tensor) -> bool:
    """Whether a linear layer of x can use oneDNN's own layout of its weight."""
    return (
        x.device.type == 'cpu'
        and type(x) is Tensor
        and x.numel() > 0
        and torch.backends.mkldnn.enabled
        and hasattr(torch.ops.mkldnn, '_linear_pointwise')
        and find_dtype(x) in (torch.float32, torch.bfloat16)
        and not (torch.is_grad_enabled() and x.requires_grad)
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()
    )


def find_dtype(x: Tensor) -> torch.dtype:
    """The dtype in which a product of x is computed, autocast considered."""
    if torch.is_autocast_enabled('cpu') and x.dtype != torch.float64:
        return torch.get_autocast_dtype('cpu')
    return x.dtype


def get_version(weight: Tensor) -> int:
    """The number of changes of a tensor in place; inference tensors count none."""
    return 0 if weight.is_inference() else weight._version


def find_activation(module: nn.Module) -> str | None:
    """The name in ``ACTIVATIONS`` of what a module computes, None if it has none."""
    if isinstance(module, nn.GELU):
        return 'gelu' if module.approximate == 'none' else None
    names = {nn.Hardswish: 'hardswish', nn.ReLU: 'relu', nn.SiLU: 'silu'}
    return names.get(type(module))


def pack_linear(linear: nn.Module, activation: str = 'none') -> nn.Module:
    """Build the packed layer of a linear one; any other module is returned as it is."""
    if type(linear) is not nn.Linear:
        return linear
    return PackedLinear(linear.weight, linear.bias, (activation,))


def pack_pointwise(conv: nn.Conv2d, activation: str = 'none') -> PackedLinear:
    """Build the packed layer of a 1x1 convolution; it takes tokens instead of maps."""
    return PackedLinear(conv.weight.flatten(1), conv.bias, (activation,))
