"""Linear layers and convolutions for inference, whose weights oneDNN lays out once.

On a CPU, PyTorch multiplies float32 matrices by a BLAS. oneDNN, which it uses for
convolutions and for half precision, was as fast or faster where it was measured
(docs/performance.md), if weights are laid out for it in advance, and applies an
activation while the product is still in the cache. Autocast would convert these weights
in every call; here they are converted once.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layout import make_dense_on_gpu, to_map, to_tokens
from .recording import has_hooks, is_traced, needs_gradient

#: Activations that oneDNN applies to a product, with its algorithm, and in plain PyTorch.
ACTIVATIONS: dict[str, tuple[str, str, Callable[[Tensor], Tensor]]] = {
    'none': ('none', '', lambda x: x),
    'gelu': ('gelu', 'none', F.gelu),
    'hardswish': ('hardswish', '', F.hardswish),
    'relu': ('relu', '', F.relu),
    'silu': ('swish', '', F.silu),
}


class PackedLayer(nn.Module):
    """Mixin of layers whose weight and bias take no gradients: their layouts for oneDNN.

    On another device than a CPU, without oneDNN, where gradients are asked for and while
    a model is traced or compiled, layers compute the same with PyTorch's usual functions.
    """

    weight: Any
    bias: Any

    def set_parameters(self, weight: Tensor, bias: Tensor | None) -> None:
        """Take over a weight and a bias."""
        self.weight = nn.Parameter(weight.detach(), requires_grad=False)
        if bias is not None:
            self.bias = nn.Parameter(bias.detach(), requires_grad=False)
        self.packed: dict[torch.dtype, tuple[list, Any]] = {}

    def get_packed(self, dtype: torch.dtype) -> Any:
        """What :meth:`pack` makes of the present weight and bias."""
        tensors = [self.weight] if self.bias is None else [self.weight, self.bias]
        state = [(tensor.data_ptr(), get_version(tensor)) for tensor in tensors]
        cached = self.packed.get(dtype)
        if cached is None or cached[0] != state:
            bias = None if self.bias is None else self.bias.to(dtype)
            packed = self.pack(self.weight.to(dtype).contiguous(), bias)
            cached = self.packed[dtype] = (state, packed)
        return cached[1]

    def pack(self, weight: Tensor, bias: Tensor | None) -> Any:
        """Lay out weight and bias."""
        raise NotImplementedError

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles get the weights, not their other layouts."""
        return {**self.__dict__, 'packed': {}}


class PackedLinear(PackedLayer, nn.Linear):
    """A linear layer and activations, for inference; the outputs may come in parts.

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
        width, channels = weight.shape
        super().__init__(channels, width, bias is not None, device='meta')
        self.set_parameters(weight, bias)
        self.activations = tuple(activations)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) to (..., D)."""
        (output,) = self.compute_parts(x)
        return output

    def compute_parts(self, x: Tensor) -> list[Tensor]:
        """(..., C) to (..., D / n) for each of the n activations.

        Each is dense where oneDNN computes it, and on a GPU.
        """
        if not is_packable(x, self.weight, self.bias):
            parts = super().forward(x).chunk(len(self.activations), dim=-1)
            activated = (ACTIVATIONS[a][2](p) for a, p in zip(self.activations, parts))
            return [make_dense_on_gpu(part) for part in activated]
        x = x.to(find_dtype(x))
        return [
            torch.ops.mkldnn._linear_pointwise(x, weight, bias, name, [], algorithm)
            for weight, bias, name, algorithm in self.get_packed(x.dtype)
        ]

    def pack(self, weight: Tensor, bias: Tensor | None) -> list[tuple]:
        """Weights, biases and activations of the parts."""
        count = len(self.activations)
        biases = [None] * count if bias is None else bias.chunk(count)
        weights = map(torch.ops.mkldnn._reorder_linear_weight, weight.chunk(count))
        names = [ACTIVATIONS[name][:2] for name in self.activations]
        return [(w, b, *name) for w, b, name in zip(weights, biases, names)]

    def extra_repr(self) -> str:
        """The sizes, for ``print(model)``."""
        return f'{super().extra_repr()}, activations={self.activations}'


