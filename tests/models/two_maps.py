"""A user's own backbone with two maps, and the same with external attention."""

from collections.abc import Callable

import torch
from mmengine.registry import MODELS, DefaultScope
from torch import Tensor, nn

from mmgroupmix.models import WithExternalAttention


class TwoMaps(nn.Module):
    """A backbone with a batch norm and any kind of output.

    Args:
        output (Callable): Turns the list of the two maps into the output.
            Defaults to tuple.
        norm_eval (bool): Keep batch norms in eval mode. Defaults to False.
    """

    def __init__(self, output: Callable = tuple, norm_eval: bool = False):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.output, self.norm_eval = output, norm_eval

    def forward(self, x: Tensor) -> object:
        x = self.norm(self.conv(x))
        return self.output([x, 2 * x[..., ::2, ::2]])

    def train(self, mode: bool = True) -> nn.Module:
        super().train(mode)
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self


def build_two_maps(stage: int = -1, **arguments: object) -> nn.Module:
    """Build it with external attention, from a fixed seed."""
    torch.manual_seed(0)
    return WithExternalAttention(
        TwoMaps, dict(channels=6, num_memories=4, stage=stage), **arguments
    )


def make_image(size: int = 16) -> Tensor:
    """(2, 3, size, size) images, always the same."""
    torch.manual_seed(1)
    return torch.randn(2, 3, size, size)


def build_in_toolbox(scope: str | None, **backbone: object) -> nn.Module:
    """Build external attention around a backbone in the scope of a toolbox."""
    with DefaultScope.overwrite_default_scope(scope):
        return MODELS.build(dict(type='mmgroupmix.WithExternalAttention', **backbone))
