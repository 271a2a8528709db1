"""EANet's head: its parts, published files, its use in mmsegmentation."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from mmengine.registry import MODELS
from mmengine.runner import load_state_dict
from mmengine.structures import PixelData

from mmgroupmix.errors import UnknownArgumentError, UserError

from ...goldens import Golden

pytest.importorskip('mmseg')

from mmseg.structures import SegDataSample

from mmgroupmix.models import EAHead

REPOSITORY = Path(__file__).parents[3]
BLOCKED = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] == 'mmseg':
            raise ModuleNotFoundError(f'No module named {name!r}', name=name)

sys.meta_path.insert(0, Blocker())
"""


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


@pytest.mark.smoke
@pytest.mark.parametrize(
    'arguments',
    [
        {},
        dict(tied=True),
        dict(norm='softmax', num_memories=3),
        dict(attention=None),
        dict(attention='self'),
        dict(attention='self', norm='double'),
    ],
)
def test_it_trains_on_the_map_of_in_index_with_gradients_for_every_weight(arguments):
    head = build_tiny(in_index=1, **arguments)
    sample = SegDataSample()
    sample.gt_sem_seg = PixelData(data=torch.randint(5, (1, 16, 16)))
    maps = (torch.randn(2, 3, 8, 8), torch.randn(2, 12, 4, 4))
    losses = head.loss(maps, [sample, sample], {})
    losses['loss_ce'].backward()
    assert not [n for n, p in head.named_parameters() if p.grad is None]


@pytest.mark.smoke
def test_the_ablations_of_the_paper_change_only_the_block():
    def parts(**arguments):
        state = build_tiny(**arguments).state_dict()
        return {key for key in state if not key.startswith('attention_block.')}

    assert parts() == parts(attention=None) == parts(attention='self')
    assert not any(
        'attention_block' in key for key in build_tiny(attention=None).state_dict()
    )


@pytest.mark.smoke
def test_options_reach_the_block_and_the_convolutions():
    norm_cfg = dict(type='GN', num_groups=2)
    head = build_tiny(num_memories=3, tied=True, norm='softmax', norm_cfg=norm_cfg)
    attention = head.attention_block.attention
    assert attention.memory_key.shape == (3, 8)
    assert attention.memory_value is None
    assert attention.norm == 'softmax'
    norms = (head.conv_in.norm, head.attention_block.norm, head.conv_out.norm)
    assert {type(norm).__name__ for norm in norms} == {'GroupNorm'}


@pytest.mark.smoke
def test_dropout_is_on_channels_before_the_classifier():
    head = build_tiny()
    assert (type(head.dropout).__name__, head.dropout.p) == ('Dropout2d', 0.1)
    assert head.conv_seg.in_channels == 4


@pytest.mark.smoke
@pytest.mark.parametrize(
    'arguments, message',
    [
        (dict(num_memorys=3), "no argument 'num_memorys' .did you mean 'num_memories'"),
        (dict(drop_out_ratio=0.1), "did you mean 'dropout_ratio'"),
    ],
)
def test_mistyped_arguments_are_named(arguments, message):
    with pytest.raises(UnknownArgumentError, match=message):
        build_tiny(**arguments)
    with pytest.raises(UnknownArgumentError, match="missing.*'num_classes'"):
        EAHead(12)


@pytest.mark.smoke
@pytest.mark.parametrize(
    'arguments, message',
    [
        (
            dict(attention='externl'),
            "attention='externl', expected 'external', 'self' or",
        ),
        (
            dict(attention='self', num_memories=4),
            "num_memories=4, expected none with attention='self'",
        ),
        (
            dict(attention=None, norm='double'),
            "norm='double', expected none with attention=None",
        ),
        (dict(channels=7), 'channels=7, expected an even number'),
        (dict(norm='dubble'), "norm='dubble'"),
    ],
)
def test_impossible_arguments_are_named(arguments, message):
    with pytest.raises(UserError, match=message):
        EAHead(**dict(dict(in_channels=12, channels=8, num_classes=5), **arguments))


@pytest.mark.smoke
def test_a_config_of_any_toolbox_names_it():
    head = MODELS.build(
        dict(type='mmgroupmix.EAHead', in_channels=12, channels=8, num_classes=5)
    )
    assert type(head) is EAHead


def test_without_mmsegmentation_it_says_so_and_all_else_works(tmp_path):
    code = (
        BLOCKED
        + """
import mmgroupmix
from mmengine.registry import MODELS
for attempt in (
        lambda: mmgroupmix.models.EAHead,
        lambda: MODELS.build(dict(type='mmgroupmix.EAHead', num_classes=5))):
    try:
        attempt()
    except ImportError as error:
        print(error)
mmgroupmix.models.ExternalAttentionBlock(8)
print('all else works')
"""
    )
    paths = [str(REPOSITORY), *(path for path in sys.path if path)]
    printed = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(paths)),
    ).stdout.splitlines()
    assert len(printed) == 3
    for line in printed[:2]:
        assert line.startswith('mmseg is not installed')
        assert 'pip install "mmgroupmix[onedl]"' in line
    assert printed[2] == 'all else works'


@pytest.mark.smoke
def test_several_maps_are_concatenated_or_refused():
    head = EAHead(
        [4, 8], 8, num_classes=3, in_index=[0, 1], input_transform='resize_concat'
    )
    logits = head((torch.randn(2, 4, 8, 8), torch.randn(2, 8, 4, 4)))
    assert logits.shape == (2, 3, 8, 8)
    with pytest.raises(
        UserError,
        match="input_transform='multiple_select', expected 'resize_concat' or None",
    ):
        EAHead(
            [4, 8], 8, num_classes=3, in_index=[0, 1], input_transform='multiple_select'
        )
