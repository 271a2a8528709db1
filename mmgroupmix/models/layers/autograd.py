"""Functions of autograd that keep arguments and compute what follows from them again.

All of them can be differentiated twice, and run the second time under the autocast of the
first. They take any function of tensors, without random numbers and without other tensors
that need gradients; those in :mod:`.functions` have a faster backward pass.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .functions import Function, Linearized
from .layout import to_map, to_tokens
from .precision import disable_autocast
from .products import multiply, multiply_transposed
from .recording import is_recorded


class RecomputedFunction(torch.autograd.Function):
    """A function of tensors, of which only the arguments are kept."""

    @staticmethod
    def forward(ctx: Any, function: Callable, *tensors: Tensor) -> Tensor:
        """Compute the function."""
        ctx.function, ctx.autocast = function, get_autocast(tensors[0])
        ctx.save_for_backward(*tensors)
        return function(*tensors)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple:
        """Compute the function again, then its gradients."""
        with leave_autocast(grads[0]):
            _, pull = linearize(ctx, ctx.saved_tensors, ctx.needs_input_grad[1:])
            return None, *pull(grads[0])


class RecomputedBatchNorm(torch.autograd.Function):
    """A function of batch norms in training, of which the statistics are kept.

    Each norm has a part of the channels; they have all but their statistics, weights and
    biases in common, and the latter come side by side.
    """

    @staticmethod
    def forward(
        ctx: Any,
        function: Callable,
        norms: Sequence[nn.BatchNorm2d],
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        *tensors: Tensor,
    ) -> Tensor:
        """Compute norms and function, and update the running statistics."""
        ctx.function, ctx.autocast, ctx.eps = function, get_autocast(x), norms[0].eps
        for norm in norms:
            if norm.num_batches_tracked is not None:
                norm.num_batches_tracked.add_(1)
        running_mean, running_variance = (
            join_buffers(norms, name) for name in ('running_mean', 'running_var')
        )
        y, mean, inverse = torch.native_batch_norm(
            to_map(x),
            weight,
            bias,
            running_mean,
            running_variance,
            True,
            norms[0].momentum or 0.0,
            ctx.eps,
        )
        split_buffer(norms, 'running_mean', running_mean)
        split_buffer(norms, 'running_var', running_variance)
        ctx.save_for_backward(x, weight, bias, mean, inverse, *tensors)
        return function(to_tokens(y), *tensors)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple:
        """Normalise again, then compute the gradients of function and norm."""
        x, weight, bias, mean, inverse, *tensors = ctx.saved_tensors
        _, _, *needs_norm = ctx.needs_input_grad[:5]
        needs = [True, *ctx.needs_input_grad[5:]]
        with leave_autocast(x):
            if torch.is_grad_enabled():  # the gradient of the gradient
                y = F.batch_norm(to_map(x), None, None, weight, bias, True, 0.0, ctx.eps)
                _, pull = linearize(ctx, [to_tokens(y), *tensors], needs)
                grad_y, *grad_tensors = pull(grads[0])
                affine = (x, weight, bias)
                grad_norm = differentiate(to_tokens(y), affine, needs_norm, grad_y)
                return None, None, *grad_norm, *grad_tensors
            variance = inverse.square().reciprocal() - ctx.eps
            y = F.batch_norm(to_map(x), mean, variance, weight, bias, False, 0.0, ctx.eps)
            _, pull = linearize(ctx, [to_tokens(y), *tensors], needs)
            grad_y, *grad_tensors = pull(grads[0])
            grad_x, *grad_affine = torch.ops.aten.native_batch_norm_backward(
                to_map(grad_y),
                to_map(x),
                weight,
                None,
                None,
                mean,
                inverse,
                True,
                ctx.eps,
                needs_norm,
            )
            grad_norm = [to_tokens(grad_x) if needs_norm[0] else None, *grad_affine]
        return None, None, *grad_norm, *grad_tensors


def join_buffers(norms: Sequence[nn.BatchNorm2d], name: str) -> Tensor | None:
    """A buffer of all norms, side by side; None if they have none."""
    if getattr(norms[0], name) is None:
        return None
    return torch.cat([norm.get_buffer(name) for norm in norms])


def split_buffer(
    norms: Sequence[nn.BatchNorm2d], name: str, joined: Tensor | None
) -> None:
    """Give each norm its part of a buffer."""
    if joined is not None:
        parts = joined.split([norm.num_features for norm in norms])
        torch._foreach_copy_([norm.get_buffer(name) for norm in norms], parts)


def keep_gradient_dense(tokens: Tensor) -> None:
    """Let the gradient of (B, H, W, C) tokens be dense, whatever it comes from.

    A map with channels first has such a gradient. All layers before it, along the
    residuals, would copy it for their products.
    """
    if is_recorded([tokens]):
        tokens.register_hook(Tensor.contiguous)


class RecomputedLinear(torch.autograd.Function):
    """A linear layer of a function, see :class:`Linear`."""

    @staticmethod
    def forward(
        ctx: Any,
        function: Callable | None,
        weight: Tensor,
        bias: Tensor | None,
        *tensors: Tensor,
    ) -> Tensor:
        """Compute the function and the product."""
        ctx.function, ctx.autocast = function, get_autocast(tensors[0])
        ctx.save_for_backward(weight, *tensors)
        return multiply(evaluate(function, tensors), weight, bias)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple:
        """Compute the function again, then the gradients of product and function."""
        (grad,) = grads
        weight, *tensors = ctx.saved_tensors
        _, needs_weight, needs_bias, *needs = ctx.needs_input_grad
        with leave_autocast(grad):
            compute, pull = linearize(ctx, tensors, needs)
            with restore_autocast(ctx.autocast, tensors[0]):
                x = compute()
            rows = grad.flatten(0, -2)
            grad_weight = grad_bias = None
            if needs_weight:
                grad_weight = multiply_transposed(rows, x.flatten(0, -2).to(grad.dtype))
            if needs_bias:
                grad_bias = rows.sum(0)
            grad_inputs: Sequence[Tensor | None] = [None] * len(needs)
            if any(needs):
                grad_x = multiply(grad, weight.to(grad.dtype).mT)
                grad_inputs = pull(grad_x.to(x.dtype))
        return None, grad_weight, grad_bias, *grad_inputs


def evaluate(function: Callable | None, tensors: Sequence[Tensor]) -> Tensor:
    """The result of the function; without one, the first tensor."""
    return function(*tensors) if function else tensors[0]


def get_autocast(x: Tensor) -> tuple[str, bool, torch.dtype] | None:
    """The present autocast of x's device; None for tensors for which there is none."""
    if x.is_meta:
        return None
    kind = x.device.type
    return kind, torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)


