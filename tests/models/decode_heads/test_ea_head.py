"""EANet's head: its parts, its arguments, its use in mmsegmentation."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.registry import MODELS
from mmengine.structures import PixelData

from mmgroupmix.errors import UnknownArgumentError, UserError

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
