"""Group-Mix Attention, written naively from the paper and the details of its code.

A loop over heads, one convolution per segment, no layout: slow, and without any code of
the package. It takes the weights under their published names.
"""

import torch
import torch.nn.functional as F


def group_mix_attention(x, weights, heads=8):
    """Mix tokens.

    Args:
        x (tuple): Tokens, (B, N, C), and the (H, W) of their map.
        weights (dict[str, Tensor]): Published names to tensors.
        heads (int): Number of heads. Defaults to 8.
    """
    tokens, (height, width) = x
    batch, _, dim = tokens.shape
    segment = dim // 5

    def as_map(t):
        return t.transpose(1, 2).reshape(batch, -1, height, width)

    def as_tokens(t):
        return t.flatten(2).transpose(1, 2)

    def batch_norm(t, name):
        shape = (1, -1, 1, 1)
        mean, variance = weights[f'{name}.running_mean'], weights[f'{name}.running_var']
        t = (t - mean.view(shape)) / (variance.view(shape) + 1e-5).sqrt()
        return t * weights[f'{name}.weight'].view(shape) + weights[f'{name}.bias'].view(
            shape
        )

    def separable(t, name):
        kernel = weights[f'{name}.conv1.weight']
        t = F.conv2d(t, kernel, padding=kernel.shape[-1] // 2, groups=len(kernel))
        return F.conv2d(t, weights[f'{name}.pointwise_conv.weight'])

    qkv = tokens @ weights['qkv.weight'].T + weights['qkv.bias']
    parts = qkv.chunk(3, dim=-1)
    mixed = []
    for part in parts:
        segments = as_map(part).split(segment, dim=1)
        branches = [batch_norm(segments[0], 'aggregator.norm0')]
        for index in (1, 2, 3):
            aggregated = separable(segments[index], f'aggregator.agg{index}')
            branches.append(batch_norm(aggregated, f'aggregator.norm{index}'))
        mixed.append(F.hardswish(torch.cat(branches, dim=1)))
    last = torch.cat([as_map(part)[:, 4 * segment :] for part in parts], dim=1)
    last = as_tokens(separable(last, 'aggregator.agg0.conv'))
    last = F.layer_norm(
        last,
        (segment,),
        weights['aggregator.agg0.norm.weight'],
        weights['aggregator.agg0.norm.bias'],
    )
    last = F.hardswish(last)

    width_of_head = 4 * segment // heads
    q, k, v = (as_tokens(m) for m in mixed)
    position_convs = [0] * 2 + [1] * 3 + [2] * 3
    results, offsets = [], {0: 0, 1: 0, 2: 0}
    for head in range(heads):
        channels = slice(head * width_of_head, (head + 1) * width_of_head)
        qh, kh, vh = q[..., channels], k[..., channels], v[..., channels]
        attention = torch.einsum('bnk,bmk->bnm', qh, kh.softmax(dim=1))
        result = torch.einsum('bnm,bmv->bnv', attention, vh) * (dim / heads) ** -0.5
        conv = position_convs[head]
        rows = slice(offsets[conv], offsets[conv] + width_of_head)
        offsets[conv] += width_of_head
        kernel = weights[f'crpe.conv_list.{conv}.weight'][rows]
        position = F.conv2d(
            as_map(vh),
            kernel,
            weights[f'crpe.conv_list.{conv}.bias'][rows],
            padding=kernel.shape[-1] // 2,
            groups=width_of_head,
        )
        results.append(result + qh * as_tokens(position))
    merged = torch.cat([*results, last], dim=-1)
    return merged @ weights['proj.weight'].T + weights['proj.bias']
