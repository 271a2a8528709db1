"""The ablations of Group-Mix Attention against a naive formulation."""

import pickle

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmgroupmix.errors import UserError
from mmgroupmix.models import GroupMixAttention

IDENTITIES = ('identity',) * 5
THREE_CONVS = ('identity', 'conv', 'conv', 'conv', 'identity')
ABLATIONS = {
    'all identity': dict(kinds=IDENTITIES),
    'only the non-attention branch': dict(kinds='identity'),
    'only the aggregators': dict(kinds=THREE_CONVS),
    'one side': dict(kernel_sizes=5),
    'larger sides': dict(kernel_sizes=(5, 7, 9)),
    'maximum': dict(kinds='max_pool'),
    'mean': dict(kinds='avg_pool'),
    'minimum': dict(kinds='min_pool'),
    'convolutions of the input': dict(kinds=THREE_CONVS, aggregate_input=True),
    'poolings without a branch': dict(
        kinds=('identity', 'avg_pool', 'max_pool', 'conv', 'identity')
    ),
}
every_ablation = pytest.mark.parametrize('arguments', ABLATIONS.values(), ids=ABLATIONS)


def build(dim=40, **arguments):
    torch.manual_seed(0)
    mixer = GroupMixAttention(dim, **arguments).double().eval()
    for module in mixer.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.3)
            nn.init.normal_(module.bias, std=0.3)
    return mixer


