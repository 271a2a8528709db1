"""Functions of tensors with gradients written out.

To compute a cheap function again in the backward pass, and then its gradient, by autograd
takes longer than the function itself where maps are small: most of that time goes to the
graph and to Python.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layout import to_map, to_tokens
from .packed import is_autocast

#: The gradient by the result of a function to those by its arguments; None for those that
#: are not asked for.
Pullback = Callable[[Tensor], Sequence[Any]]
#: The result of a function, computed when it is asked for, and its gradient.
Linearized = tuple[Callable[[], Tensor], Pullback]


class Function:
    """A function of tensors; without random numbers, and without other tensors."""

    def __call__(self, *tensors: Any) -> Tensor:
        """Compute the function, as autograd can differentiate it."""
        raise NotImplementedError

    def linearize(self, needs: Sequence[bool], *tensors: Any) -> Linearized:
        """Prepare the result of the function and its gradient, without autograd.

        Args:
            needs (Sequence[bool]): Which tensors' gradients are asked for.
            *tensors (Tensor): The arguments.

        Returns:
            tuple[Callable, Callable]: A function that returns the result, for which not
            everybody asks, and one from the gradient by it to the gradients by the
            tensors. The first runs under the autocast of the forward pass, the second
            without.
        """
        raise NotImplementedError


@dataclass
class Chain(Function):
    """A function, and then one of its result."""

    first: Function
    second: Function

    def __call__(self, *tensors: Any) -> Tensor:
        """Compute both."""
        return self.second(self.first(*tensors))

    def linearize(self, needs: Sequence[bool], *tensors: Any) -> Linearized:
        """Prepare both results and the gradient."""
        compute_first, pull_first = self.first.linearize(needs, *tensors)
        compute, pull_second = self.second.linearize([True], compute_first())
        return compute, lambda grad: pull_first(pull_second(grad)[0])


#: Gradients of activations: of the module, the gradient by its result, and its argument.
ACTIVATION_GRADIENTS: dict[type, Callable[[Any, Tensor, Tensor], Tensor]] = {
    nn.GELU: lambda act, grad, x: torch.ops.aten.gelu_backward(
        grad, x, approximate=act.approximate
    ),
    nn.Hardswish: lambda act, grad, x: torch.ops.aten.hardswish_backward(grad, x),
    nn.ReLU: lambda act, grad, x: torch.ops.aten.threshold_backward(grad, x, 0),
    nn.SiLU: lambda act, grad, x: torch.ops.aten.silu_backward(grad, x),
}


@dataclass
class Activation(Function):
    """An activation of a type in ``ACTIVATION_GRADIENTS``."""

    act: nn.Module

    def __call__(self, x: Tensor) -> Tensor:
        """Activate."""
        return self.act(x)

    def linearize(self, needs: Sequence[bool], x: Tensor) -> Linearized:
        """Prepare the activation and its gradient."""
        differentiate = ACTIVATION_GRADIENTS[type(self.act)]
        return partial(self.act, x), lambda grad: [differentiate(self.act, grad, x)]


@dataclass
class ChannelNorm(Function):
    """Layer norm of tokens, with the given affine parameters."""

    shape: Sequence[int]
    eps: float

    def __call__(
        self, x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None
    ) -> Tensor:
        """(..., C) to the same."""
        return F.layer_norm(x, list(self.shape), weight, bias, self.eps)

    def linearize(
        self,
        needs: Sequence[bool],
        x: Tensor,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
    ) -> Linearized:
        """Normalise, and prepare the gradient."""
        wide = promote(x)
        shape, affine = list(self.shape), (weight, bias)
        y, *statistics = torch.native_layer_norm(wide, shape, *affine, self.eps)
        mask = complete(needs)

        def pull(grad: Tensor) -> Sequence[Any]:
            grads = torch.ops.aten.native_layer_norm_backward(
                grad, wide, shape, *statistics, *affine, mask
            )
            return convert_first(grads[: len(needs)], x)

        return lambda: y, pull


@dataclass
class GroupNorm(Function):
    """Group norm of tokens, with the given affine parameters."""

    groups: int
    eps: float

    def __call__(
        self, x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None
    ) -> Tensor:
        """(B, H, W, C) to the same."""
        return to_tokens(F.group_norm(to_map(x), self.groups, weight, bias, self.eps))

    def linearize(
        self,
        needs: Sequence[bool],
        x: Tensor,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
    ) -> Linearized:
        """Normalise, and prepare the gradient."""
        wide = to_map(promote(x).contiguous())
        batch, channels, height, width = wide.shape
        sizes = (batch, channels, height * width, self.groups)
        y, *statistics = torch.native_group_norm(wide, weight, bias, *sizes, self.eps)
        mask = complete(needs)

        def pull(grad: Tensor) -> Sequence[Any]:
            grads = torch.ops.aten.native_group_norm_backward(
                to_map(grad.contiguous()), wide, *statistics, weight, *sizes, mask
            )
            tokens = None if grads[0] is None else to_tokens(grads[0])
            return convert_first([tokens, *grads[1 : len(needs)]], x)

        return lambda: to_tokens(y), pull


def promote(x: Tensor) -> Tensor:
    """What autocast makes of the argument of a norm: float32, but not on a CPU."""
    return x.float() if is_autocast(x) and x.device.type != 'cpu' else x


def complete(needs: Sequence[bool]) -> list[bool]:
    """Whether x, weight and bias need a gradient; absent ones need none."""
    return [*needs, False, False][:3]


def convert_first(grads: Sequence[Tensor | None], x: Tensor) -> Sequence[Tensor | None]:
    """Give the first gradient the dtype of x."""
    grad_x, *others = grads
    return [None if grad_x is None else grad_x.to(x.dtype), *others]


def get_norm_function(norm: nn.Module) -> Function | None:
    """The function of a norm's argument and affine parameters, if it is plain."""
    if type(norm) is nn.LayerNorm:
        return ChannelNorm(norm.normalized_shape, norm.eps)
    if type(norm) is nn.GroupNorm:
        return GroupNorm(norm.num_groups, norm.eps)
    return None


def get_activation_function(act: nn.Module) -> Function | None:
    """The function that an activation computes, if it is plain and not in place."""
    plain = type(act) in ACTIVATION_GRADIENTS and not getattr(act, 'inplace', False)
    return Activation(act) if plain else None
