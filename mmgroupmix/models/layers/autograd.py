"""Functions of autograd that keep arguments and compute what follows from them again.

All of them can be differentiated twice, and run the second time under the autocast of the
first.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layout import to_map, to_tokens
from .products import multiply, multiply_transposed
from .recording import is_recorded

#: Tensors to a tensor; without random numbers, and without other tensors that need
#: gradients.
Function = Callable[..., Tensor]


class RecomputedFunction(torch.autograd.Function):
    """A function of tensors, of which only the arguments are kept."""

    @staticmethod
    def forward(ctx: Any, function: Function, *tensors: Tensor) -> Tensor:
        """Compute the function."""
        ctx.function, ctx.autocast = function, get_autocast(tensors[0])
        ctx.save_for_backward(*tensors)
        return function(*tensors)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple:
        """Compute the function again, then its gradients."""
        needs = ctx.needs_input_grad[1:]
        inputs = prepare_inputs(ctx.saved_tensors, needs)
        output = reevaluate(ctx, inputs)
        return None, *differentiate(output, inputs, needs, grads[0])


class RecomputedBatchNorm(torch.autograd.Function):
    """A function of a batch norm in training, of which the statistics are kept."""

    @staticmethod
    def forward(
        ctx: Any,
        function: Function,
        norm: nn.BatchNorm2d,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        *tensors: Tensor,
    ) -> Tensor:
        """Compute norm and function, and update the running statistics."""
        ctx.function, ctx.autocast, ctx.eps = function, get_autocast(x), norm.eps
        momentum = count_batch(norm)
        y, mean, inverse = torch.native_batch_norm(
            to_map(x),
            weight,
            bias,
            norm.running_mean,
            norm.running_var,
            True,
            momentum,
            norm.eps,
        )
        ctx.save_for_backward(x, weight, bias, mean, inverse, *tensors)
        return function(to_tokens(y), *tensors)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple:
        """Normalise again, then compute the gradients of function and norm."""
        x, weight, bias, mean, inverse, *tensors = ctx.saved_tensors
        _, _, *needs_norm = ctx.needs_input_grad[:5]
        needs = [True, *ctx.needs_input_grad[5:]]
        if torch.is_grad_enabled():  # the gradient of the gradient
            y = F.batch_norm(to_map(x), None, None, weight, bias, True, 0.0, ctx.eps)
        else:
            variance = inverse.square().reciprocal() - ctx.eps
            y = F.batch_norm(to_map(x), mean, variance, weight, bias, False, 0.0, ctx.eps)
        inputs = prepare_inputs([to_tokens(y), *tensors], needs)
        output = reevaluate(ctx, inputs)
        grad_y: Any
        grad_y, *grad_tensors = differentiate(output, inputs, needs, grads[0])
        if torch.is_grad_enabled():
            affine = (x, weight, bias)
            grad_norm = differentiate(to_tokens(y), affine, needs_norm, grad_y)
        else:
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


def keep_gradient_dense(tokens: Tensor) -> None:
    """Let the gradient of (B, H, W, C) tokens be dense, whatever it comes from.

    A map with channels first has such a gradient. All layers before it, along the
    residuals, would copy it for their products.
    """
    if is_recorded([tokens]):
        tokens.register_hook(Tensor.contiguous)


def count_batch(norm: nn.BatchNorm2d) -> float:
    """Count a batch of a batch norm; the momentum of its running statistics."""
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
        if norm.momentum is None:
            return 1.0 / float(norm.num_batches_tracked)
    return norm.momentum or 0.0


class RecomputedLinear(torch.autograd.Function):
    """A linear layer of a function, see :class:`Linear`."""

    @staticmethod
    def forward(
        ctx: Any,
        function: Function | None,
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
        inputs = prepare_inputs(tensors, needs)
        x = reevaluate(ctx, inputs)
        rows = grad.flatten(0, -2)
        grad_weight = grad_bias = None
        if needs_weight:
            grad_weight = multiply_transposed(rows, x.flatten(0, -2).to(grad.dtype))
        if needs_bias:
            grad_bias = rows.sum(0)
        grad_inputs: Sequence[Tensor | None] = [None] * len(needs)
        if any(needs):
            grad_x = multiply(grad, weight.to(grad.dtype).mT).to(x.dtype)
            if ctx.function is None:
                grad_inputs = [grad_x]
            else:
                grad_inputs = differentiate(x, inputs, needs, grad_x)
        return None, grad_weight, grad_bias, *grad_inputs


def evaluate(function: Function | None, tensors: Sequence[Tensor]) -> Tensor:
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


def prepare_inputs(tensors: Sequence[Tensor], needs: Sequence[bool]) -> list[Tensor]:
    """Leaves of a graph of their own; the tensors if gradients get a graph, too."""
    if torch.is_grad_enabled():
        return list(tensors)
    return [x.detach().requires_grad_(need) for x, need in zip(tensors, needs)]


def reevaluate(ctx: Any, inputs: Sequence[Tensor]) -> Tensor:
    """Compute the function again, as in the forward pass."""
    with torch.enable_grad(), restore_autocast(ctx.autocast, inputs[0]):
        return evaluate(ctx.function, inputs)


def differentiate(
    output: Tensor, inputs: Sequence[Tensor], needs: Sequence[bool], grad: Tensor
) -> list[Tensor | None]:
    """Gradients of the inputs that need one."""
    wanted = [x for x, need in zip(inputs, needs) if need]
    graph = torch.is_grad_enabled()
    grads = iter(torch.autograd.grad(output, wanted, grad, create_graph=graph))
    return [next(grads) if need else None for need in needs]
