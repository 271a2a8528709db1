"""The families of published models: how a state dict is recognised and renamed."""

from collections.abc import Mapping
from types import ModuleType

from torch import Tensor

from . import eamlp, groupmixformer, poolformer
from .reading import strip_wrapper_prefixes

#: One module per family: NAME, SIGNATURES (keys that identify it) and convert().
FAMILIES = (groupmixformer, poolformer, eamlp)

#: Keys that identify a well-known model of another family.
_OTHER_MODELS = (
    (
        'stages.0.blocks.0.token_mixer.non_attention.norm.weight',
        'a GroupMixFormer with the names of this package already',
    ),
    (
        'stages.0.blocks.0.layer_scale1',
        'a PoolFormer or another MetaFormer with the names of this package already',
    ),
    (
        'tokens_to_token.encoders.0.norm1.weight',
        'an EAMLP with the names of this package already',
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


def find_family(tensors: Mapping[str, Tensor]) -> ModuleType | None:
    """The family whose published names these are, if any."""
    return next(
        (f for f in FAMILIES if any(key in tensors for key in f.SIGNATURES)), None
    )


def convert_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Translate the published names of any family to ours; other names stay."""
    family = find_family(tensors)
    return family.convert(tensors) if family else dict(tensors)


def describe_other_model(tensors: Mapping[str, Tensor]) -> str:
    """Name the model that a state dict of none of the families seems to be."""
    for key, description in _OTHER_MODELS:
        if key in tensors:
            return description
    first = ', '.join(list(tensors)[:3])
    return f'an unknown model of {len(tensors)} tensors ({first}, ...)'


def backbone_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Drop what stands beside the backbone, where there is a ``backbone.`` level."""
    prefix = 'backbone.'
    if any(key.startswith(prefix) for key in tensors):
        inner = {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
        head = {k: v for k, v in tensors.items() if k.startswith('head.fc.')}
        return strip_wrapper_prefixes(inner) | head
    return dict(tensors)


def is_classifier(key: str) -> bool:
    """Whether one of our names belongs to the classifier, not to dense features."""
    return key.startswith(('head.', 'final_norm.'))
