"""One forward pass, or one step of a training, of a model on images."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import UserError

PASSES = ('inference', 'train')
#: Time does not depend on the rate: a small one keeps the weights finite.
LEARNING_RATE = 1e-6
OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    'sgd': lambda parameters: torch.optim.SGD(parameters, LEARNING_RATE, momentum=0.9),
    'adamw': lambda parameters: torch.optim.AdamW(parameters, LEARNING_RATE),
}


class Step:
    """A model on a batch: called, it runs one pass and waits for the device.

    A step of a training is the forward pass, a loss (the sum over all outputs of their
    mean square, in float32), the backward pass, and the update of the weights if there is
    an optimizer. Then gradients are released.

    Args:
        model (nn.Module): The model, in train or eval mode.
        images (Tensor): Its input.
        training (bool): Whether to run a step of a training.
        autocast (torch.dtype, optional): Type of mixed precision. Defaults to None.
        optimizer (torch.optim.Optimizer, optional): In a training. Defaults to None.
    """

    def __init__(
        self,
        model: nn.Module,
        images: Tensor,
        training: bool,
        autocast: torch.dtype | None = None,
        optimizer: torch.optim.Optimizer | None = None,
    ):
        self.model = model
        self.images = images
        self.training = training
        self.autocast = autocast
        self.optimizer = optimizer

    def __call__(self) -> None:
        if self.training:
            compute_loss(self.forward()).backward()
            if self.optimizer:
                self.optimizer.step()
            self.model.zero_grad(set_to_none=True)
        else:
            with torch.inference_mode():
                self.forward()
        synchronize(self.images.device)

    def forward(self) -> Any:
        """Run the forward pass alone."""
        kind = self.images.device.type
        enabled = self.autocast is not None
        with torch.autocast(kind, self.autocast if enabled else None, enabled=enabled):
            return self.model(self.images)


def compute_loss(outputs: Any) -> Tensor:
    """The sum of the mean squares of all outputs that have a gradient."""
    losses = [
        output.float().square().mean()
        for output in iter_tensors(outputs)
        if output.requires_grad
    ]
    if not losses:
        raise UserError('no output has a gradient: there is nothing to train')
    return torch.stack(losses).sum()


def iter_tensors(outputs: Any) -> Iterator[Tensor]:
    """The tensors in nested tuples, lists and dicts."""
    if isinstance(outputs, Tensor):
        yield outputs
    elif isinstance(outputs, Mapping):
        for value in outputs.values():
            yield from iter_tensors(value)
    elif isinstance(outputs, (tuple, list)):
        for value in outputs:
            yield from iter_tensors(value)


def synchronize(device: torch.device) -> None:
    """Wait until a device has done what it was given."""
    if device.type != 'cpu':
        getattr(torch, device.type).synchronize()
