"""Loading of backbones from published files and from files of this package."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from mmengine.model import BaseModule, update_init_info
from torch import Tensor

from ...checkpoints.comparison import Fit, find_differing_arguments, fit_state_dict
from ...checkpoints.families import (
    OPTIONAL_PREFIXES,
    Family,
    describe_other_model,
    translate_names,
)
from ...checkpoints.input_channels import RGB, describe_adaptation
from ...checkpoints.reading import read_checkpoint, unwrap
from ...errors import CheckpointError
from ...registry import MODELS


class PretrainedLoadingMixin(BaseModule):
    """Make ``init_cfg`` and ``load_state_dict`` of a backbone accept published files.

    A file may have an outer level ('model', 'state_dict', 'net'), a 'module.' or
    'backbone.' prefix, a classifier, or the names of this package. A file that does not
    fit raises a :class:`CheckpointError` and leaves the weights unchanged, even where
    mmengine loads with ``strict=False``, which would only log the differences.
    """

    is_init: bool  # a property of BaseModule
    in_channels: int
    _allow_partial_load = False
    #: Parts that the last state dict did not have; they kept their values.
    _new_parts: Sequence[str] = ()

    def init_weights(self) -> None:
        """Initialise the weights as ``init_cfg`` says.

        Raises:
            CheckpointError: If ``init_cfg`` is of type 'Pretrained' and its file does
                not fit.
        """
        cfgs = [self.init_cfg] if isinstance(self.init_cfg, Mapping) else self.init_cfg
        pretrained = [c for c in cfgs or [] if c.get('type') == 'Pretrained']
        if not pretrained:
            super().init_weights()
            return
        if self.is_init:
            return
        # It sets every weight: any other initialisation would be overwritten.
        cfg = pretrained[-1]
        checkpoint = cfg.get('checkpoint')
        if not isinstance(checkpoint, (str, Path)) or not checkpoint:
            raise CheckpointError(
                f'{type(self).__name__}: init_cfg={dict(cfg)} does not name a file. Set '
                'checkpoint to its path, or set init_cfg=None for random weights.'
            )
        tensors = read_checkpoint(checkpoint)
        if cfg.get('prefix'):
            tensors = _select_prefix(tensors, cfg['prefix'], checkpoint)
        try:
            self.load_state_dict(tensors)
        except CheckpointError as error:
            raise CheckpointError(f'Checkpoint {checkpoint}: {error}') from None
        self.is_init = True
        if hasattr(self, '_params_init_info'):
            update_init_info(self, f'Pretrained: load from {checkpoint}')
        names = ', '.join(part.rstrip('.') for part in self._new_parts)
        newly = f' except {names}, which are newly initialised' if names else ''
        print_log(
            f'{type(self).__name__} {self.arch!r}: loaded {checkpoint}, every tensor of '
            f'the backbone{newly}.',
            logger='current',
        )

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, **kwargs: Any
    ) -> tuple[list[str], list[str]]:
        """Load a state dict as ``torch.nn.Module`` does; it may be a published one.

        Args:
            state_dict (Mapping): Published names to tensors, or ours.
            strict (bool): Whether every tensor of the backbone must be there. Only a
                call on the backbone itself can allow a part. Defaults to True.
            **kwargs: As for ``torch.nn.Module``.

        Returns:
            tuple[list[str], list[str]]: Missing and unexpected keys.

        Raises:
            CheckpointError: If the state dict does not fit and ``strict`` is True.
        """
        self._allow_partial_load = not strict
        try:
            return super().load_state_dict(state_dict, strict, **kwargs)
        finally:
            self._allow_partial_load = False

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: Mapping[str, Any],
        strict: bool,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        # Both torch's and mmengine's load_state_dict call this, before the children's,
        # and pass strict=True, whatever the caller asked for.
        given = {
            key[len(prefix) :]: state_dict.pop(key)
            for key in list(state_dict)
            if key.startswith(prefix)
        }
        strict = not self._allow_partial_load
        if given:
            ours = self.check_fixed_tensors(translate_names(unwrap(given))[1])
            expected = self.state_dict()
            is_rgb = self.infer_in_channels(ours) == RGB != self.in_channels
            if is_rgb:
                ours = self.adapt_stem(ours)
            used = {
                key: value
                for key, value in ours.items()
                if key in expected or not key.startswith(OPTIONAL_PREFIXES)
            }
            fit = fit_state_dict(expected, used)
            if fit.problems and (strict or self.fused):
                raise CheckpointError(self._describe_misfit(given, expected, fit))
            if is_rgb:
                adaptation = describe_adaptation(self.in_channels)
                print_log(f'{self.describe()}: {adaptation}.', logger='current')
            self._new_parts = fit.new_parts
            state_dict.update((prefix + key, fit.tensors[key]) for key in fit.tensors)
        elif strict:
            below = f' below {prefix!r}' if prefix else ''
            raise CheckpointError(
                f'The checkpoint has nothing{below} for {self.describe()}. Nothing was '
                "loaded into it. A published classifier belongs in the backbone's "
                "init_cfg=dict(type='Pretrained', checkpoint=...), not in load_from; to "
                'load other parts alone, call their own load_state_dict.'
            )
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, True, *args, **kwargs
        )

    def _describe_misfit(
        self, given: Mapping[str, Tensor], expected: Mapping[str, Tensor], fit: Fit
    ) -> str:
        """Describe what a state dict is, what was expected, and what to do."""
        if self.fused:
            return (
                f'This {type(self).__name__} is fused: parts of it are folded away. Load '
                'the weights first, then fuse().'
            )
        same_sizes = self.infer_arch(fit.tensors) == self.infer_arch(expected)
        others = find_differing_arguments(expected, fit.tensors) if same_sizes else []
        if others:
            return (
                f'It belongs to a model with different {", ".join(others)} than this '
                f'{self.describe()}. Nothing was loaded. Build the backbone with the '
                'arguments of that model, use the file of a backbone like this one '
                '(your own training on ImageNet), or set init_cfg=None to start from '
                f'random weights. {fit.problems}'
            )
        return (
            f'It is {describe_checkpoint(unwrap(given), self)}; expected '
            f'{self.describe()}. Nothing was loaded. Use the file of this '
            'architecture, or set the arch of the backbone to that of the file. '
            f'{fit.problems}'
        )

    @classmethod
    def check_fixed_tensors(cls, ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Drop the tensors that the backbone computes itself, after comparing them.

        Args:
            ours (Mapping[str, Tensor]): Our names to tensors.

        Returns:
            dict[str, Tensor]: The tensors that the backbone loads.

        Raises:
            CheckpointError: If one has other values than the backbone computes.
        """
        return dict(ours)

    @classmethod
    def find_arch_name(cls, ours: Mapping[str, Tensor]) -> str | None:
        """Find the key of ``arch_settings`` that has the sizes of a file, if any."""
        sizes = cls.infer_arch(ours)
        for name, table in cls.arch_settings.items():
            if all(table[key] == value for key, value in sizes.items()):
                return name
        return None

    def describe(self) -> str:
        """Describe this backbone by name and sizes, for messages."""
        depths = tuple(len(stage.blocks) for stage in self.stages)
        return (
            f'{type(self).__name__} {self.arch!r} (embed_dims {self.embed_dims}, '
            f'depths {depths})'
        )


