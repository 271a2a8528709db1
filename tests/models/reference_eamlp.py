"""EAMLP, written naively from the paper and the details of its code, in float64.

Loops over windows and heads, no layout: slow, and without any code of the package. It
takes the weights under their published names.
"""

import math

import torch


def eamlp(image, published, heads):
    """Compute the class token, (B, C), and the logits of images, (B, 3, H, W).

    ``heads`` is their number before the expansion by 4.
    """
    weights = {key: value.double() for key, value in published.items()}
    tokens = tokens_to_token(image.double(), weights)
    batch, count, dim = tokens.shape
    cls_token = weights['cls_token'].expand(batch, 1, dim)
    x = torch.cat([cls_token, tokens], dim=1) + sinusoids(1 + count, dim)
    depth = len({key.split('.')[1] for key in weights if key.startswith('blocks.')})
    for block in range(depth):
        x = transformer_block(x, weights, f'blocks.{block}.', heads)
    feature = norm(x, weights, 'norm')[:, 0]
    return feature, linear(feature, weights, 'head')


def tokens_to_token(image, weights):
    tokens, size = soft_split(image, 7, 4, 2)
    for step in (1, 2):
        tokens = encoder(tokens, weights, f'tokens_to_token.attention{step}.')
        as_map = tokens.transpose(1, 2).reshape(len(tokens), -1, *size)
        tokens, size = soft_split(as_map, 3, 2, 1)
    return linear(tokens, weights, 'tokens_to_token.project')


def soft_split(image, side, stride, padding):
    """Return all windows of the padded map, row by row, as tokens; and their grid."""
    batch, channels, height, width = image.shape
    padded = image.new_zeros(batch, channels, height + 2 * padding, width + 2 * padding)
    padded[:, :, padding : padding + height, padding : padding + width] = image
    tops = range(0, height + 2 * padding - side + 1, stride)
    lefts = range(0, width + 2 * padding - side + 1, stride)
    windows = [
        padded[:, :, top : top + side, left : left + side].flatten(1)
        for top in tops
        for left in lefts
    ]
    return torch.stack(windows, dim=1), (len(tops), len(lefts))


def encoder(x, weights, name):
    query = linear(norm(x, weights, name + 'norm1'), weights, name + 'attn.q_linear')
    attention = double_norm(query @ weights[name + 'attn.linear_0.weight'].T)
    mixed = linear(attention, weights, name + 'attn.linear_1')
    x = query + linear(mixed, weights, name + 'attn.proj')
    return x + mlp(norm(x, weights, name + 'norm2'), weights, name + 'mlp.')


def transformer_block(x, weights, name, heads):
    wide = linear(norm(x, weights, name + 'norm1'), weights, name + 'attn.trans_dims')
    mixed = []
    for head in wide.chunk(4 * heads, dim=-1):
        attention = double_norm(linear(head, weights, name + 'attn.linear_0'))
        mixed.append(linear(attention, weights, name + 'attn.linear_1'))
    x = x + linear(torch.cat(mixed, dim=-1), weights, name + 'attn.proj')
    return x + mlp(norm(x, weights, name + 'norm2'), weights, name + 'mlp.')


def double_norm(scores):
    """Softmax over tokens, then every token's row divided by its sum."""
    shares = scores.exp() / scores.exp().sum(dim=1, keepdim=True)
    return shares / (1e-9 + shares.sum(dim=2, keepdim=True))


def mlp(x, weights, name):
    hidden = linear(x, weights, name + 'fc1')
    hidden = hidden * (1 + torch.erf(hidden / math.sqrt(2))) / 2
    return linear(hidden, weights, name + 'fc2')


def norm(x, weights, name):
    """Layer norm; batch norm in eval mode if the weights have statistics."""
    if f'{name}.running_mean' in weights:
        mean, variance = weights[f'{name}.running_mean'], weights[f'{name}.running_var']
    else:
        mean = x.mean(dim=-1, keepdim=True)
        variance = (x - mean).square().mean(dim=-1, keepdim=True)
    x = (x - mean) / (variance + 1e-5).sqrt()
    return x * weights[f'{name}.weight'] + weights[f'{name}.bias']


def linear(x, weights, name):
    return x @ weights[f'{name}.weight'].T + weights[f'{name}.bias']


def sinusoids(count, dim):
    """(count, dim): position p, channel j."""
    table = torch.empty(count, dim, dtype=torch.double)
    for p in range(count):
        for j in range(dim):
            angle = p / 10000 ** (2 * (j // 2) / dim)
            table[p, j] = math.cos(angle) if j % 2 else math.sin(angle)
    return table


def performer(q, k, v, rows):
    """Kernel attention as a full N x N matrix; q, k, v: (N, d), rows: (m, d)."""

    def features(x):
        values = [math.exp(float(row @ x) - float(x @ x) / 2) for row in rows]
        return torch.tensor(values, dtype=torch.double) / math.sqrt(len(rows))

    kernel = torch.stack(
        [torch.stack([features(query) @ features(key) for key in k]) for query in q]
    )
    return kernel @ v / (kernel.sum(dim=1, keepdim=True) + 1e-8)