class PackedConv2d(PackedLayer, nn.Conv2d):
    """A convolution and an activation, for inference.

    Args:
        weight (Tensor): (C', C / groups, K, L).
        bias (Tensor, optional): (C',). Defaults to None.
        activation (str): Name as in ``ACTIVATIONS``. Defaults to 'none'.
        **options: Arguments of ``nn.Conv2d``: stride, padding, dilation, groups.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None = None,
        activation: str = 'none',
        **options: Any,
    ):
        width, channels, *sides = weight.shape
        channels *= options.get('groups', 1)
        options.update(bias=bias is not None, device='meta')
        super().__init__(channels, width, (sides[0], sides[1]), **options)
        self.set_parameters(weight, bias)
        self.activation = activation
        geometry = (self.kernel_size, self.stride, self.padding, self.groups)
        # The product of a linear layer. As a convolution, oneDNN would lay out the weight
        # for one size of maps, and again in each call for other sizes.
        self.is_product = geometry == ((1, 1), (1, 1), (0, 0), 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H', W')."""
        name, algorithm, activate = ACTIVATIONS[self.activation]
        if not is_packable(x, self.weight, self.bias) or x.dim() != 4:
            return activate(super().forward(x))
        x = x.to(find_dtype(x), memory_format=torch.channels_last)
        weight, bias, *geometry = self.get_packed(x.dtype)
        if self.is_product:
            tokens = torch.ops.mkldnn._linear_pointwise(
                to_tokens(x), weight, bias, name, [], algorithm
            )
            return to_map(tokens)
        return torch.ops.mkldnn._convolution_pointwise(
            x, weight, bias, *geometry, name, [], algorithm
        )

    def pack(self, weight: Tensor, bias: Tensor | None) -> tuple:
        """Weight, bias and geometry."""
        if self.is_product:
            return torch.ops.mkldnn._reorder_linear_weight(weight.flatten(1)), bias
        geometry = (self.padding, self.stride, self.dilation, self.groups)
        packed = torch.ops.mkldnn._reorder_convolution_weight(weight, *geometry)
        return packed, bias, *geometry

    def extra_repr(self) -> str:
        """The sizes, for ``print(model)``."""
        return f'{super().extra_repr()}, activation={self.activation!r}'


def is_packable(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> bool:
    """Whether oneDNN's own functions, which have no gradients, can compute the layer."""
    return bool(
        x.device.type == weight.device.type == 'cpu'
        and type(x) is Tensor
        and x.numel() > 0
        and torch.backends.mkldnn.enabled
        and hasattr(torch.ops.mkldnn, '_linear_pointwise')
        and find_dtype(x) == find_dtype(weight)
        and find_dtype(x) in (torch.float32, torch.bfloat16)
        and not needs_gradient((x, weight, bias))
        and not is_traced()
    )


def find_dtype(x: Tensor) -> torch.dtype:
    """The dtype in which a product of x is computed, autocast considered."""
    return torch.get_autocast_dtype(x.device.type) if is_autocast(x) else x.dtype


def is_autocast(x: Tensor) -> bool:
    """Whether autocast lowers the precision of x in a product."""
    # PyTorch has no autocast for meta tensors, and lowers no double precision.
    if x.is_meta or x.dtype == torch.float64:
        return False
    return torch.is_autocast_enabled(x.device.type)


def get_version(weight: Tensor) -> int:
    """The number of changes of a tensor in place; inference tensors count none."""
    return 0 if weight.is_inference() else weight._version


def find_activation(module: nn.Module) -> str | None:
    """The name in ``ACTIVATIONS`` of what a module computes, None if it has none."""
    if isinstance(module, nn.GELU):
        return 'gelu' if module.approximate == 'none' else None
    names = {nn.Hardswish: 'hardswish', nn.ReLU: 'relu', nn.SiLU: 'silu'}
    return names.get(type(module))


def pack_linear(linear: nn.Linear, activation: str = 'none') -> nn.Linear:
    """Build the packed layer of a linear one; other classes are returned as they are."""
    if type(linear) is not nn.Linear and not getattr(linear, 'packable', False):
        return linear
    return PackedLinear(linear.weight, linear.bias, (activation,))


def pack_pointwise(conv: nn.Conv2d, activation: str = 'none') -> PackedLinear:
    """Build the packed layer of a 1x1 convolution; it takes tokens instead of maps."""
    return PackedLinear(conv.weight.flatten(1), conv.bias, (activation,))


def pack_convolution(conv: nn.Conv2d, activation: str = 'none') -> nn.Conv2d:
    """Build the packed layer of a convolution; others than plain ones are returned."""
    plain = type(conv) is nn.Conv2d and conv.padding_mode == 'zeros'
    if not plain or isinstance(conv.padding, str):
        return conv
    return PackedConv2d(
        conv.weight,
        conv.bias,
        activation,
        stride=conv.stride,
        padding=conv.padding,
        dilation=conv.dilation,
        groups=conv.groups,
    )


def pack_layers(model: nn.Module) -> None:
    """Replace the linear layers and convolutions in a model by packed ones, in place.

    Those with hooks stay as they are, and so do subclasses.
    """
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if has_hooks(child):
                continue
            if isinstance(child, nn.Linear):
                setattr(module, name, pack_linear(child))
            elif isinstance(child, nn.Conv2d):
                setattr(module, name, pack_convolution(child))
