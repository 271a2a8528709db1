"""Attention of two heads to the group proxies of a segment, with its gradient.

Paper: "Advancing Vision Transformers with Group-Mix Attention" (arXiv 2311.15157),
Equation 5, after "Co-Scale Conv-Attentional Image Transformers" (arXiv 2104.06399),
Section 3.2: ``scale * q (softmax(k)^T v) + q * position(v)``, softmax over tokens.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..layers.depthwise import convolve_depthwise, differentiate_depthwise
from ..layers.functions import Function, Linearized
from ..layers.layout import join_channels, make_dense_on_gpu, to_map, to_tokens
from ..layers.packed import find_dtype
from ..layers.precision import disable_autocast, promote_to_float32


@dataclass
class ProxyAttention(Function):
    """Hardswish, then attention to the proxies that it leaves, of n segments at once.

    Args:
        size (tuple[int, int]): Height and width of the map.
        head_scale (Tensor): (c, c), the scale within each head of a segment and zeros
            elsewhere.
    """

    size: tuple[int, int]
    head_scale: Tensor

    def __call__(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Attend.

        Args:
            x (Tensor): Normalised maps of q, k and v: (3B, HW, 1, n c), all of q first,
                or (B, HW, 3, n c).
            weight (Tensor): Kernels of the relative position, (n c, 1, K, K).
            bias (Tensor): (n c,).

        Returns:
            Tensor: (B, H, W, n c).
        """
        return self.attend(F.hardswish(x), lambda v: convolve_depthwise(v, weight, bias))

    def attend(self, proxies: Tensor, encode: Callable[[Tensor], Tensor]) -> Tensor:
        """Attend to proxies of q, k and v, laid out as x above, with an encoding of v."""
        q, k, v = separate(proxies)
        v = make_dense_on_gpu(v)
        position = to_tokens(encode(to_map(v.unflatten(1, self.size)))).flatten(1, 2)
        contexts = self.compute_contexts(self.compute_softmax(k), v).to(q.dtype)
        return self.combine(q, contexts, position)

    def combine(self, q: Tensor, contexts: Tensor, position: Tensor) -> Tensor:
        """Compute q context + q * position, (B, H, W, n c)."""
        mixed = multiply_segments(q, contexts)
        return torch.addcmul(mixed, q, position).unflatten(1, self.size)

    def compute_softmax(self, k: Tensor) -> Tensor:
        """Softmax over tokens, (B, HW, n c)."""
        # A softmax over 16384 tokens leaves float16's range: at least float32 here.
        with disable_autocast(k):
            return promote_to_float32(k).softmax(dim=1)

    def compute_contexts(self, softmax: Tensor, v: Tensor) -> Tensor:
        """Contexts of the heads of each segment, (n, B, c, c)."""
        with disable_autocast(v):
            return self.correlate(softmax, promote_to_float32(v)) * self.head_scale

    def correlate(self, x: Tensor, y: Tensor) -> Tensor:
        """Sum x^T y over tokens within each segment: (n, B, c, c)."""
        size = len(self.head_scale)
        pairs = zip(x.split(size, dim=-1), y.split(size, dim=-1))
        products = [torch.bmm(a.mT, b) for a, b in pairs]
        return torch.stack(products) if len(products) > 1 else products[0].unsqueeze(0)

    def linearize(
        self, needs: Sequence[bool], x: Tensor, weight: Tensor, bias: Tensor
    ) -> Linearized:
        """Prepare the result of the attention, and its gradient."""
        dtype = find_dtype(x)
        q, k, v = separate(F.hardswish(x).to(dtype))
        image = to_map(make_dense_on_gpu(v).unflatten(1, self.size))
        kernels = weight.to(dtype)
        encoded = convolve_depthwise(image, kernels, bias.to(dtype))
        position = to_tokens(encoded).flatten(1, 2)
        softmax = self.compute_softmax(k)
        contexts = self.compute_contexts(softmax, v).to(dtype)

        def pull(grad: Tensor) -> list[Any]:
            grad = grad.flatten(1, 2)
            grad_y = torch.empty_like(x, dtype=dtype)
            grad_q, grad_k, grad_v = separate(grad_y)
            torch.mul(grad, position, out=grad_q)
            add_products(grad_q, grad, contexts.mT)
            grad_contexts = promote_to_float32(self.correlate(q, grad)) * self.head_scale
            grad_softmax = multiply_segments(promote_to_float32(v), grad_contexts.mT)
            grad_k.copy_(
                torch._softmax_backward_data(grad_softmax, softmax, 1, softmax.dtype)
            )
            grad_position = to_map((grad * q).unflatten(1, self.size))
            conv_needs = (True, needs[1])
            grad_image, grad_weight = differentiate_depthwise(
                grad_position, image, kernels, (1, 1), conv_needs
            )
            grad_v.copy_(to_tokens(grad_image).flatten(1, 2))
            add_products(grad_v, softmax, grad_contexts)
            grad_x = torch.ops.aten.hardswish_backward(grad_y.to(x.dtype), x)
            grad_bias = grad_position.sum((0, 2, 3)) if needs[2] else None
            return [grad_x, grad_weight, grad_bias]

        return partial(self.combine, q, contexts, position), pull


def multiply_segments(x: Tensor, matrices: Tensor) -> Tensor:
    """Multiply each segment of (B, HW, n c) by its (B, c, c) of (n, B, c, c)."""
    parts = x.split(matrices.shape[-2], dim=-1)
    return join_channels([torch.bmm(a, b) for a, b in zip(parts, matrices)])


def add_products(total: Tensor, x: Tensor, matrices: Tensor) -> None:
    """Add what :func:`multiply_segments` computes to (B, HW, n c), in place."""
    size = matrices.shape[-1]
    for part, a, b in zip(total.split(size, -1), x.split(size, -1), matrices):
        if part.dtype == a.dtype:
            part.baddbmm_(a, b)
        else:
            part += torch.bmm(a, b)


def separate(proxies: Tensor) -> Sequence[Tensor]:
    """q, k and v, (B, HW, c) each, of (3B, HW, 1, c) or (B, HW, 3, c)."""
    if is_side_by_side(proxies.shape):
        return proxies.unbind(2)
    return proxies.squeeze(2).unflatten(0, (3, -1)).unbind()


def is_side_by_side(shape: torch.Size) -> bool:
    """Whether q, k and v of a token are neighbours, or all of q comes first."""
    return shape[2] == 3
