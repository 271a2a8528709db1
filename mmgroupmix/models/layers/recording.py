"""Who looks at the operations of a model: autograd, a compiler, hooks."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def is_recorded(tensors: Sequence[Tensor | None]) -> bool:
    """Whether autograd, and nothing else, records operations on the tensors."""
    return needs_gradient(tensors) and not is_traced()


def needs_gradient(tensors: Sequence[Tensor | None]) -> bool:
    """Whether a result of the tensors has a gradient."""
    return torch.is_grad_enabled() and any(
        tensor is not None and tensor.requires_grad for tensor in tensors
    )


def is_traced() -> bool:
    """Whether a compiler, an export or a transform of functions sees the operations."""
    return bool(
        torch.compiler.is_compiling()
        or torch.jit.is_tracing()
        or torch._C._are_functorch_transforms_active()
    )


def has_hooks(module: nn.Module) -> bool:
    """Whether somebody wants to see or change what the module computes."""
    return bool(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
    )
