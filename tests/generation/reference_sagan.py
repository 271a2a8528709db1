"""SAGAN's networks as plain functions of a published state dict, in eval mode.

Written from the description of the layers, without modules: weights are divided by the
largest singular value that an SVD finds, and attention sums over pixels one by one.
"""

import torch
import torch.nn.functional as F


def complete(state_dict):
    """Converged singular vectors in place of the ones that a golden does not fill."""
    for name, weight in list(state_dict.items()):
        if name.endswith('weight_orig'):
            u, _, v = torch.linalg.svd(weight.flatten(1).double(), full_matrices=False)
            stem = name.removesuffix('orig')
            state_dict[stem + 'u'] = u[:, 0].to(weight)
            state_dict[stem + 'v'] = v[0].to(weight)
    return state_dict


class Weights:
    """Normalised weights by the names of their layers."""

    def __init__(self, state_dict, prefix=''):
        self.state_dict, self.prefix = state_dict, prefix

    def part(self, name):
        return Weights(self.state_dict, f'{self.prefix}{name}.')

    def plain(self, name):
        return self.state_dict[self.prefix + name]

    def normalized(self, name):
        weight = self.plain(f'{name}.weight_orig')
        return weight / torch.linalg.matrix_norm(weight.flatten(1), ord=2)

    def conv(self, name, x):
        weight = self.normalized(name)
        bias = self.state_dict.get(f'{self.prefix}{name}.bias')
        return F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2)

    def has(self, name):
        return any(key.startswith(f'{self.prefix}{name}.') for key in self.state_dict)


def batch_norm(x, mean, var):
    return (x - mean[:, None, None]) / (var[:, None, None] + 1e-4).sqrt()


def conditional_batch_norm(w, x, labels):
    x = batch_norm(x, w.plain('bn.running_mean'), w.plain('bn.running_var'))
    gain = 1 + w.normalized('gain')[:, labels].T
    bias = w.normalized('bias')[:, labels].T
    return x * gain[..., None, None] + bias[..., None, None]


def enlarge(x):
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


def shrink(x):
    return (
        x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]
    ) / 4


def self_attention(w, x):
    theta = w.conv('conv1x1_theta', x).flatten(2)
    phi = F.max_pool2d(w.conv('conv1x1_phi', x), 2).flatten(2)
    g = F.max_pool2d(w.conv('conv1x1_g', x), 2).flatten(2)
    columns = []
    for pixel in range(theta.shape[2]):
        scores = torch.einsum('bc,bcm->bm', theta[..., pixel], phi)
        shares = scores.exp() / scores.exp().sum(1, keepdim=True)
        columns.append(torch.einsum('bm,bcm->bc', shares, g))
    mixed = torch.stack(columns, 2).reshape(len(x), -1, *x.shape[2:])
    return x + w.plain('sigma') * w.conv('conv1x1_attn', mixed)


def generate(state_dict, z, labels, num_blocks):
    w = Weights(state_dict)
    x = z @ w.normalized('linear0').T + w.plain('linear0.bias')
    x = x.reshape(len(z), -1, 4, 4)
    for index in range(num_blocks):
        block = w.part(f'blocks.{index}.0')
        if block.has('conv1x1_theta'):
            x = self_attention(block, x)
            continue
        inner = conditional_batch_norm(block.part('bn1'), x, labels).clamp(min=0)
        inner = block.conv('conv2d1', enlarge(inner))
        inner = conditional_batch_norm(block.part('bn2'), inner, labels).clamp(min=0)
        x = block.conv('conv2d2', inner) + block.conv('conv2d0', enlarge(x))
    x = batch_norm(x, w.plain('bn4.running_mean'), w.plain('bn4.running_var'))
    x = x * w.plain('bn4.weight')[:, None, None] + w.plain('bn4.bias')[:, None, None]
    return torch.tanh(w.conv('conv2d5', x.clamp(min=0)))


def discriminate(state_dict, x, labels, num_blocks, num_downsampling):
    w, number = Weights(state_dict), 0
    for index in range(num_blocks):
        block = w.part(f'blocks.{index}.0')
        if block.has('conv1x1_theta'):
            x = self_attention(block, x)
            continue
        number += 1
        x = x.clamp(min=0) if number > 1 else x
        inner = block.conv('conv2d2', block.conv('conv2d1', x).clamp(min=0))
        shortcut = block.conv('conv2d0', x) if block.has('conv2d0') else x
        x = inner + shortcut
        x = shrink(x) if number <= num_downsampling else x
    features = x.clamp(min=0).sum((2, 3))
    score = features @ w.normalized('linear1').T + w.plain('linear1.bias')
    return score[:, 0] + (w.normalized('embedding')[labels] * features).sum(1)
