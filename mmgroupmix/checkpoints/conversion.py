"""Published names in, ours out: the maps of all families behind one function."""

from collections.abc import Mapping
from types import ModuleType

import torch
from torch import Tensor

from ..errors import CheckpointError
from . import eamlp, groupmixformer, poolformer
from .comparison import differences, differing_arguments, with_fresh_parts
from .reading import unwrap, without_wrappers

#: One module a family: NAME, SIGNATURES (keys that tell it) and convert().
FAMILIES = (groupmixformer, poolformer, eamlp)

#: Keys that tell a well-known model that is none of ours.
_OTHERS = (
    ('stages.0.blocks.0.token_mixer.non_attention.norm.weight',
     'a GroupMixFormer with the names of this package already'),
    ('stages.0.blocks.0.layer_scale1',
     'a PoolFormer or another MetaFormer with the names of this package already'),
    ('tokens_to_token.encoders.0.norm1.weight',
     'an EAMLP with the names of this package already'),
    ('tokens_to_token.attention1.attn.qkv.weight', 'a T2T-ViT'),
    ('tokens_to_token.attention1.kqv.weight', 'a T2T-ViT with Performer tokens'),
    ('tokens_to_token.attention1.ln1.weight', 'a T2T-ViT of mmpretrain'),
    ('stages.2.blocks.0.res_scale1.scale',
     'a PoolFormerV2 or another model of "MetaFormer Baselines for Vision"'),
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
    found = arch_of(model_of(family), ours)
    wanted = found if arch is None else model_of(family).settle_arch(arch)[0]
    if found is None or found != wanted:
        expected = repr(wanted) if wanted else 'of a published architecture'
        raise CheckpointError(
            f'This state dict is {describe(tensors)}; expected was {family.NAME} '
            f'{expected}. Take the file of that architecture, or the arch of this file.')
    backbone = whole_backbone(family, found, ours, classifier)
    if not classifier:
        return backbone
    head = {key: value for key, value in ours.items() if key.startswith('head.')}
    return {f'backbone.{key}': value for key, value in backbone.items()} | head


def whole_backbone(
    family: ModuleType, arch: str, ours: Mapping[str, Tensor], classifier: bool
) -> dict[str, Tensor]:
    """The backbone's tensors, or a CheckpointError unless every one of them is there."""
    with torch.device('meta'):
        model = model_of(family).of_file(arch, ours, classifier)
    expected = model.state_dict()
    given = {k: v for k, v in ours.items() if k in expected or not is_classifier(k)}
    given_or_fresh = with_fresh_parts(expected, given)
    problems = differences(expected, given_or_fresh)
    others = differing_arguments(expected, given_or_fresh) if problems else []
    if 'token_mixers' in others:
        raise CheckpointError(
            f'This state dict is a {family.NAME} {arch!r} with other {", ".join(others)} '
            'than the published one: load_state_dict of a backbone that has the same '
            f'takes it as it is. {problems}')
    if classifier and 'head.fc.weight' not in ours:
        problems += ' It has no classifier (head).'
    if problems:
        raise CheckpointError(
            f'This state dict is not a whole {family.NAME} {arch!r}: {problems} Fetch '
            'the file again.')
    return given


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


def arch_of(model: type, ours: Mapping[str, Tensor]) -> str | None:
    """The key of the architecture whose sizes a converted file has, if any."""
    sizes = model.sizes_of(ours)
    for name, table in model.arch_settings.items():
        if all(table[key] == value for key, value in sizes.items()):
            return name
    return None


def sized(model: type, ours: Mapping[str, Tensor]) -> str:
    """A backbone class and the architecture of tensors in our names, in words."""
    arch = arch_of(model, ours)
    if arch:
        return f'{model.__name__} {arch!r}'
    sizes = ', '.join(f'{k} {v}' for k, v in model.sizes_of(ours).items())
    return f'{model.__name__} of no published architecture ({sizes})'


def describe(tensors: Mapping[str, Tensor]) -> str:
    """What a state dict seems to be, in words."""
    family = family_of(tensors)
    if family is not None:
        model, ours = model_of(family), family.convert(tensors)
        published = 'published ' if arch_of(model, ours) else ''
        return f'a {published}{sized(model, ours)}'
    for key, what in _OTHERS:
        if key in tensors:
            return what
    first = ', '.join(list(tensors)[:3])
    return f'an unknown model of {len(tensors)} tensors ({first}, ...)'
