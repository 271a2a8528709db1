"""SAGAN's networks against the published implementation."""

import numpy as np
import pytest
import torch

from mmgroupmix.generation import (
    SAGANDiscriminator,
    SAGANGenerator,
    to_published_names,
)

from ..goldens import Golden
from .reference_sagan import complete, discriminate, generate


@pytest.fixture(scope='module', params=['generator', 'discriminator'])
def published(request):
    """A network's class, its golden, and the published state dict."""
    golden = Golden(f'sagan_{request.param}_32')
    kind = dict(generator=SAGANGenerator, discriminator=SAGANDiscriminator)[request.param]
    return kind, golden, complete(golden.state_dict())


def test_published_names_load_and_give_the_published_outputs(published):
    kind, golden, state_dict = published
    network = kind(32, 10)
    network.load_state_dict(state_dict)
    labels = torch.tensor([3, 7])
    with torch.no_grad():
        if kind is SAGANGenerator:
            z = np.random.default_rng(32).standard_normal((2, 128))
            images = network.eval()(torch.from_numpy(z).float(), labels)
            expected = golden.cases['eval']['images']
            assert golden.distance(images, expected) < 1e-5
            assert float(images.mean()) == pytest.approx(expected['mean'], rel=1e-5)
            assert float(images.std()) == pytest.approx(expected['std'], rel=1e-5)
        else:
            image = np.tanh(np.random.default_rng(33).standard_normal((2, 3, 32, 32)))
            scores = network.eval()(torch.from_numpy(image).float(), labels)
            expected = torch.tensor(golden.cases['eval']['scores'])
            torch.testing.assert_close(scores, expected, rtol=1e-5, atol=1e-5)
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == golden.params


@pytest.mark.smoke
def test_names_of_spectral_norms_convert_in_both_directions(published):
    kind, golden, state_dict = published
    network = kind(32, 10)
    network.load_state_dict(state_dict)
    own = network.state_dict()
    again = to_published_names(own)
    assert {name: list(one.shape) for name, one in again.items()} == golden.keys
    for name, tensor in again.items():
        torch.testing.assert_close(tensor, state_dict[name], rtol=0, atol=0)
    network.load_state_dict(own)  # its own names load too


@pytest.mark.parametrize(
    ('img_size', 'num_classes', 'generator', 'discriminator'),
    [(64, 200, 13387396, 19752642)],  # those of 32 pixels are in the goldens
)
@pytest.mark.smoke
def test_parameters_are_as_many_as_the_reference_has(
    img_size, num_classes, generator, discriminator
):
    with torch.device('meta'):
        networks = (
            SAGANGenerator(img_size, num_classes),
            SAGANDiscriminator(img_size, num_classes),
        )
    counts = [sum(p.numel() for p in network.parameters()) for network in networks]
    assert counts == [generator, discriminator]


@pytest.fixture(params=[32, 64])
def pair(request):
    """Small networks of a size in double precision, with weights of no structure."""
    torch.manual_seed(0)
    networks = []
    for network in (
        SAGANGenerator(request.param, 3, base_channels=8),
        SAGANDiscriminator(request.param, 3, base_channels=8),
    ):
        state_dict = to_published_names(network.double().state_dict())
        for name, tensor in state_dict.items():
            if tensor.is_floating_point() and not name.endswith('running_var'):
                tensor += 0.2 * torch.randn_like(tensor)
        network.load_state_dict(complete(state_dict))
        networks.append(network.eval())
    return networks


def test_outputs_and_gradients_equal_a_naive_formulation(pair):
    generator, discriminator = pair
    z = torch.randn(2, 128, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([2, 0])
    weights = [to_published_names(network.state_dict()) for network in pair]
    images = generator(z, labels)
    naive = generate(weights[0], z, labels, len(generator.blocks))
    torch.testing.assert_close(images, naive)
    scores = discriminator(images, labels)
    downsampling = {32: 2, 64: 4}[generator.img_size]
    blocks = len(discriminator.blocks)
    naive_scores = discriminate(weights[1], naive, labels, blocks, downsampling)
    torch.testing.assert_close(scores, naive_scores)
    (gradient,) = torch.autograd.grad(scores.sum(), z)
    (naive_gradient,) = torch.autograd.grad(naive_scores.sum(), z)
    torch.testing.assert_close(gradient, naive_gradient)


def test_gradients_of_weights_equal_those_through_an_svd(pair):
    _, discriminator = pair
    images, labels = torch.randn(2, 3, *[discriminator.img_size] * 2).double(), [0, 1]
    labels = torch.tensor(labels)
    discriminator(images, labels).sum().backward()
    leaves = {
        name: tensor.clone().requires_grad_(name.endswith(('orig', 'bias', 'sigma')))
        for name, tensor in to_published_names(discriminator.state_dict()).items()
    }
    downsampling = {32: 2, 64: 4}[discriminator.img_size]
    blocks = len(discriminator.blocks)
    discriminate(leaves, images, labels, blocks, downsampling).sum().backward()
    own = to_published_names(dict(discriminator.named_parameters()))
    for name, parameter in own.items():
        torch.testing.assert_close(parameter.grad, leaves[name].grad, msg=name)


def test_the_discriminator_has_second_derivatives(pair):
    _, discriminator = pair
    images = torch.randn(1, 3, *[discriminator.img_size] * 2).double().requires_grad_()
    scores = discriminator(images, torch.tensor([1]))
    (gradient,) = torch.autograd.grad(scores.sum(), images, create_graph=True)
    gradient.square().sum().backward()  # the penalty of R1
    first = discriminator.blocks[0][0].conv2d1.parametrizations.weight.original
    assert first.grad.isfinite().all()
    assert first.grad.abs().sum() > 0
