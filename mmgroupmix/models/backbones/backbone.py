"""Base of the backbones: architectures by name, frozen parts, folding for inference."""

from collections.abc import Mapping
from typing import ClassVar

from mmengine.model import BaseModule
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from ...arguments import check_argument, suggest
from ...checkpoints.input_channels import adapt_convolution
from ..layers.packed import pack_layers
from .pretrained import PretrainedLoadingMixin


class Backbone(PretrainedLoadingMixin, BaseModule):
    """Base of the backbones, which load published files without conversion.

    Args:
        frozen_stages (int): Number of frozen parts, -1 for none.
        norm_eval (bool): Keep batch norms in eval mode while training.
        with_cp (bool): Activation checkpointing.
        init_cfg (dict | list[dict], optional): mmengine's weight initialisation.
    """

    #: Sizes of the architectures by name.
    arch_settings: ClassVar[Mapping[str, Mapping]] = {}
    #: Other names of the architectures.
    arch_aliases: ClassVar[Mapping[str, str]] = {}
    #: Sizes that an architecture given as a dict must have.
    arch_keys: ClassVar[tuple[str, ...]] = ()
    #: Name of the weight of the convolution that takes the image.
    stem_weight: ClassVar[str] = 'stem.weight'

    def __init__(
        self,
        frozen_stages: int,
        norm_eval: bool,
        with_cp: bool,
        init_cfg: dict | list[dict] | None,
    ):
        cfgs = init_cfg if isinstance(init_cfg, (tuple, list)) else [init_cfg or {}]
        check_argument(
            all(isinstance(cfg, Mapping) for cfg in cfgs),
            f'{type(self).__name__}: init_cfg',
            init_cfg,
            "None or a dict with type, such as dict(type='Pretrained', checkpoint=...), "
            'or a list of them',
        )
        super().__init__(init_cfg)
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        self.with_cp = with_cp
        self.fused = False

    @classmethod
    def resolve_arch(cls, arch: str | Mapping) -> tuple[str, dict]:
        """Look up an architecture.

        Args:
            arch (str | dict): A name or an alias, or a dict of sizes.

        Returns:
            tuple[str, dict]: Its name, ``'custom'`` for a dict, and its sizes.

        Raises:
            UserError: If no architecture has that name.
        """
        if isinstance(arch, Mapping):
            return 'custom', dict(arch)
        names = (*cls.arch_settings, *cls.arch_aliases)
        expected = f'{", ".join((*names, "a dict"))} with {", ".join(cls.arch_keys)}'
        expected += suggest(arch, names)
        name = cls.arch_aliases.get(arch, arch) if isinstance(arch, str) else None
        check_argument(name in cls.arch_settings, f'{cls.__name__}: arch', arch, expected)
        return name, dict(cls.arch_settings[name])

    @classmethod
    def infer_arch(cls, tensors: Mapping[str, Tensor]) -> dict:
        """Infer sizes, as in ``arch_settings``, from a state dict in our names."""
        raise NotImplementedError

    @classmethod
    def from_state_dict(
        cls, arch: str, tensors: Mapping[str, Tensor], classifier: bool
    ) -> 'Backbone':
        """Build a backbone with the parts that a complete state dict has.

        Args:
            arch (str): A key of ``arch_settings``.
            tensors (dict[str, Tensor]): The state dict, in our names.
            classifier (bool): Whether it is for a classifier, not for dense prediction.

        Returns:
            Backbone: The backbone, with random weights.
        """
        raise NotImplementedError

    @classmethod
    def infer_in_channels(cls, tensors: Mapping[str, Tensor]) -> int | None:
        """Infer the channels of the image from a state dict in our names."""
        weight = tensors.get(cls.stem_weight)
        return None if weight is None or weight.dim() != 4 else weight.shape[1]

    def adapt_stem(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Adapt a state dict in our names from RGB to ``in_channels``."""
        weight = adapt_convolution(tensors[self.stem_weight], self.in_channels)
        return {**tensors, self.stem_weight: weight}

    def freeze(self) -> None:
        """Put frozen parts in eval mode and let them take no gradients."""
        raise NotImplementedError

    def train(self, mode: bool = True) -> 'Backbone':
        """Set training mode, except for what is frozen or kept in eval mode.

        Raises:
            RuntimeError: If the backbone is fused and ``mode`` is True.
        """
        if mode and self.fused:
            raise RuntimeError(
                f'{type(self).__name__} is fused for inference: some of its parts are '
                'folded into others. Train the model as it was before fuse().'
            )
        super().train(mode)
        if mode:
            self.freeze()
            if self.norm_eval:
                for module in self.modules():
                    if isinstance(module, _BatchNorm):
                        module.eval()
        return self

    def fuse(self) -> 'Backbone':
        """Fold for inference, in place; the outputs stay equal up to float32 rounding.

        Batch norms are folded into the convolution or linear layer before them, the
        identity of a position encoding into its kernel. The backbone is then in eval
        mode.

        Returns:
            Backbone: The backbone itself.
        """
        if not self.fused:
            self.eval()
            for module in list(self.modules()):
                if module is not self and hasattr(module, 'fuse'):
                    module.fuse()
            pack_layers(self)
            self.eval().requires_grad_(False)  # the modules that folding has built, too
            self.fused = True
        return self
