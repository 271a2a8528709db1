"""Arguments of mmpretrain's and sail-sg's PoolFormer mean what they mean there."""

import pytest
import torch
from mmengine.registry import MODELS, DefaultScope

from mmgroupmix.checkpoints.poolformer import convert
from mmgroupmix.errors import UserError
from mmgroupmix.models import EAMLP, GroupMixFormer, PoolFormer
from mmgroupmix.models.backbones import foreign_arguments
from mmgroupmix.models.backbones.foreign_arguments import translation
from mmgroupmix.models.backbones.foreign_arguments.translation import Fixed, Ignored

from ..small_backbones import MMPRETRAIN_ARGUMENTS, NANO, NANO_EAMLP

pytestmark = pytest.mark.smoke

SMALL = dict(layers=[1, 2, 1, 1], embed_dims=[8, 16, 24, 32], mlp_ratios=[2, 2, 2, 2])
EVERY_BACKBONE = [
    (PoolFormer, NANO, foreign_arguments.POOLFORMER_RULES),
    (GroupMixFormer, NANO, foreign_arguments.GROUPMIXFORMER_RULES),
    (EAMLP, NANO_EAMLP, foreign_arguments.EAMLP_RULES),
]
FIXED = [
    (backbone, arch, name, rule)
    for backbone, arch, rules in EVERY_BACKBONE
    for name, rule in rules.items()
    if isinstance(rule, Fixed)
]


@pytest.fixture
def lines(monkeypatch):
    """The lines that are logged."""
    found = []
    monkeypatch.setattr(translation, '_LOGGED', set())
    monkeypatch.setattr(
        translation, 'print_log', lambda line, **options: found.append(line)
    )
    return found


def build_both(**arguments):
    """mmpretrain's PoolFormer and ours, with the same weights."""
    from mmpretrain.models import PoolFormer as Theirs

    torch.manual_seed(0)
    theirs = Theirs(**{'arch': SMALL, **arguments})
    for parameter in theirs.parameters():
        parameter.data.uniform_(-0.5, 0.5)
    ours = MODELS.build({'type': 'mmgroupmix.PoolFormer', 'arch': SMALL, **arguments})
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