def _select_prefix(
    tensors: Mapping[str, Tensor], prefix: str, checkpoint: str | Path
) -> dict[str, Tensor]:
    """Select the tensors below the prefix of ``init_cfg``."""
    selected = {
        key[len(prefix) :].lstrip('.'): value
        for key, value in tensors.items()
        if key.startswith(prefix)
    }
    if not selected:
        available = sorted({key.partition('.')[0] for key in tensors})
        raise CheckpointError(
            f'Checkpoint {checkpoint} has nothing below prefix={prefix!r}. '
            f'Its names start with {", ".join(available[:8])}: omit the prefix '
            'for a published file.'
        )
    return selected


def get_backbone_class(family: Family) -> type[PretrainedLoadingMixin]:
    """Get the backbone class of a family of checkpoints."""
    return MODELS.get(family.name)


def describe_sizes(
    backbone: type[PretrainedLoadingMixin], ours: Mapping[str, Tensor]
) -> str:
    """Describe the architecture that tensors in our names have, with its class."""
    arch = backbone.find_arch_name(ours)
    if arch:
        return f'{backbone.__name__} {arch!r}'
    sizes = ', '.join(f'{k} {v}' for k, v in backbone.infer_arch(ours).items())
    return f'{backbone.__name__} with unpublished sizes ({sizes})'


def describe_checkpoint(
    tensors: Mapping[str, Tensor], backbone: PretrainedLoadingMixin | None = None
) -> str:
    """Describe the model that a state dict seems to belong to.

    Args:
        tensors (Mapping[str, Tensor]): Published names to tensors, or ours.
        backbone (PretrainedLoadingMixin, optional): The backbone to load it into. With
            it, the names of this package are recognised too. Defaults to None.

    Returns:
        str: Such as "a published PoolFormer 's12'" or 'a ResNet'.
    """
    family, ours = translate_names(tensors)
    if family is not None:
        model = get_backbone_class(family)
        published = 'published ' if model.find_arch_name(ours) else ''
        return f'a {published}{describe_sizes(model, ours)}'
    if backbone is not None:
        shared = len(set(ours) & set(backbone.state_dict()))
        if shared > len(ours) / 2:
            sizes = describe_sizes(type(backbone), ours)
            return f'a {sizes} with the names of this package'
    return describe_other_model(ours)
