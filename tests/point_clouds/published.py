"""The published networks, formulated plainly on (B, C, N) with functions alone.

Weights are looked up by their published names.
"""

import torch
import torch.nn.functional as F


def conv(weights, name, x):
    """1x1 convolution, (B, C, N) to (B, C', N)."""
    return F.conv1d(x, weights[f'{name}.weight'], weights.get(f'{name}.bias'))


def norm(weights, name, x):
    """Batch norm in evaluation."""
    names = ('running_mean', 'running_var', 'weight', 'bias')
    return F.batch_norm(x, *(weights[f'{name}.{one}'] for one in names))


def attend(weights, name, x):
    """PCT's self-attention without residual, r."""
    queries = conv(weights, f'{name}.k_conv', x).permute(0, 2, 1)
    energy = queries @ conv(weights, f'{name}.k_conv', x)
    attention = energy.softmax(-1)
    attention = attention / (1e-9 + attention.sum(1, keepdim=True))
    return conv(weights, f'{name}.v_conv', x) @ attention


def attend_externally(weights, name, x):
    """External attention with double normalisation without residual, r."""
    energy = torch.einsum('bcn,sc->bns', x, weights[f'{name}.memory_key'])
    attention = energy.softmax(1)
    attention = attention / (1e-9 + attention.sum(2, keepdim=True))
    return torch.einsum('bns,sc->bcn', attention, weights[f'{name}.memory_value'])


def layer(weights, name, x, attention=attend, offset=True):
    """A whole attention layer."""
    mixed = attention(weights, name, x)
    inner = conv(weights, f'{name}.trans_conv', x - mixed if offset else mixed)
    return x + norm(weights, f'{name}.after_norm', inner).relu()


def segment_parts(weights, points, categories, attention=attend, offset=True):
    """The segmentor, (B, N, 3) to (B, N, parts)."""
    x = points.transpose(1, 2)
    number = x.shape[2]
    x = norm(weights, 'bn1', conv(weights, 'conv1', x)).relu()
    x = norm(weights, 'bn2', conv(weights, 'conv2', x)).relu()
    outputs = []
    for i in range(1, 5):
        x = layer(weights, f'sa{i}', x, attention, offset)
        outputs.append(x)
    x = torch.cat(outputs, 1)
    x = F.leaky_relu(norm(weights, 'conv_fuse.1', conv(weights, 'conv_fuse.0', x)), 0.2)
    label = F.one_hot(categories, 16).to(x.dtype).unsqueeze(2)
    label = norm(weights, 'label_conv.1', conv(weights, 'label_conv.0', label))
    label = F.leaky_relu(label, 0.2).repeat(1, 1, number)
    largest = x.max(2).values.unsqueeze(2).repeat(1, 1, number)
    average = x.mean(2).unsqueeze(2).repeat(1, 1, number)
    x = torch.cat([x, largest, average, label], 1)
    x = norm(weights, 'bns1', conv(weights, 'convs1', x)).relu()
    x = norm(weights, 'bns2', conv(weights, 'convs2', x)).relu()
    return conv(weights, 'convs3', x).transpose(1, 2)


def part_weight_shapes(num_parts=50, external=False):
    """Published names and shapes of the segmentor, or those of its external attention."""
    shapes = {}

    def add_conv(name, inside, outside, bias=False):
        shapes[f'{name}.weight'] = (outside, inside, 1)
        if bias:
            shapes[f'{name}.bias'] = (outside,)

    def add_norm(name, channels):
        for entry in ('weight', 'bias', 'running_mean', 'running_var'):
            shapes[f'{name}.{entry}'] = (channels,)
        shapes[f'{name}.num_batches_tracked'] = ()

    add_conv('conv1', 3, 128)
    add_conv('conv2', 128, 128)
    add_norm('bn1', 128)
    add_norm('bn2', 128)
    for i in range(1, 5):
        if external:
            shapes |= {f'sa{i}.memory_{one}': (64, 128) for one in ('key', 'value')}
        else:
            add_conv(f'sa{i}.q_conv', 128, 32)
            add_conv(f'sa{i}.k_conv', 128, 32)
            add_conv(f'sa{i}.v_conv', 128, 128, bias=True)
        add_conv(f'sa{i}.trans_conv', 128, 128, bias=True)
        add_norm(f'sa{i}.after_norm', 128)
    add_conv('conv_fuse.0', 512, 1024)
    add_norm('conv_fuse.1', 1024)
    add_conv('label_conv.0', 16, 64)
    add_norm('label_conv.1', 64)
    add_conv('convs1', 3136, 512, bias=True)
    add_norm('bns1', 512)
    add_conv('convs2', 512, 256, bias=True)
    add_norm('bns2', 256)
    add_conv('convs3', 256, num_parts, bias=True)
    return shapes
