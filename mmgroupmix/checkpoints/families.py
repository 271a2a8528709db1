"""The families of published models: how a state dict is recognised and renamed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from . import eamlp, groupmixformer, poolformer
from .reading import unwrap


@dataclass(frozen=True)
class Family:
    """A family of published models.

    Attributes:
        name (str): The name of its backbone in the registry of models.
        signatures (tuple[str, ...]): Published keys, any of which identifies the family.
        convert (Callable): Translates published names and layouts to ours.
    """

    name: str
    signatures: tuple[str, ...]
    convert: Callable[[Mapping[str, Tensor]], dict[str, Tensor]]


FAMILIES = (
    Family('GroupMixFormer', groupmixformer.SIGNATURES, groupmixformer.convert),
    Family('PoolFormer', poolformer.SIGNATURES, poolformer.convert),
    Family('EAMLP', eamlp.SIGNATURES, eamlp.convert),
)

BACKBONE_PREFIX = 'backbone.'
#: Prefixes, by our names, of what a file may have and a backbone may lack: the
#: classifier, its norm, and the norms of dense prediction.
OPTIONAL_PREFIXES = ('head.', 'final_norm.', 'out_norms.')

#: Keys that identify well-known models of other families.
_OTHER_MODELS = (
    (
        'stages.0.blocks.0.token_mixer.non_attention.norm.weight',
        'a GroupMixFormer that already has the names of this package',
    ),
    (
        'stages.0.blocks.0.layer_scale1',
        'a PoolFormer or another MetaFormer that already has the names of this package',
    ),
    (
        'tokens_to_token.encoders.0.norm1.weight',
        'an EAMLP that already has the names of this package',
    ),
    ('tokens_to_token.attention1.attn.qkv.weight', 'a T2T-ViT'),
    ('tokens_to_token.attention1.kqv.weight', 'a T2T-ViT with Performer tokens'),
    ('tokens_to_token.attention1.ln1.weight', 'a T2T-ViT of mmpretrain'),
    (
        'stages.2.blocks.0.res_scale1.scale',
        'a PoolFormerV2 or another model of "MetaFormer Baselines for Vision"',
    ),
    ('layer1.0.conv1.weight', 'a ResNet'),
    ('layers.0.blocks.0.attn.relative_position_bias_table', 'a Swin Transformer'),
    ('stages.0.blocks.0.attn.w_msa.relative_position_bias_table', 'a Swin Transformer'),
    ('blocks.0.attn.qkv.weight', 'a Vision Transformer (ViT or DeiT)'),
    ('downsample_layers.0.0.weight', 'a ConvNeXt'),
    ('block1.0.attn.q.weight', 'a PVT or MiT (SegFormer)'),
)


def translate_names(
    tensors: Mapping[str, Tensor],
) -> tuple[Family | None, dict[str, Tensor]]:
    """Find the family of a state dict, and translate its names to ours.

    Args:
        tensors (Mapping[str, Tensor]): Names to tensors of a backbone, with or without
            a classifier, or of a larger model that has a backbone.

    Returns:
        tuple[Family | None, dict[str, Tensor]]: The family, None if the names are not
        published ones; and the tensors of the backbone and of the classifier by our
        names, or as they are without a family.
    """
    inner = {
        key.removeprefix(BACKBONE_PREFIX): value
        for key, value in tensors.items()
        if key.startswith(BACKBONE_PREFIX)
    }
    if inner:
        head = {k: v for k, v in tensors.items() if k.startswith('head.fc.')}
        tensors = unwrap(inner) | head
    for family in FAMILIES:
        if any(key in tensors for key in family.signatures):
            return family, family.convert(tensors)
    return None, dict(tensors)


def describe_other_model(tensors: Mapping[str, Tensor]) -> str:
    """Describe the model that a state dict outside the families seems to belong to."""
    for key, description in _OTHER_MODELS:
        if key in tensors:
            return description
    first = ', '.join(list(tensors)[:3])
    return f'an unknown model of {len(tensors)} tensors ({first}, ...)'
