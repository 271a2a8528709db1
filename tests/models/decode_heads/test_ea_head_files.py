"""EANet's head: published files and its own."""

import pytest
import torch
import torch.nn.functional as F
from mmengine.runner import load_state_dict

from ...goldens import Golden

pytest.importorskip('mmseg')

from mmgroupmix.models import EAHead


def build_tiny(**arguments):
    return EAHead(12, 8, **dict(dict(num_classes=5), **arguments))


@pytest.fixture(scope='module')
def published():
    return Golden('eanet_head_2048_150').state_dict()


@pytest.fixture(scope='module')
def loaded(published):
    head = EAHead(2048, num_classes=150).eval()
    head.load_state_dict(published)
    return head


def conv_norm_relu(x, weights, name):
    x = F.conv2d(x, weights[f'{name}.conv.weight'], padding=1)
    return F.relu(
        F.batch_norm(
            x,
            *(
                weights[f'{name}.bn.{part}']
                for part in ('running_mean', 'running_var', 'weight', 'bias')
            ),
        )
    )


def compute_logits(x, weights):
    """Compute the head with the published names, each part as in the paper."""
    x = conv_norm_relu(x, weights, 'fc0')
    tokens = F.conv2d(x, weights['linu.conv1.weight'], weights['linu.conv1.bias'])
    tokens = tokens.flatten(2).mT  # (B, N, 512)
    attention = tokens @ weights['linu.linear_0.weight'].squeeze(-1).T
    attention = attention.softmax(dim=1)
    attention = attention / (1e-9 + attention.sum(dim=2, keepdim=True))
    mixed = attention @ weights['linu.linear_1.weight'].squeeze(-1).T
    mixed = F.conv2d(mixed.mT.reshape(x.shape), weights['linu.conv2.0.weight'])
    mixed = F.batch_norm(
        mixed,
        *(
            weights[f'linu.conv2.1.{part}']
            for part in ('running_mean', 'running_var', 'weight', 'bias')
        ),
    )
    x = conv_norm_relu(F.relu(mixed + x), weights, 'fc1.0')
    return F.conv2d(x, weights['fc2.weight'], weights['fc2.bias'])


@pytest.mark.smoke
def test_it_has_the_parameters_of_the_published_head():
    with torch.device('meta'):
        head = EAHead(2048, num_classes=150)
    golden = Golden('eanet_head_2048_150')
    assert sum(p.numel() for p in head.parameters()) == golden.params


def test_with_published_weights_it_computes_what_the_paper_describes(loaded, published):
    maps = [torch.randn(1, 2048, 4, 6)]
    with torch.inference_mode():
        logits = loaded(maps)
        expected = compute_logits(maps[0], published)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    'wrap',
    [
        lambda file: {f'decode_head.{key}': value for key, value in file.items()},
        lambda file: dict(net=file | {'extractor.1.weight': torch.ones(128)}, step=45000),
        lambda file: {f'module.{key}': value for key, value in file.items()},
    ],
    ids=['decode_head', 'whole', 'module'],
)
def test_a_head_within_a_file_loads_too(wrap, loaded, published):
    head = EAHead(2048, num_classes=150)
    head.load_state_dict(wrap(published))
    for key, value in loaded.state_dict().items():
        assert torch.equal(head.state_dict()[key], value), key


@pytest.mark.parametrize(
    'load',
    [
        lambda module, file: module.load_state_dict(file, strict=True),
        lambda module, file: load_state_dict(module, file, strict=True),
    ],
    ids=['torch', 'mmengine'],
)
def test_published_names_load_below_a_segmentor(load, loaded, published):
    segmentor = torch.nn.Module()
    segmentor.decode_head = EAHead(2048, num_classes=150)
    load(segmentor, {f'decode_head.{key}': value for key, value in published.items()})
    for key, value in loaded.state_dict().items():
        assert torch.equal(segmentor.decode_head.state_dict()[key], value), key


@pytest.mark.smoke
def test_its_own_state_dict_loads_and_a_part_of_it_does_not():
    head, other = build_tiny(), build_tiny()
    other.load_state_dict(head.state_dict())
    assert torch.equal(other.conv_seg.weight, head.conv_seg.weight)
    state = head.state_dict()
    del state['conv_seg.weight']
    with pytest.raises(RuntimeError, match='Missing key.*conv_seg.weight'):
        other.load_state_dict(state)


@pytest.mark.smoke
def test_a_segmentor_may_load_a_file_without_the_head():
    segmentor = torch.nn.Module()
    segmentor.decode_head = build_tiny()
    result = segmentor.load_state_dict({}, strict=False)
    assert 'decode_head.conv_seg.weight' in result.missing_keys
