"""Published names of our tensors, written by hand from the published code.

Each function goes from our names to the published ones, the opposite way of the key maps
that it checks.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

Lookup = Callable[[str, Mapping[str, Tensor]], Tensor]


def find_groupmixformer_tensor(key: str, published: Mapping[str, Tensor]) -> Tensor:
    """The published tensor of a GroupMixFormer that belongs to our key."""
    match key.split('.'):
        case ['stem', index, 'conv', kind]:
            return published[f'conv_stem.proj{int(index) + 1}.{kind}']
        case ['stem', index, 'norm', kind]:
            return published[f'conv_stem.norm{int(index) + 1}.{kind}']
        case ['stages', stage, 'embedding', 'conv', 'depthwise', kind]:
            return published[f'patch_embed_layers.{stage}.proj.conv1.{kind}']
        case ['stages', stage, 'embedding', 'conv', 'pointwise', kind]:
            return published[f'patch_embed_layers.{stage}.proj.pointwise_conv.{kind}']
        case ['stages', stage, 'embedding', 'norm', kind]:
            return published[f'patch_embed_layers.{stage}.norm.{kind}']
        case ['stages', stage, 'blocks', block, 'token_mixer', *rest]:
            prefix = f'groupmixformer_backbone.{stage}.gma_stage.{block}.att.'
            return _find_attention_tensor(rest, prefix, published)
        case ['stages', stage, 'blocks', block, *rest]:
            prefix = f'groupmixformer_backbone.{stage}.gma_stage.{block}.'
            name = '.'.join(rest).replace('position_encoding.conv', 'cpe.proj')
            return published[prefix + name]
        case ['final_norm', kind]:
            return published[f'norm4.{kind}']
    raise KeyError(key)


def _find_attention_tensor(
    parts: list[str], prefix: str, published: Mapping[str, Tensor]
) -> Tensor:
    match parts:
        case ['proj', kind]:
            return published[f'{prefix}proj.{kind}']
        case ['qkv', kind]:
            # q, k and v one below the other there; five segments of q, k and v here
            rows = [part.chunk(5) for part in published[f'{prefix}qkv.{kind}'].chunk(3)]
            return torch.cat([part[i] for i in range(5) for part in rows])
        case ['pre_attention', branch, 'norm', kind]:
            return published[f'{prefix}aggregator.norm{branch}.{kind}']
        case ['pre_attention', branch, 'aggregator', 'depthwise', kind]:
            return published[f'{prefix}aggregator.agg{branch}.conv1.{kind}']
        case ['pre_attention', branch, 'aggregator', 'pointwise', kind]:
            return published[f'{prefix}aggregator.agg{branch}.pointwise_conv.{kind}']
        case ['pre_attention', branch, 'position', 'convs', head, kind]:
            # Eight heads, two per branch: the published convolutions of 3x3, 5x5 and 7x7
            # take the first two, the next three and the last three of them.
            index = 2 * int(branch) + int(head)
            conv, first = (0, 0) if index < 2 else (1, 2) if index < 5 else (2, 5)
            rows = published[f'{prefix}crpe.conv_list.{conv}.{kind}']
            width = len(rows) // (2, 3, 3)[conv]
            return rows[(index - first) * width : (index - first + 1) * width]
        case ['non_attention', 'norm', kind]:
            return published[f'{prefix}aggregator.agg0.norm.{kind}']
        case ['non_attention', 'aggregator', 'depthwise', kind]:
            return published[f'{prefix}aggregator.agg0.conv.conv1.{kind}']
        case ['non_attention', 'aggregator', 'pointwise', kind]:
            return published[f'{prefix}aggregator.agg0.conv.pointwise_conv.{kind}']
    raise KeyError('.'.join(parts))


def find_poolformer_tensor(key: str, published: Mapping[str, Tensor]) -> Tensor:
    """The tensor of the paper's PoolFormer that belongs to our key."""
    match key.split('.'):
        case ['stem', kind]:
            return published[f'patch_embed.proj.{kind}']
        case ['stages', stage, 'embedding', kind]:
            return published[f'network.{2 * int(stage) - 1}.proj.{kind}']
        case ['stages', stage, 'blocks', block, 'mlp', layer, 'weight']:
            weight = published[f'network.{2 * int(stage)}.{block}.mlp.{layer}.weight']
            return weight[:, :, 0, 0]
        case ['stages', stage, 'blocks', block, *rest]:
            name = '.'.join(rest).replace('layer_scale', 'layer_scale_')
            return published[f'network.{2 * int(stage)}.{block}.{name}']
        case ['final_norm', kind]:
            return published[f'norm.{kind}']
    raise KeyError(key)


EAMLP_LAYERS = {
    'expand': 'trans_dims',
    'reduce': 'q_linear',
    'memory_key': 'linear_0',
    'memory_value': 'linear_1',
    'proj': 'proj',
}


def find_eamlp_tensor(key: str, published: Mapping[str, Tensor]) -> Tensor:
    """The published tensor of an EAMLP that belongs to our key."""
    match key.split('.'):
        case ['tokens_to_token', 'encoders', index, 'attention', layer, kind]:
            prefix = f'tokens_to_token.attention{int(index) + 1}.attn'
            return published[f'{prefix}.{EAMLP_LAYERS[layer]}.{kind}']
        case ['tokens_to_token', 'encoders', index, *rest]:
            prefix = f'tokens_to_token.attention{int(index) + 1}'
            return published[f'{prefix}.{".".join(rest)}']
        case ['blocks', block, 'token_mixer', layer, kind]:
            return published[f'blocks.{block}.attn.{EAMLP_LAYERS[layer]}.{kind}']
        case ['final_norm', kind]:
            return published[f'norm.{kind}']
    return published[key]


def assert_published_weights(
    backbone: nn.Module,
    published: Mapping[str, Tensor],
    find_tensor: Lookup,
    newly_initialized: str | None = None,
) -> None:
    """Compare every tensor of a backbone with the published one.

    Tensors below ``newly_initialized`` are norms that the published model does not have:
    they must be 1 (weights) and 0 (biases).
    """
    for key, value in backbone.state_dict().items():
        if newly_initialized and key.startswith(newly_initialized):
            expected = torch.full_like(value, float(key.endswith('weight')))
        else:
            expected = find_tensor(key, published)
        assert torch.equal(value, expected), key
