"""Optimizers of a GAN: one for each network."""

from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapperDict
from torch import nn

from ..errors import UserError
from ..registry import OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class SeparateOptimWrapperConstructor:
    """Builds an optimizer wrapper for each of several parts of a model.

    A config looks like this::

        optim_wrapper = dict(
            constructor='mmgroupmix.SeparateOptimWrapperConstructor',
            generator=dict(optimizer=dict(type='Adam', lr=1e-4)),
            discriminator=dict(optimizer=dict(type='Adam', lr=4e-4)))

    Args:
        optim_wrapper_cfg (dict): Names of parts to configs of optimizer wrappers.
        paramwise_cfg (dict, optional): As for mmengine's constructor. Defaults to None.

    Raises:
        UserError: If the model has no such part.
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None):
        self.optim_wrapper_cfg, self.paramwise_cfg = optim_wrapper_cfg, paramwise_cfg

    def __call__(self, model: nn.Module) -> OptimWrapperDict:
        """Build the wrappers of a model, which may be wrapped for several processes."""
        inner = getattr(model, 'module', model)
        wrappers = {}
        for name, config in self.optim_wrapper_cfg.items():
            part = getattr(inner, name, None)
            if not isinstance(part, nn.Module) or not isinstance(config, dict):
                parts = ', '.join(key for key, _ in inner.named_children())
                raise UserError(
                    f'optim_wrapper.{name}={config!r}, expected the config of an '
                    f'optimizer wrapper for a part of the model: {parts}.'
                )
            settings = dict(dict(type='OptimWrapper'), **config)
            build = DefaultOptimWrapperConstructor(settings, self.paramwise_cfg)
            wrappers[name] = build(part)
        return OptimWrapperDict(**wrappers)
