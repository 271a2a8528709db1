"""Linear layers that keep less for the backward pass.

A linear layer keeps its input for the backward pass, and the norm or activation before it
keeps what that was made of. The latter is cheap to compute beside the product: here only
the argument of the norm or activation is kept, and the backward pass computes its result
again. No product of a linear layer runs twice; on a CPU, the faster library computes it,
see :mod:`.products`.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from .autograd import (
    RecomputedBatchNorm,
    RecomputedFunction,
    RecomputedLinear,
    evaluate,
)
from .functions import get_activation_function, get_norm_function
from .layout import join_channels
from .norm import apply_norm
from .products import avoids_blas, multiply
from .recording import has_hooks, is_recorded


class Linear(nn.Linear):
    """A linear layer, of the result of a function if one is given."""

    #: Computes the same as its base class, see :func:`.packed.pack_linear`.
    packable: ClassVar = True

    def forward(
        self, x: Tensor, *tensors: Tensor, function: Callable | None = None
    ) -> Tensor:
        """Compute the layer of ``function(x, *tensors)``, or of x.

        Args:
            x (Tensor): (..., C), or the first argument of the function.
            *tensors (Tensor): Further arguments of the function.
            function (Callable, optional): Returns (..., C); the backward pass calls it
                again. Defaults to None.

        Returns:
            Tensor: (..., D).
        """
        return apply_linear(self.weight, self.bias, (x, *tensors), function)


def apply_linear(
    weight: Tensor,
    bias: Tensor | None,
    tensors: Sequence[Tensor],
    function: Callable | None = None,
) -> Tensor:
    """Multiply the result of a function as :class:`Linear` does."""
    # Without a function, only the choice of the library is to be gained.
    gains = function is not None or avoids_blas(tensors[0])
    if gains and is_recorded((weight, bias, *tensors)):
        return RecomputedLinear.apply(function, weight, bias, *tensors)
    return multiply(evaluate(function, tensors), weight, bias)


def apply_linear_to_norm(linear: nn.Linear, norm: nn.Module | None, x: Tensor) -> Tensor:
    """Compute ``linear(norm(x))`` of tokens, (B, H, W, C) to (B, H, W, D)."""
    if norm is None or isinstance(norm, nn.Identity):
        return linear(x)
    simple = isinstance(linear, Linear) and not has_hooks(norm)
    function = get_norm_function(norm) if simple else None
    if function is None:
        return linear(apply_norm(norm, x))
    return linear(x, *norm.parameters(), function=function)


def apply_linear_to_activation(linear: nn.Linear, act: nn.Module, x: Tensor) -> Tensor:
    """Compute ``linear(act(x))``, (..., C) to (..., D)."""
    simple = isinstance(linear, Linear) and not has_hooks(act)
    function = get_activation_function(act) if simple else None
    if function is None:
        return linear(act(x))
    return linear(x, function=function)


def recompute(function: Callable, *tensors: Tensor) -> Tensor:
    """Compute ``function(*tensors)``, and again in the backward pass."""
    if is_recorded(tensors):
        return RecomputedFunction.apply(function, *tensors)
    return function(*tensors)


def apply_to_batch_norms(
    function: Callable, norms: Sequence[nn.Module], xs: Sequence[Tensor], *tensors: Tensor
) -> Tensor:
    """Compute a function of normalised tokens, and all but statistics once more.

    Args:
        function (Callable): Of all tokens side by side, (B, H, W, C), and the tensors.
        norms (Sequence[nn.Module]): Batch norms, or what takes their place.
        xs (Sequence[Tensor]): Tokens of each norm, (B, H, W, Ci).
        *tensors (Tensor): Further arguments of the function.

    Returns:
        Tensor: What the function returns.
    """
    if can_join(norms, xs[0]):
        weight, bias = (
            torch.cat([norm.get_parameter(name) for norm in norms])
            for name in ('weight', 'bias')
        )
        if is_recorded((*xs, weight, bias, *tensors)):
            x = join_channels(xs)
            return RecomputedBatchNorm.apply(function, norms, x, weight, bias, *tensors)
    x = join_channels([apply_norm(norm, x) for norm, x in zip(norms, xs)])
    return recompute(function, x, *tensors)


def can_join(norms: Sequence[nn.Module], x: Tensor) -> bool:
    """Whether norms are batch norms in training that differ in their channels only."""
    first = describe_training(norms[0])
    if first is None or any(describe_training(norm) != first for norm in norms[1:]):
        return False
    # PyTorch refuses to train on a single value per channel, which the norm itself says.
    return x.numel() > x.shape[-1]


def describe_training(norm: nn.Module) -> tuple | None:
    """What batch norms in training have in common, None if it is not a plain one."""
    if type(norm) is not nn.BatchNorm2d or has_hooks(norm):
        return None
    # Without momentum, running statistics depend on the number of batches of each.
    if not norm.training or not norm.affine or norm.momentum is None:
        return None
    return norm.eps, norm.momentum, norm.track_running_stats
