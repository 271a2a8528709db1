"""How the backbones load: published files and ours, whole or not at all."""

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from mmengine.logging import print_log
from mmengine.model import update_init_info
from torch import Tensor

from ...checkpoints.comparison import (
    differences,
    differing_arguments,
    is_counter,
    is_output_norm,
    newly_initialized,
    with_newly_initialized,
)
from ...checkpoints.families import (
    backbone_tensors,
    convert_names,
    describe_other_model,
    find_family,
    is_classifier,
)
from ...checkpoints.reading import read_checkpoint, unwrap
from ...errors import CheckpointError
from ...registry import MODELS


class PretrainedLoadingMixin:
    """Mixin of the backbones: ``init_cfg`` and ``load_state_dict`` take published files.

    It stands before ``BaseModule``. The file may have an outer level ('model',
    'state_dict', 'net'), a 'module.' or 'backbone.' prefix, a classifier, or the names of
    this package. What does not fit raises a :class:`CheckpointError` and leaves the
    weights as they were, also where mmengine loads with ``strict=False``, which would
    only log it.
    """

    _allow_partial_load = False

    def init_weights(self) -> None:
        """Initialise as ``init_cfg`` says; 'Pretrained' must fit or raises."""
        cfgs = [self.init_cfg] if isinstance(self.init_cfg, Mapping) else self.init_cfg
        pretrained = [c for c in cfgs or [] if c.get('type') == 'Pretrained']
        if not pretrained:
            super().init_weights()
        elif not self.is_init:
            # It sets every weight: whatever else is listed would be overwritten.
            self._load_pretrained(pretrained[-1])
            self.is_init = True

    def _load_pretrained(self, cfg: Mapping) -> None:
        checkpoint, prefix = cfg.get('checkpoint'), cfg.get('prefix') or ''
        if not isinstance(checkpoint, (str, Path)) or not checkpoint:
            raise CheckpointError(
                f'{type(self).__name__}: init_cfg={dict(cfg)} names no file. Give its '
                'place as checkpoint, or set init_cfg=None for random weights.'
            )
        tensors = read_checkpoint(checkpoint)
        if prefix:
            chosen = {
                key[len(prefix) :].lstrip('.'): value
                for key, value in tensors.items()
                if key.startswith(prefix)
            }
            if not chosen:
                there = sorted({key.partition('.')[0] for key in tensors})
                raise CheckpointError(
                    f'Checkpoint {checkpoint} has nothing below prefix={prefix!r}. '
                    f'Its names begin with {", ".join(there[:8])}: leave the prefix out '
                    'for a published file.'
                )
            tensors = chosen
        try:
            self.load_state_dict(tensors)
        except CheckpointError as error:
            raise CheckpointError(f'Checkpoint {checkpoint}: {error}') from None
        if hasattr(self, '_params_init_info'):
            update_init_info(self, f'Pretrained: load from {checkpoint}')
        print_log(
            f'{type(self).__name__} {self.arch!r}: loaded {checkpoint}, every tensor of '
            f'the backbone{self._describe_newly_initialized(tensors)}.',
            logger='current',
        )

    def _describe_newly_initialized(self, tensors: Mapping[str, Tensor]) -> str:
        """What to add to the message if the file lacks what dense prediction adds."""
        parts = newly_initialized(
            self.state_dict(), convert_names(backbone_tensors(tensors))
        )
        names = ', '.join(part.rstrip('.') for part in parts)
        return f' but {names}, which it does not have: they start anew' if names else ''

    def load_state_dict(self, state_dict: Mapping, strict: bool = True, **kwargs):
        """As torch's, for published state dicts too.

        With ``strict=False``, asked for by name on the backbone itself, a part may load.
        """
        self._allow_partial_load = not strict
        try:
            return super().load_state_dict(state_dict, strict, **kwargs)
        finally:
            self._allow_partial_load = False

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, *args, **kwargs
    ):
        # Called by torch's and by mmengine's load_state_dict alike, before the children.
        given = {k: v for k, v in state_dict.items() if k.startswith(prefix)}
        # torch and mmengine say strict=True here whatever they were asked.
        strict = not self._allow_partial_load
        if not given and strict:
            place = f' below {prefix!r}' if prefix else ''
            raise CheckpointError(
                f'The checkpoint has nothing{place} for {self.describe()}, and nothing was '
                "loaded into it. A published classifier belongs into the backbone's "
                "init_cfg=dict(type='Pretrained', checkpoint=...), not into load_from; "
                'other parts alone load by their own load_state_dict.'
            )
        if given:
            settled = self.adapt_state_dict(
                {k[len(prefix) :]: v for k, v in given.items()}, strict
            )
            for key in given:
                del state_dict[key]
            state_dict.update((prefix + key, value) for key, value in settled.items())
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, True, *args, **kwargs
        )

    def adapt_state_dict(self, given: Mapping, strict: bool = True) -> dict[str, Tensor]:
        """Our names and exactly this backbone's tensors, from what was given.

        Args:
            given (Mapping): A state dict, published or ours.
            strict (bool): Whether every tensor of the backbone must be there.
                Defaults to True.

        Returns:
            dict[str, Tensor]: Names and tensors that fit.

        Raises:
            CheckpointError: If the state dict does not fit and ``strict`` is True.
        """
        tensors = backbone_tensors(unwrap(given))
        ours = self.check_fixed_tensors(convert_names(tensors))
        expected = self.state_dict()
        ours = {
            k: v
            for k, v in ours.items()
            if k in expected or not (is_classifier(k) or is_output_norm(k))
        }
        ours = with_newly_initialized(expected, ours)
        ours = {k: v for k, v in expected.items() if is_counter(k)} | ours
        problems = differences(expected, ours)
        if problems and self.fused:
            raise CheckpointError(
                f'This {type(self).__name__} is fused, parts of it are folded away: load '
                'the weights first, then fuse().'
            )
        if strict and problems:
            same_sizes = self.infer_arch(ours) == self.infer_arch(expected)
            others = differing_arguments(expected, ours) if same_sizes else []
            if others:
                raise CheckpointError(
                    f'It is of a model with other {", ".join(others)} than this '
                    f'{self.describe()}. Nothing was loaded. Build the backbone as the '
                    "file's was, give a file of such a backbone (your own training on "
                    'ImageNet), or set init_cfg=None to start from random weights. '
                    f'{problems}'
                )
            raise CheckpointError(
                f'It is {describe_checkpoint(tensors, self)}; expected was {self.describe()}. '
                'Nothing was loaded. Give the file of this architecture, or set the '
                f"backbone's arch to that of the file. {problems}"
            )
        return ours

    @classmethod
    def check_fixed_tensors(cls, ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Drop tensors that the backbone computes itself, after comparing them.

        Raises:
            CheckpointError: If one has other values than the backbone computes.
        """
        return dict(ours)

    @classmethod
    def find_arch_name(cls, ours: Mapping[str, Tensor]) -> str | None:
        """The key of ``arch_settings`` with the sizes of tensors in our names, if any."""
        sizes = cls.infer_arch(ours)
        for name, table in cls.arch_settings.items():
            if all(table[key] == value for key, value in sizes.items()):
                return name
        return None

    def describe(self) -> str:
        """Name and sizes of this backbone, for messages."""
        depths = tuple(len(stage.blocks) for stage in self.stages)
        return (
            f'{type(self).__name__} {self.arch!r} (embed_dims {self.embed_dims}, '
            f'depths {depths})'
        )


def backbone_class(family: ModuleType) -> type:
    """The backbone class of a family of checkpoints."""
    return MODELS.get(family.NAME)


def describe_sizes(model: type, ours: Mapping[str, Tensor]) -> str:
    """A backbone class and the architecture of tensors in our names, in words."""
    arch = model.find_arch_name(ours)
    if arch:
        return f'{model.__name__} {arch!r}'
    sizes = ', '.join(f'{k} {v}' for k, v in model.infer_arch(ours).items())
    return f'{model.__name__} of no published architecture ({sizes})'


def describe_checkpoint(
    tensors: Mapping[str, Tensor], backbone: PretrainedLoadingMixin | None = None
) -> str:
    """What a state dict seems to be, in words.

    Args:
        tensors (Mapping[str, Tensor]): Published names to tensors, or ours.
        backbone (PretrainedLoadingMixin, optional): The backbone that was to load it:
            with it, names of this package are recognised too. Defaults to None.
    """
    family = find_family(tensors)
    if family is not None:
        model, ours = backbone_class(family), family.convert(tensors)
        published = 'published ' if model.find_arch_name(ours) else ''
        return f'a {published}{describe_sizes(model, ours)}'
    if backbone is not None:
        shared = len(set(tensors) & set(backbone.state_dict()))
        if shared > len(tensors) / 2:
            sizes = describe_sizes(type(backbone), tensors)
            return f'a {sizes} with the names of this package'
    return describe_other_model(tensors)