@pytest.mark.parametrize(
    'arguments',
    [
        MMPRETRAIN_ARGUMENTS,
        dict(out_indices=-1),
        dict(out_indices=6),
        dict(out_indices=[6, 0]),
        dict(out_indices=[0, -3]),
        dict(drop_rate=0),
        dict(drop_rate=0, out_indices=(2,)),
        dict(drop_rate=0, out_indices=(0, 2)),
        dict(out_indices=(4,), pool_size=5),
        dict(out_indices=(0, 6), act_cfg=dict(type='ReLU')),
        dict(out_indices=(2, 6), norm_cfg=dict(type='mmpretrain.LN2d', eps=1e-6)),
        dict(out_indices=(2, 6), norm_cfg=dict(type='BN')),
    ],
    ids=str,
)
def test_the_maps_are_those_of_mmpretrains_class_in_training_too(arguments):
    theirs, ours = build_both(**arguments)
    image = torch.rand(2, 3, 64, 64)
    for mode in (True, False):
        theirs.train(mode)
        ours.train(mode)
        expected = theirs(image)
        assert len(expected) == len(ours.out_indices)
        for one, other in zip(ours(image), expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('frozen', [None, -1, 0, 1, 3, 5, 7])
def test_the_parts_are_frozen_that_mmpretrains_class_freezes(frozen):
    given = {} if frozen is None else dict(frozen_stages=frozen)
    theirs, ours = build_both(out_indices=(0, 2, 4, 6), **given)
    is_trained = convert(
        {
            name: torch.full_like(parameter, parameter.requires_grad)
            for name, parameter in theirs.named_parameters()
        }
    )
    for name, parameter in ours.named_parameters():
        assert parameter.requires_grad == bool(is_trained[name].all()), name


def test_the_initialization_of_convolutions_reaches_the_mlps_as_there():
    cfg = dict(type='Constant', layer='Conv2d', val=0.5)
    theirs, ours = build_both(out_indices=(0, 2, 4, 6), init_cfg=cfg)
    for model in (theirs, ours):
        model.init_weights()
    expected = convert(theirs.state_dict())
    for name in ('stem.weight', 'stages.1.blocks.1.mlp.fc2.weight'):
        assert torch.equal(ours.state_dict()[name], expected[name])


def test_the_default_layer_scale_of_an_arch_with_layers_is_mmpretrains():
    _, ours = build_both(out_indices=-1)
    fresh = PoolFormer(arch=SMALL, out_indices=-1)
    assert fresh.layer_scale == ours.layer_scale == 1e-5


@pytest.mark.parametrize(
    'arguments, reason',
    [
        (dict(out_indices=(0, 1, 2, 3), drop_rate=0), 'downsampling.*0, 2, 4, 6'),
        (dict(out_indices=(0, 2, 7)), 'from 0 to 6'),
        (dict(out_indices=2), r'two ways.*\(2,\), or \(1,\)'),
        (dict(out_indices=(0, 6), frozen_stages=2), 'frozen_stages=2.*downsampling'),
        (dict(out_indices=(0, 6), frozen_stages=9), 'one of -1, 0, 1, 3, 5, 7'),
        (dict(arch=dict(SMALL, embed_dims=[8, 8, 16, 16])), 'width in each stage'),
        (dict(arch=dict(SMALL, embed_dims=7)), 'embed_dims=7, expected 4 values'),
        (dict(arch=dict(SMALL, layer_scale_init_value=0)), 'starts at 0'),
        (dict(arch=dict(layers=[1, 1], embed_dims=[8, 16])), 'expected 4 values'),
        (dict(fork_feat=True, layers=SMALL['layers'], arch='s12'), 'two ways'),
        (dict(layer_scale_init_value=0), 'starts at 0'),
        (dict(pool_size=5, token_mixers='Identity'), 'two ways'),
        (dict(in_pad=2, drop_pathrate=0.1), "'drop_pathrate'.*mean 'drop_path_rate'"),
    ],
    ids=str,
)
def test_what_cannot_be_honoured_is_refused_with_the_reason(arguments, reason, lines):
    with pytest.raises(UserError, match=reason):
        PoolFormer(**{'arch': NANO, **arguments})
    assert not lines


@pytest.mark.parametrize(
    'backbone, arch, name, rule', FIXED, ids=[f'{f[0].__name__}-{f[2]}' for f in FIXED]
)
def test_of_a_fixed_argument_one_value_is_taken_and_others_are_named(
    backbone, arch, name, rule
):
    with torch.device('meta'):
        backbone(arch=arch, **{name: rule.value})
        with pytest.raises(UserError, match=f'{name}=.* expected {rule.value!r}: '[:30]):
            backbone(arch=arch, **{name: 12345})


@pytest.mark.parametrize('backbone, arch, rules', EVERY_BACKBONE)
def test_ignored_arguments_change_nothing_and_are_named(backbone, arch, rules, lines):
    names = [name for name, rule in rules.items() if isinstance(rule, Ignored)]
    with torch.device('meta'):
        built = backbone(arch=arch, **dict.fromkeys(names, 'something'))
        plain = backbone(arch=arch)
    shapes, expected = (
        {k: v.shape for k, v in m.state_dict().items()} for m in (built, plain)
    )
    assert shapes == expected
    assert all(f"{name}='something'" in lines[0] for name in names)


def test_one_line_says_what_was_translated_and_is_logged_once(lines):
    for _ in range(2):
        PoolFormer(arch=NANO, **MMPRETRAIN_ARGUMENTS)
    (line,) = lines
    assert "mmpretrain's PoolFormer" in line and '\n' not in line
    assert 'out_indices=(0, 2, 4, 6) of its seven sub-modules' in line
    assert all(name in line for name in MMPRETRAIN_ARGUMENTS if name != 'drop_path_rate')


def test_an_index_that_both_countings_have_is_said(lines):
    assert PoolFormer(arch=NANO, out_indices=(0, 2)).out_indices == (0, 2)
    assert 'stages' in lines[0] and '(0, 1)' in lines[0]


def test_our_own_arguments_are_taken_without_a_word(lines):
    for indices in ((0, 1, 2, 3), (1, 2, 3), (3,)):
        PoolFormer(arch=NANO, out_indices=indices, frozen_stages=2, drop_path_rate=0.2)
    GroupMixFormer(arch=NANO, frozen_stages=1)
    EAMLP(arch=NANO_EAMLP)
    assert not lines


def test_for_a_classifier_of_mmpretrain_the_last_map_is_the_default(lines):
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        backbone = MODELS.build(dict(type='mmgroupmix.PoolFormer', arch=NANO))
        assert PoolFormer(NANO).out_indices == (0, 1, 2, 3)  # a call in Python
        assert PoolFormer(arch=NANO, with_cp=True).out_indices == (0, 1, 2, 3)
    assert backbone.out_indices == (3,)
    assert len(lines) == 1 and 'last map' in lines[0]


@pytest.mark.parametrize(
    'arguments, expected',
    [
        (dict(fork_feat=True), dict(out_indices=(0, 1, 2, 3))),
        (dict(fork_feat=True, out_indices=(0, 2, 4, 6)), dict(out_indices=(0, 1, 2, 3))),
        (dict(fork_feat=False), dict(out_indices=(3,))),
        (dict(style='pytorch'), dict(out_indices=(0, 1, 2, 3), frozen_stages=-1)),
        (dict(style='pytorch', out_indices=(0, 6)), dict(out_indices=(0, 3))),
        (dict(use_layer_scale=False), dict(layer_scale=0)),
        (
            dict(layer_scale_init_value=0.5, out_indices=(0, 2, 4, 6), in_pad=2),
            dict(layer_scale=0.5, out_indices=(0, 1, 2, 3)),
        ),
        (dict(layer_scale_init_value=0.5), dict(layer_scale=0.5)),
    ],
    ids=str,
)
def test_arguments_of_sail_sg_become_ours(arguments, expected):
    with torch.device('meta'):
        backbone = PoolFormer(arch=NANO, **arguments)
    for name, value in expected.items():
        assert getattr(backbone, name) == value


def test_without_a_size_sail_sgs_names_are_named():
    with pytest.raises(UserError, match="no arch.*mmgroupmix.poolformer_s12_feat'"):
        PoolFormer(style='pytorch', drop_path_rate=0.1)


def test_the_sizes_that_sail_sgs_class_takes_name_the_architecture():
    sizes = PoolFormer.arch_settings['s24']
    given = dict(
        layers=list(sizes['depths']),
        embed_dims=list(sizes['embed_dims']),
        mlp_ratios=[4, 4, 4, 4],
        downsamples=[True] * 4,
        num_classes=10,
    )
    with torch.device('meta'):
        backbone = PoolFormer(**given)
        other = PoolFormer(**{**given, 'layers': [1, 1, 1, 1]})
    assert backbone.arch == 's24' and not isinstance(
        backbone.final_norm, torch.nn.Identity
    )
    assert [len(stage.blocks) for stage in other.stages] == [1, 1, 1, 1]
