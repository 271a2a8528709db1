"""The kinds of attention of the GAN, and arguments that are refused."""

import pytest
import torch

from mmgroupmix.errors import CheckpointError, UserError
from mmgroupmix.generation import (
    ExternalAttention2d,
    SAGANDiscriminator,
    SAGANGenerator,
    SelfAttention2d,
)

KINDS = [
    'SelfAttention2d',
    dict(type='SelfAttention2d'),
    dict(type='ExternalAttention2d', num_memories=8),
    dict(type='ExternalAttention2d', norm='softmax', tied=True),
    dict(type='ExternalAttentionBlock', num_memories=8),
    dict(type='ExternalAttentionBlock', tied=True, norm_cfg=None),
    None,
]


@pytest.mark.smoke
@pytest.mark.parametrize('attention', KINDS, ids=str)
def test_every_attention_trains_and_its_state_dict_loads_again(attention):
    labels = torch.tensor([0, 2])
    generator = SAGANGenerator(32, 3, attention, base_channels=8)
    discriminator = SAGANDiscriminator(32, 3, attention, base_channels=8)
    discriminator(generator(torch.randn(2, 128), labels), labels).sum().backward()
    for network in (generator, discriminator):
        network.eval()
        again = type(network)(32, 3, attention, base_channels=8)
        again.load_state_dict(network.state_dict())
        own = network.state_dict()
        assert all(
            torch.equal(own[name], one) for name, one in again.state_dict().items()
        )


def test_external_attention_equals_a_naive_formulation():
    torch.manual_seed(0)
    layer = ExternalAttention2d(6, num_memories=5).double().eval()
    layer.sigma.data.fill_(0.7)
    x = torch.randn(2, 6, 4, 4, dtype=torch.float64)
    memories = layer.attention
    keys, values = (
        memory / torch.linalg.matrix_norm(memory, ord=2)
        for memory in (memories.memory_key.detach(), memories.memory_value.detach())
    )
    for map_, out in zip(x, layer(x)):
        scores = torch.stack([keys @ map_[:, i, j] for i in range(4) for j in range(4)])
        shares = scores.exp() / scores.exp().sum(0)
        shares = shares / shares.sum(1, keepdim=True)
        expected = map_ + 0.7 * (shares @ values).T.reshape(6, 4, 4)
        torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.smoke
@pytest.mark.parametrize('kind', [SelfAttention2d, ExternalAttention2d])
def test_attention_begins_as_the_identity(kind):
    x = torch.randn(1, 16, 8, 8)
    torch.testing.assert_close(kind(16)(x), x, rtol=0, atol=0)


def test_every_memory_and_convolution_is_spectrally_normalised():
    network = SAGANGenerator(32, 3, 'ExternalAttentionBlock', base_channels=8)
    attention = network.blocks[2][0]
    weights = [
        attention.conv1.weight,
        attention.conv2.weight,
        attention.attention.memory_key,
        attention.attention.memory_value,
    ]
    for weight in weights:
        norm = torch.linalg.matrix_norm(weight.flatten(1), ord=2)
        torch.testing.assert_close(norm, torch.ones(()), rtol=0.02, atol=0)


def test_autocast_leaves_spectral_norms_in_float32():
    torch.manual_seed(0)
    layer = SelfAttention2d(32).conv1x1_theta.eval()
    with torch.autocast('cpu', torch.bfloat16):
        weight = layer.weight
    torch.testing.assert_close(weight, layer.weight, rtol=0, atol=0)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision_is_close_to_float32(dtype):
    torch.manual_seed(0)
    network = SAGANGenerator(32, 3, 'ExternalAttention2d', base_channels=8).eval()
    z, labels = torch.randn(2, 128), torch.tensor([0, 1])
    with torch.no_grad():
        images = network(z, labels)
        half = network.to(dtype)(z.to(dtype), labels)
    assert half.dtype == dtype
    torch.testing.assert_close(half.float(), images, rtol=0, atol=0.1)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (dict(img_size=48), ['SAGANGenerator: img_size=48', '32 or 64']),
        (dict(num_classes=0), ['num_classes=0', 'at least 1']),
        (dict(attention='SelfAttention'), ["did you mean 'SelfAttention2d'"]),
        (
            dict(attention=dict(type='ExternalAttention2d', memories=3)),
            ["no argument 'memories'", 'num_memories'],
        ),
        (dict(channels=3), ["no argument 'channels'", "did you mean 'base_channels'"]),
        (dict(base_channels=1), ['SelfAttention2d: channels=4', 'multiple of 8']),
    ],
)
def test_wrong_arguments_are_named(arguments, words):
    with pytest.raises(UserError) as raised:
        SAGANGenerator(**dict(dict(img_size=32, num_classes=10), **arguments))
    assert all(word in str(raised.value) for word in words)


@pytest.mark.smoke
def test_init_cfg_loads_a_file_that_fits_and_names_one_that_does_not(tmp_path):
    networks = {
        kind: kind(32, 3, base_channels=8)
        for kind in (SAGANGenerator, SAGANDiscriminator)
    }
    for kind, network in networks.items():
        torch.save(network.state_dict(), tmp_path / f'{kind.__name__}.pth')
    for kind, network in networks.items():
        file = str(tmp_path / f'{kind.__name__}.pth')
        config = dict(type='Pretrained', checkpoint=file)
        loaded = kind(32, 3, base_channels=8, init_cfg=config)
        loaded.init_weights()
        for name, tensor in network.state_dict().items():
            assert torch.equal(loaded.state_dict()[name], tensor)
        with pytest.raises(CheckpointError, match=f'{file} does not fit the {kind.part}'):
            kind(32, 4, base_channels=8, init_cfg=config).init_weights()
    wrong = dict(type='Pretrained', checkpoint=str(tmp_path / 'SAGANGenerator.pth'))
    with pytest.raises(CheckpointError, match='Generator.pth: these are the weights'):
        SAGANDiscriminator(32, 3, base_channels=8, init_cfg=wrong).init_weights()


@pytest.mark.smoke
def test_weights_of_the_other_network_are_refused():
    generator = SAGANGenerator(32, 3, base_channels=8)
    discriminator = SAGANDiscriminator(32, 3, base_channels=8)
    with pytest.raises(CheckpointError, match='weights of a SAGAN discriminator'):
        generator.load_state_dict(discriminator.state_dict())
    with pytest.raises(CheckpointError, match='weights of a SAGAN generator'):
        discriminator.load_state_dict(generator.state_dict())