def neighbours(image, side):
    """The tokens around each, NaN outside of the map: (B, C, side * side, H, W)."""
    padded = F.pad(image, [side // 2] * 4, value=float('nan'))
    return torch.stack(
        [
            padded[..., i : i + image.shape[-2], j : j + image.shape[-1]]
            for i in range(side)
            for j in range(side)
        ],
        dim=2,
    )


def aggregate(mixer, index, image, kind, side):
    """Proxies (B, c, H, W) of one map of segment ``index``."""
    branch = (*mixer.pre_attention, mixer.non_attention)[index]
    if kind == 'conv':
        depthwise = branch.aggregator.depthwise.weight.flatten(1)[None, :, :, None, None]
        image = (neighbours(image, side).nan_to_num() * depthwise).sum(2)
        pointwise = branch.aggregator.pointwise.weight.flatten(1)
        image = torch.einsum('oc,bchw->bohw', pointwise, image)
    elif kind != 'identity':
        around = neighbours(image, side)
        image = {
            'max_pool': around.nan_to_num(-1e9).amax(2),
            'min_pool': around.nan_to_num(1e9).amin(2),
            'avg_pool': around.nanmean(2),
        }[kind]
    norm = branch.norm
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    image = (image - norm.running_mean[:, None, None]) * scale[:, None, None]
    return F.hardswish(image + norm.bias[:, None, None])


def mix_naively(mixer, x, kinds='conv', kernel_sizes=(3, 5, 7), aggregate_input=False):
    """Group-Mix Attention head by head, on (B, C, H, W) maps of q, k and v."""
    if isinstance(kinds, str):
        kinds = ('identity', kinds, kinds, kinds, 'conv')
    if isinstance(kernel_sizes, int):
        kernel_sizes = (kernel_sizes,) * 3
    sides = (1, *kernel_sizes, 1)
    joins = kinds[4] == 'identity'
    dim, num_segments = x.shape[-1], 5 if joins else 4

    def aggregate_all(image):
        parts = image.chunk(5, dim=1)[:num_segments]
        proxies = [
            aggregate(mixer, i, part, kinds[i], sides[i]) for i, part in enumerate(parts)
        ]
        return torch.cat(proxies, dim=1)

    def project(image):
        return mixer.qkv(image.movedim(1, -1)).movedim(-1, 1)

    image = x.movedim(-1, 1)
    if aggregate_input:
        q, k, v = project(aggregate_all(image)).chunk(3, dim=1)
    else:
        # Rows of the projection: q, k and v of segment 0, of segment 1, ...
        segments = [part.chunk(3, dim=1) for part in project(image).chunk(5, dim=1)]
        q, k, v = (
            aggregate_all(torch.cat([segment[i] for segment in segments], dim=1))
            for i in range(3)
        )
    width = q.shape[1] // 8
    convs = [conv for branch in mixer.pre_attention for conv in branch.position.convs]
    heads = []
    for head, conv in enumerate(convs):
        rows = slice(head * width, (head + 1) * width)
        weights = k[:, rows].flatten(2).softmax(dim=-1)  # (B, Ch, N)
        context = torch.einsum('bkn,bvn->bkv', weights, v[:, rows].flatten(2))
        mixed = torch.einsum('bkhw,bkv->bvhw', q[:, rows], context) * (dim / 8) ** -0.5
        heads.append(mixed + q[:, rows] * conv(v[:, rows]))
    if not joins:
        last = torch.cat(segments[4], dim=1)
        last = mixer.non_attention.aggregator(last).movedim(1, -1)
        heads.append(F.hardswish(mixer.non_attention.norm(last)).movedim(-1, 1))
    return mixer.proj(torch.cat(heads, dim=1).movedim(1, -1))


@pytest.mark.smoke
@every_ablation
def test_equals_the_naive_formulation_also_when_fused(arguments):
    mixer = build(**arguments)
    tokens = torch.randn(2, 6, 9, 40, dtype=torch.double)
    expected = mix_naively(mixer, tokens, **arguments)
    torch.testing.assert_close(mixer(tokens), expected, rtol=1e-6, atol=1e-6)
    mixer.fuse()
    torch.testing.assert_close(mixer(tokens), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.smoke
@every_ablation
def test_a_pickled_mixer_computes_the_same(arguments):
    mixer, tokens = build(**arguments), torch.randn(1, 3, 4, 40, dtype=torch.double)
    assert torch.equal(pickle.loads(pickle.dumps(mixer))(tokens), mixer(tokens))


@pytest.mark.smoke
@every_ablation
def test_gradients_reach_every_parameter(arguments):
    mixer = build(**arguments).train()
    mixer(torch.randn(2, 6, 9, 40, dtype=torch.double)).square().sum().backward()
    missing = [key for key, p in mixer.named_parameters() if not p.grad.abs().sum() > 0]
    assert not missing


@pytest.mark.smoke
@pytest.mark.parametrize(
    'arguments, convolutions',
    [
        (dict(kinds=IDENTITIES), 0),
        (dict(kinds='identity'), 2),  # depthwise and pointwise, of the last segment
        (dict(kinds='max_pool'), 2),
        (dict(kinds=THREE_CONVS), 6),
        ({}, 8),
    ],
)
def test_there_is_no_convolution_where_there_is_no_aggregator(arguments, convolutions):
    mixer = build(**arguments)
    convs = [name for name, m in mixer.named_modules() if isinstance(m, nn.Conv2d)]
    assert len([name for name in convs if '.position.' not in name]) == convolutions


@pytest.mark.smoke
def test_without_aggregators_eight_heads_attend_with_all_channels():
    # 3 C^2 + 3 C, C^2 + C, two parameters per channel of the norms, 8 heads of C/8
    # channels with kernels of 2 x 3, 3 x 5 and 3 x 7 and a bias.
    dim = 80
    kernels = dim // 8 * (2 * 9 + 3 * 25 + 3 * 49) + dim
    expected = 4 * dim**2 + 4 * dim + 2 * dim + kernels
    mixer = GroupMixAttention(dim, kinds=IDENTITIES)
    assert sum(p.numel() for p in mixer.parameters()) == expected


@pytest.mark.smoke
@pytest.mark.parametrize('arguments', [dict(kinds=IDENTITIES), dict(kinds='avg_pool')])
def test_norms_behind_a_mean_are_folded_into_the_projection(arguments):
    mixer = build(**arguments)
    mixer.fuse()
    assert not [m for m in mixer.modules() if isinstance(m, nn.BatchNorm2d)]


@pytest.mark.smoke
@pytest.mark.parametrize('kinds', ['avg_pool', 'conv', 'max_pool'])
@pytest.mark.parametrize('missing', ['affine', 'track_running_stats'])
def test_norms_without_factors_or_statistics_keep_the_outputs_when_fused(kinds, missing):
    norm_cfg = {'type': 'BN', missing: False}
    mixer = GroupMixAttention(40, kinds=kinds, norm_cfg=norm_cfg).double()
    tokens = torch.randn(2, 6, 9, 40, dtype=torch.double)
    mixer(tokens)  # in training mode: the statistics become those of the tokens
    expected = mixer.eval()(tokens)
    mixer.fuse()
    torch.testing.assert_close(mixer(tokens), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.smoke
@pytest.mark.parametrize(
    'arguments, message',
    [
        (dict(kinds='median'), r"kinds\[1\]='median', expected 'identity', 'conv', "),
        (dict(kinds=('conv', 'conv')), r"kinds=\('conv', 'conv'\), expected 5 values"),
        (dict(kinds=('identity',) * 4 + ('max_pool',)), r"kinds\[4\]='max_pool'"),
        (dict(aggregate_input=True), 'aggregate_input=True, expected False'),
        (dict(dim=50, kinds=IDENTITIES), 'dim=50, expected a multiple of 40'),
        (dict(kernel_sizes=4), r'kernel_sizes\[0\]=4, expected an odd number'),
    ],
)
def test_impossible_ablations_are_named(arguments, message):
    with pytest.raises(UserError, match=message):
        GroupMixAttention(**{'dim': 40, **arguments})
