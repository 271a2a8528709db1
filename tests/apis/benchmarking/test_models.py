"""Models by name, and what is done with them."""

import sys

import pytest
import torch
from torch import nn

from mmgroupmix.apis.benchmarking.models import (
    CLOUDS,
    IMAGES,
    LATENTS,
    find_model,
    own_models,
)
from mmgroupmix.apis.benchmarking.modes import (
    MODES,
    apply_mode,
    default_mode,
    find_foldable,
    split_mode,
)
from mmgroupmix.apis.benchmarking.results import find_reference_index
from mmgroupmix.errors import UserError
from mmgroupmix.model_index import read_models
from mmgroupmix.models import EAMLP, GroupMixFormer, PoolFormer

from ...models.small_backbones import NANO, randomize_batch_norms


def test_every_architecture_has_a_name():
    names = [
        *(f'gmf_{arch}' for arch in GroupMixFormer.arch_aliases),
        *(f'poolformer_{arch}' for arch in PoolFormer.arch_settings),
        *(f'eamlp_{arch}' for arch in EAMLP.arch_settings),
    ]
    blocks = ['ea_block', 'self_attention_block', 'eat_layer', 'pct_layer']
    gans = ['sagan_layer', 'eagan_layer', 'sagan_generator', 'eagan_generator']
    assert list(own_models()) == [*names, *blocks, *gans]


@pytest.mark.parametrize('name', own_models())
def test_every_model_of_the_package_takes_its_input(name):
    source = find_model(name)
    # Spectral norms take longer to initialise without values than with them.
    device, size = 'meta', (64, 96)
    if source.inputs == LATENTS:
        device, size = 'cpu', (32, 32)
    shape = source.input_shape(2, size)
    with torch.device(device), torch.no_grad():
        model = source.build(size).eval()
        outputs = model(torch.empty(shape))
    assert source.is_ours
    if source.inputs == CLOUDS:
        assert outputs.shape == shape
    elif source.inputs == LATENTS:
        assert outputs.shape == (2, 3, 32, 32)
    else:
        assert len(outputs) and outputs[0].shape[-2] < outputs[0].shape[-1]


def test_a_block_takes_a_map_at_an_eighth_of_the_size():
    assert find_model('ea_block').input_shape(2, (64, 96)) == (2, 512, 8, 12)
    assert find_model('eat_layer').input_shape(2, (32, 32)) == (2, 1024, 128)


@pytest.mark.parametrize('name', ['sagan_layer', 'eagan_layer'])
def test_a_layer_of_a_gan_is_that_of_the_generator_at_its_place(name):
    source = find_model(name)
    generator = find_model(name.replace('layer', 'generator')).build((32, 32)).generator
    layer = source.build((32, 32))
    (found,) = (block for block in generator.modules() if type(block) is type(layer))
    shapes = [{n: p.shape for n, p in m.named_parameters()} for m in (layer, found)]
    assert shapes[0] == shapes[1]
    given = []
    found.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0].shape))
    generator(torch.ones(2, 128), torch.zeros(2, dtype=torch.int64))
    assert given == [source.input_shape(2, (32, 32))]


@pytest.mark.parametrize(
    'name, size, expected',
    [
        ('eagan_generator', (48, 48), '48x48; expected --size 32 or 64'),
        ('sagan_generator', (32, 64), '32x64; expected --size 32 or 64'),
        ('eagan_cifar10', (64, 64), '64x64; expected --size 32'),
    ],
)
def test_a_generator_names_the_sizes_that_it_draws(name, size, expected):
    with pytest.raises(UserError) as raised:
        find_model(name).build(size)
    assert str(raised.value) == f'cannot draw images of {expected}'


def test_configs_of_gans_and_clouds_take_latents_and_points():
    gan, cloud = find_model('eagan_tiny_imagenet'), find_model('eat_shapenetpart')
    assert gan.input_shape(2, (64, 64)) == (2, 128) and gan.unit == 'pixels'
    assert cloud.input_shape(2, (8, 16)) == (2, 128, 3) and cloud.unit == 'points'
    with torch.no_grad():
        outputs = cloud.build((8, 16)).eval()(torch.ones(2, 128, 3))
    assert outputs.shape == (2, 128, 50)  # parts of ShapeNet
    assert find_model('gmf_s').inputs == IMAGES


