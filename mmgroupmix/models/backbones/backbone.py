"""What every backbone of this package is: sizes by name, files, freezing, folding."""

from collections.abc import Mapping

from mmengine.model import BaseModule
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from ...arguments import suggest
from ...errors import UserError
from .pretrained import PretrainedLoadingMixin


class Backbone(PretrainedLoadingMixin, BaseModule):
    """Base of the backbones; they load published files as they are.

    Args:
        norm_eval (bool): Keep batch norms in eval mode while training.
        init_cfg (dict | list[dict], optional): mmengine's weight initialisation.
    """

    #: Sizes by name, other names for them, and what such a table must have.
    arch_settings = {}
    arch_aliases = {}
    arch_keys = ()

    def __init__(self, norm_eval: bool, init_cfg: dict | list[dict] | None):
        super().__init__(init_cfg)
        self.norm_eval = norm_eval
        self.fused = False

    @classmethod
    def resolve_arch(cls, arch: str | Mapping) -> tuple[str, dict]:
        """The name and the table of sizes of an architecture key, alias or table."""
        if isinstance(arch, Mapping):
            return 'custom', dict(arch)
        name = cls.arch_aliases.get(arch, arch) if isinstance(arch, str) else None
        if name not in cls.arch_settings:
            aliases = {v: f' ({k})' for k, v in cls.arch_aliases.items()}
            known = [f'{key}{aliases.get(key, "")}' for key in cls.arch_settings]
            allowed = ', '.join((*known, 'or a dict')) if known else 'a dict'
            raise UserError(
                f'{cls.__name__}: unknown arch {arch!r}{suggest(arch, cls.arch_settings)}'
                f'. Allowed: {allowed} with {", ".join(cls.arch_keys[:-1])} and '
                f'{cls.arch_keys[-1]}.'
            )
        return name, dict(cls.arch_settings[name])

    @classmethod
    def infer_arch(cls, tensors: Mapping[str, Tensor]) -> dict:
        """The entries of ``arch_settings`` that a file in our names tells."""
        raise NotImplementedError

    @classmethod
    def from_state_dict(
        cls, arch: str, tensors: Mapping[str, Tensor], classifier: bool
    ) -> 'Backbone':
        """A backbone with the parts that a whole file has.

        Args:
            arch (str): A key of ``arch_settings``.
            tensors (dict[str, Tensor]): The file, in our names.
            classifier (bool): Whether it is for a classifier, not for dense prediction.

        Returns:
            Backbone: From random weights.
        """
        raise NotImplementedError

    def freeze(self) -> None:
        """Put what is frozen in eval mode, without gradients."""
        raise NotImplementedError

    def train(self, mode: bool = True) -> 'Backbone':
        """Set training mode, except for what is frozen or kept in eval mode.

        Raises:
            RuntimeError: If the backbone is fused and ``mode`` is True.
        """
        if mode and self.fused:
            raise RuntimeError(
                f'{type(self).__name__} is fused for inference: parts of it are '
                'folded away. Train the model as it was before fuse().'
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
        """Fold for inference, in place: the outputs stay equal to float32 rounding.

        Batch norms go into the convolution or linear layer before them, the identity of
        a position encoding into its kernel. The backbone is in eval mode after it.

        Returns:
            Backbone: The backbone itself.
        """
        if not self.fused:
            self.eval()
            for module in list(self.modules()):
                if module is not self and hasattr(module, 'fuse'):
                    module.fuse()
            self.requires_grad_(False)
            self.fused = True
        return self
