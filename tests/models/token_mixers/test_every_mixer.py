"""Properties of every token mixer."""

import pytest
import torch

from mmgroupmix.errors import UserError
from mmgroupmix.models import token_mixers
from mmgroupmix.registry import TOKEN_MIXERS

HEIGHT, WIDTH, DIM = 5, 7, 40
ARGUMENTS = {
    'DepthwiseConv': {},
    'ExternalAttention': dict(num_memories=6),
    'GroupMixAttention': {},
    'Identity': {},
    'MultiHeadExternalAttention': dict(num_heads=4, num_memories=6),
    'Pooling': {},
    'RandomMixing': dict(num_tokens=HEIGHT * WIDTH),
    'SelfAttention': dict(head_dim=8),
    'SpatialFC': dict(num_tokens=HEIGHT * WIDTH),
    'SpatialReductionAttention': dict(reduction=2),
    'WindowAttention': dict(window_size=3, shifted=True),
}
ON_TOKENS = (
    'ExternalAttention',
    'MultiHeadExternalAttention',
    'RandomMixing',
    'SelfAttention',
    'SpatialFC',
)
#: They take ``dim`` as every mixer does, and have no use for it.
WITHOUT_DIM = {'Identity', 'Pooling', 'RandomMixing', 'SpatialFC'}
every_mixer = pytest.mark.parametrize('name', sorted(ARGUMENTS))


def build(name):
    torch.manual_seed(0)
    return TOKEN_MIXERS.build(dict(type=name, dim=DIM, **ARGUMENTS[name]))


def random_tokens(batch=2):
    torch.manual_seed(1)
    return torch.randn(batch, HEIGHT, WIDTH, DIM)


@pytest.mark.smoke
def test_the_package_exports_every_registered_mixer():
    ours = {
        name
        for name, mixer in TOKEN_MIXERS.module_dict.items()
        if mixer.__module__.startswith(token_mixers.__name__)
    }
    assert set(token_mixers.__all__) == ours == set(ARGUMENTS)


@pytest.mark.smoke
@every_mixer
def test_a_map_with_odd_sides_keeps_its_shape(name):
    output = build(name)(random_tokens())
    assert output.shape == (2, HEIGHT, WIDTH, DIM)


@pytest.mark.smoke
@every_mixer
def test_dense_tokens_stay_dense(name):
    assert build(name)(random_tokens()).is_contiguous()


@pytest.mark.smoke
@every_mixer
def test_an_image_has_the_same_output_alone_and_in_a_batch(name):
    mixer, tokens = build(name).eval(), random_tokens(batch=3)
    torch.testing.assert_close(
        mixer(tokens)[1:2], mixer(tokens[1:2]), rtol=1e-5, atol=1e-6
    )


@pytest.mark.smoke
@every_mixer
def test_gradients_reach_every_parameter_and_the_input(name):
    mixer, tokens = build(name), random_tokens().requires_grad_()
    mixer(tokens).square().sum().backward()
    gradients = {key: value.grad for key, value in mixer.named_parameters()}
    gradients['input'] = tokens.grad
    assert not [
        key
        for key, gradient in gradients.items()
        if gradient is None or not gradient.abs().sum() > 0
    ]


@pytest.mark.smoke
@every_mixer
def test_a_map_with_other_strides_gives_the_same_values(name):
    mixer, tokens = build(name).eval(), random_tokens()
    strided = tokens.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    assert not strided.is_contiguous()
    torch.testing.assert_close(mixer(strided), mixer(tokens), rtol=1e-5, atol=1e-6)


@pytest.mark.smoke
@pytest.mark.parametrize('dim', [0, -8, 8.0, None, '8'])
@pytest.mark.parametrize('name', sorted(ARGUMENTS.keys() - WITHOUT_DIM))
def test_a_width_that_is_not_a_positive_integer_is_named(name, dim):
    with pytest.raises(UserError, match=f'{name}: dim={dim!r}, expected an integer'):
        TOKEN_MIXERS.get(name)(dim=dim, **ARGUMENTS[name])


@pytest.mark.smoke
@pytest.mark.parametrize('name', ON_TOKENS)
def test_a_sequence_of_tokens_gives_the_same_as_their_map(name):
    mixer, tokens = build(name), random_tokens()
    output = mixer(tokens.flatten(1, 2))
    assert output.shape == (2, HEIGHT * WIDTH, DIM)
    torch.testing.assert_close(output, mixer(tokens).flatten(1, 2), rtol=1e-6, atol=1e-6)


@pytest.mark.smoke
@pytest.mark.parametrize('name', ON_TOKENS)
def test_autocast_stays_near_float32(name):
    mixer, tokens = build(name), random_tokens()
    with torch.autocast('cpu', torch.bfloat16):
        half = mixer(tokens)
    exact = mixer(tokens)
    assert (half.float() - exact).norm() / exact.norm() < 0.03


@pytest.mark.smoke
def test_identity_returns_its_input():
    tokens = random_tokens()
    assert build('Identity')(tokens) is tokens