def test_names_of_the_model_index_stand_for_their_configs():
    source = find_model('poolformer_s12_in1k')
    model = source.build((64, 64)).eval()
    assert model.backbone is find_foldable(model)
    with torch.no_grad():
        assert model(torch.ones(1, 3, 64, 64)).shape == (1, 1000)
    metadata = {entry['Name']: entry['Metadata'] for entry in read_models()}
    counted = sum(p.numel() for p in model.parameters())
    assert counted == metadata['poolformer_s12_in1k']['Parameters']


@pytest.mark.parametrize(
    'name, expected',
    [
        ('poolformer_s120', "did you mean 'poolformer_s12'?"),
        ('upernet_gmf_b_ade20', "did you mean 'upernet_gmf_b_ade20k'?"),
        ('no.py', 'config file not found: no.py'),
        ('timm:swin_tiny', 'it has swin_tiny_patch4_window7_224'),
        ('timm:resnet81', "did you mean 'resnet18'?"),
    ],
)
def test_a_model_that_does_not_exist_is_named_with_the_nearest(name, expected):
    with pytest.raises(UserError) as raised:
        find_model(name)
    assert expected in str(raised.value)


def test_a_missing_timm_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, 'timm', None)
    with pytest.raises(UserError, match='pip install timm'):
        find_model('timm:resnet18')


def test_a_model_of_timm_that_is_bound_to_a_size_is_built_for_it():
    model = find_model('timm:test_vit').build((64, 96)).eval()
    assert model(torch.ones(1, 3, 64, 96)).shape == (1, 1000)


def test_a_model_may_carry_its_mode():
    assert split_mode('gmf_s@fused') == ('gmf_s', 'fused')
    assert split_mode('gmf_s@fused+compiled') == ('gmf_s', 'fused+compiled')
    assert split_mode('gmf_s') == ('gmf_s', None)
    with pytest.raises(UserError, match="did you mean 'fused'"):
        split_mode('gmf_s@fuse')


def test_modes_are_applied_in_their_order(monkeypatch):
    applied = []

    def make(name):
        return lambda model: applied.append(name) or model

    monkeypatch.setattr(
        'mmgroupmix.apis.benchmarking.modes.MODES', {name: make(name) for name in MODES}
    )
    apply_mode(nn.Identity(), 'fused+compiled', training=False)
    assert applied == ['fused', 'compiled']


def test_a_fused_model_computes_the_same():
    model = randomize_batch_norms(GroupMixFormer(NANO))
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected = model(image)
        outputs = apply_mode(model, 'fused', training=False)(image)
    torch.testing.assert_close(outputs, expected, rtol=1e-4, atol=1e-4)
    assert model.fused


def test_fused_is_for_inference_and_for_models_that_fold():
    with pytest.raises(UserError, match='for inference only'):
        apply_mode(PoolFormer('s12'), 'fused', training=True)
    with pytest.raises(UserError, match='nothing to fold'):
        apply_mode(nn.Linear(2, 2), 'fused', training=False)


def test_without_a_mode_a_model_runs_as_its_package_would_use_it():
    ours, other = find_model('poolformer_s12').build((64, 64)), nn.Linear(2, 2)
    assert default_mode(ours, True, training=False) == 'fused'
    assert default_mode(ours, True, training=True) == 'eager'
    assert default_mode(other, True, training=False) == 'eager'
    assert default_mode(ours, False, training=False) == 'eager'


def test_the_reference_is_the_first_model_or_the_one_that_is_named():
    names = ['gmf_s@fused', 'timm:resnet18', 'gmf_t@fused', 'gmf_t@eager']
    assert find_reference_index(names, None) == 0
    assert find_reference_index(names, 'timm:resnet18') == 1
    assert find_reference_index(names, 'gmf_s') == 0
    assert find_reference_index(names, 'gmf_t@eager') == 3
    with pytest.raises(UserError, match='several of the models'):
        find_reference_index(names, 'gmf_t')
    with pytest.raises(UserError, match="did you mean 'timm:resnet18'"):
        find_reference_index(names, 'timm:resnet8')


def test_autotuned_compiles_with_autotuning(monkeypatch):
    given = {}
    monkeypatch.setattr(torch, 'compile', lambda model, **options: given.update(options))
    apply_mode(nn.Identity(), 'autotuned', training=True)
    assert given == {'mode': 'max-autotune'}


def test_channels_last_is_a_layout_of_weights():
    conv = apply_mode(nn.Conv2d(2, 2, 3), 'channels_last', training=True)
    assert conv.weight.is_contiguous(memory_format=torch.channels_last)
