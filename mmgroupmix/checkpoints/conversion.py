"""Published names in, ours out: the maps of all families behind one function."""

import re
from collections.abc import Mapping
from types import ModuleType

import torch
from torch import Tensor

from ..errors import CheckpointError
from . import groupmixformer, poolformer
from .comparison import differences, with_fresh_norms
from .reading import unwrap, without_wrappers

#: One module a family: NAME, SIGNATURES (keys that tell it) and convert().
FAMILIES = (groupmixformer, poolformer)

#: Keys that tell a well-known model that is none of ours.
_OTHERS = (
    ('stages.0.blocks.0.token_mixer.non_attention.norm.weight',
     'a GroupMixFormer with the names of this package already'),
    ('stages.0.blocks.0.layer_scale1',
     'a PoolFormer or another MetaFormer with the names of this package already'),
    ('layer1.0.conv1.weight', 'a ResNet'),
    ('layers.0.blocks.0.attn.relative_position_bias_table', 'a Swin Transformer'),
    ('stages.0.blocks.0.attn.w_msa.relative_position_bias_table', 'a Swin Transformer'),
    ('blocks.0.attn.qkv.weight', 'a Vision Transformer (ViT or DeiT)'),
    ('downsample_layers.0.0.weight', 'a ConvNeXt'),
    ('block1.0.attn.q.weight', 'a PVT or MiT (SegFormer)'),
)


def convert_state_dict(
    state_dict: Mapping, arch: str | None = None, classifier: bool = False
) -> dict[str, Tensor]:
    """Translate a published checkpoint to the names and layout of this package.

    Args:
        state_dict (Mapping): Published names to tensors, with or without an outer level
            ('model', 'state_dict', 'net') and a 'module.' or 'backbone.' prefix.
        arch (str, optional): The architecture that it must be, as ``'tiny'`` or ``'t'``.
            Defaults to None: whatever it is.
        classifier (bool): False gives the backbone as dense prediction takes it. True
            gives an mmpretrain ``ImageClassifier``: ``backbone.*`` with its final norm,
            and ``head.fc.*``. Defaults to False.

    Returns:
        dict[str, Tensor]: Our names to tensors.

    Raises:
        CheckpointError: If it is none of the published models, not whole, or another
            architecture.
    """
    tensors = backbone_tensors(unwrap(state_dict))
    family = family_of(tensors)
    if family is None:
        names = ', '.join(module.NAME for module in FAMILIES)
        raise CheckpointError(
            f'This state dict is {describe(tensors)}; expected a published checkpoint '
            f'of {names}.')
    ours = family.convert(tensors)
    found = arch_of(family, ours)
    wanted = found if arch is None else model_of(family).settle_arch(arch)[0]
    if found is None or found != wanted:
        expected = repr(wanted) if wanted else 'of a published architecture'
        raise CheckpointError(
            f'This state dict is {describe(tensors)}; expected was {family.NAME} '
            f'{expected}. Take the file of that architecture, or the arch of this file.')
    check_whole(family, found, ours, classifier)
    if classifier:
        return {
            key if key.startswith('head.') else f'backbone.{key}': value
            for key, value in ours.items()
        }
    return {k: v for k, v in ours.items() if not is_classifier(k)}


def check_whole(
    family: ModuleType, arch: str, ours: Mapping[str, Tensor], classifier: bool
) -> None:
    """Raise a CheckpointError unless every tensor of the architecture is there."""
    with torch.device('meta'):
        model = model_of(family)(arch, final_norm=classifier)
    expected = model.state_dict()
    given = {k: v for k, v in ours.items() if k in expected or not is_classifier(k)}
    problems = differences(expected, with_fresh_norms(expected, given))
    if classifier and 'head.fc.weight' not in ours:
        problems += ' It has no classifier (head).'
    if problems:
        raise CheckpointError(
            f'This state dict is not a whole {family.NAME} {arch!r}: {problems} Fetch '
            'the file again.')


def is_classifier(key: str) -> bool:
    """Whether one of our names belongs to the classifier, not to dense features."""
    return key.startswith(('head.', 'final_norm.'))


def backbone_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Without what stands beside the backbone, where there is a ``backbone.`` level."""
    prefix = 'backbone.'
    if any(key.startswith(prefix) for key in tensors):
        inner = {
            k[len(prefix):]: v for k, v in tensors.items() if k.startswith(prefix)
        }
        head = {k: v for k, v in tensors.items() if k.startswith('head.fc.')}
        return without_wrappers(inner) | head
    return dict(tensors)


def family_of(tensors: Mapping[str, Tensor]) -> ModuleType | None:
    """The family whose published names these are, if any."""
    return next(
        (f for f in FAMILIES if any(key in tensors for key in f.SIGNATURES)), None)


def convert_any(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our names for those of any family; other names stay."""
    family = family_of(tensors)
    return family.convert(tensors) if family else dict(tensors)


def model_of(family: ModuleType) -> type:
    """The backbone class of a family."""
    from .. import models  # the models import this package
    return getattr(models, family.NAME)


def arch_of(family: ModuleType, ours: Mapping[str, Tensor]) -> str | None:
    """The key of the architecture whose sizes a converted file has, if any."""
    sizes = sizes_of(ours)
    for name, table in model_of(family).arch_settings.items():
        if all(table[key] == value for key, value in sizes.items()):
            return name
    return None


def sizes_of(ours: Mapping[str, Tensor]) -> dict:
    """embed_dims and depths of a converted file (as far as its keys tell)."""
    dims, depths = [], []
    for stage in range(4):
        norm = ours.get(f'stages.{stage}.blocks.0.norm1.weight')
        dims.append(0 if norm is None else len(norm))
        blocks = re.compile(rf'stages\.{stage}\.blocks\.(\d+)\.')
        depths.append(len({m[1] for key in ours if (m := blocks.match(key))}))
    return dict(embed_dims=tuple(dims), depths=tuple(depths))


def describe(tensors: Mapping[str, Tensor]) -> str:
    """What a state dict seems to be, in words."""
    family = family_of(tensors)
    if family is not None:
        ours = family.convert(tensors)
        arch = arch_of(family, ours)
        if arch:
            return f'a published {family.NAME} {arch!r}'
        sizes = ', '.join(f'{k} {v}' for k, v in sizes_of(ours).items())
        return f'a {family.NAME} of no published architecture ({sizes})'
    for key, what in _OTHERS:
        if key in tensors:
            return what
    first = ', '.join(list(tensors)[:3])
    return f'an unknown model of {len(tensors)} tensors ({first}, ...)'
