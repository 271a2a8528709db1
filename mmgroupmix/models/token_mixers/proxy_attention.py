"""Attention of two heads to the group proxies of a segment, with its gradient.

Paper: "Advancing Vision Transformers with Group-Mix Attention" (arXiv 2311.15157),
Equation 5, after "Co-Scale Conv-Attentional Image Transformers" (arXiv 2104.06399),
Section 3.2: ``scale * q (softmax(k)^T v) + q * position(v)``, softmax over tokens.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..layers.depthwise import convolve_depthwise, differentiate_depthwise
from ..layers.functions import Function, Pullback
from ..layers.layout import make_dense_on_gpu, to_map, to_tokens
from ..layers.packed import find_dtype
from ..layers.precision import disable_autocast, promote_to_float32


@dataclass
class ProxyAttention(Function):
    """Hardswish, then attention to the proxies that it leaves.

    Args:
        size (tuple[int, int]): Height and width of the map.
        head_scale (Tensor): (c, c), the scale within each head and zeros elsewhere.
    """

    size: tuple[int, int]
    head_scale: Tensor

    def __call__(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Attend.

        Args:
            x (Tensor): Normalised maps of q, k and v: (3B, HW, 1, c), all of q first, or
                (B, HW, 3, c).
            weight (Tensor): Kernels of the relative position, (c, 1, K, K).
            bias (Tensor): (c,).

        Returns:
            Tensor: (B, H, W, c).
        """
        return self.attend(F.hardswish(x), lambda v: convolve_depthwise(v, weight, bias))

    def attend(self, proxies: Tensor, encode: Callable[[Tensor], Tensor]) -> Tensor:
        """Attend to proxies of q, k and v, laid out as x above, with an encoding of v."""
        q, k, v = separate(proxies)
        v = make_dense_on_gpu(v)
        position = to_tokens(encode(to_map(v.unflatten(1, self.size)))).flatten(1, 2)
        context = self.compute_context(k, v)[1].to(q.dtype)
        return torch.addcmul(q @ context, q, position).unflatten(1, self.size)

    def compute_context(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Softmax of k over tokens, (B, HW, c), and context of both heads, (B, c, c)."""
        # A softmax over 16384 tokens leaves float16's range: at least float32 here.
        with disable_autocast(k):
            softmax = promote_to_float32(k).softmax(dim=1)
            return softmax, softmax.mT @ promote_to_float32(v) * self.head_scale

    def linearize(
        self, needs: Sequence[bool], x: Tensor, weight: Tensor, bias: Tensor
    ) -> tuple[Tensor, Pullback]:
        """Attend, and prepare the gradient."""
        dtype = find_dtype(x)
        q, k, v = separate(F.hardswish(x).to(dtype))
        image = to_map(make_dense_on_gpu(v).unflatten(1, self.size))
        kernels = weight.to(dtype)
        encoded = convolve_depthwise(image, kernels, bias.to(dtype))
        position = to_tokens(encoded).flatten(1, 2)
        softmax, exact_context = self.compute_context(k, v)
        context = exact_context.to(dtype)
        y = torch.addcmul(q @ context, q, position).unflatten(1, self.size)

        def pull(grad: Tensor) -> list[Any]:
            grad = grad.flatten(1, 2)
            grad_context = promote_to_float32(q.mT @ grad) * self.head_scale
            grad_softmax = promote_to_float32(v) @ grad_context.mT
            grad_k = torch._softmax_backward_data(grad_softmax, softmax, 1, softmax.dtype)
            grad_position = to_map((grad * q).unflatten(1, self.size))
            conv_needs = (True, needs[1])
            grad_image, grad_weight = differentiate_depthwise(
                grad_position, image, kernels, (1, 1), conv_needs
            )
            grad_v = to_tokens(grad_image).flatten(1, 2) + softmax @ grad_context
            grad_q = torch.addcmul(grad @ context.mT, grad, position)
            grads = [t.to(x.dtype) for t in (grad_q, grad_k, grad_v)]
            grad_x = torch.ops.aten.hardswish_backward(join(grads, x.shape), x)
            grad_bias = grad_position.sum((0, 2, 3)) if needs[2] else None
            return [grad_x, grad_weight, grad_bias]

        return y, pull


def separate(proxies: Tensor) -> Sequence[Tensor]:
    """q, k and v, (B, HW, c) each, of (3B, HW, 1, c) or (B, HW, 3, c)."""
    if is_side_by_side(proxies.shape):
        return proxies.unbind(2)
    return proxies.squeeze(2).unflatten(0, (3, -1)).unbind()


def join(parts: Sequence[Tensor], shape: torch.Size) -> Tensor:
    """The inverse of :func:`separate`, for proxies of that shape."""
    return torch.stack([*parts], 2 if is_side_by_side(shape) else 0).view(shape)


def is_side_by_side(shape: torch.Size) -> bool:
    """Whether q, k and v of a token are neighbours, or all of q comes first."""
    return shape[2] == 3