def restore_autocast(
    given: tuple[str, bool, torch.dtype] | None, x: Tensor
) -> AbstractContextManager:
    """Context manager: the autocast that was present in the forward pass."""
    if given is None or given == get_autocast(x):
        return nullcontext()
    kind, enabled, dtype = given
    return torch.autocast(kind, dtype, enabled)


def leave_autocast(x: Tensor) -> AbstractContextManager:
    """Context manager: no autocast, as in a backward pass outside of one."""
    if x.is_meta or not torch.is_autocast_enabled(x.device.type):
        return nullcontext()
    return disable_autocast(x)


def linearize(ctx: Any, tensors: Sequence[Tensor], needs: Sequence[bool]) -> Linearized:
    """Prepare the function of the forward pass once more, and its gradient.

    Args:
        ctx: Of the forward pass, with its function, or None for the first tensor itself,
            and its autocast.
        tensors (Sequence[Tensor]): Arguments of the function.
        needs (Sequence[bool]): Which of them need a gradient.

    Returns:
        tuple[Callable, Callable]: As of :meth:`.functions.Function.linearize`.
    """
    if ctx.function is None:
        return lambda: tensors[0], lambda grad: [grad]
    with restore_autocast(ctx.autocast, tensors[0]):
        if isinstance(ctx.function, Function) and not torch.is_grad_enabled():
            return ctx.function.linearize(needs, *tensors)
        inputs = list(tensors)
        if not torch.is_grad_enabled():  # leaves of a graph of their own
            inputs = [x.detach().requires_grad_(need) for x, need in zip(inputs, needs)]
        with torch.enable_grad():
            output = ctx.function(*inputs)
    return lambda: output, partial(differentiate, output, inputs, needs)


def differentiate(
    output: Tensor, inputs: Sequence[Tensor], needs: Sequence[bool], grad: Tensor
) -> list[Tensor | None]:
    """Gradients of the inputs that need one."""
    wanted = [x for x, need in zip(inputs, needs) if need]
    graph = torch.is_grad_enabled()
    grads = iter(torch.autograd.grad(output, wanted, grad, create_graph=graph))
    return [next(grads) if need else None for need in needs]
