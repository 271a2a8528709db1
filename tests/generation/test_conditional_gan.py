"""The steps of a GAN, on tensors, without a runner."""

import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.structures import BaseDataElement

from mmgroupmix.errors import CheckpointError, UserError
from mmgroupmix.generation import (
    ConditionalGAN,
    SeparateOptimWrapperConstructor,
    hinge_loss,
)

NETWORK = dict(img_size=32, num_classes=3, base_channels=2, attention=None)


def build(**arguments):
    torch.manual_seed(0)
    return ConditionalGAN(
        dict(NETWORK, type='SAGANGenerator'),
        dict(NETWORK, type='SAGANDiscriminator'),
        **arguments,
    )


def build_batch(number, size=32):
    torch.manual_seed(1)
    samples = [
        BaseDataElement(
            gt_label=torch.tensor([i % 3]),
            metainfo=dict(sample_idx=i, img_path=f'image_{i}.png'),
        )
        for i in range(number)
    ]
    return dict(inputs=torch.randn(number, 3, size, size), data_samples=samples)


def build_wrappers(model, counts=1):
    return OptimWrapperDict(
        **{
            name: OptimWrapper(
                torch.optim.SGD(getattr(model, name).parameters(), lr=0.1),
                accumulative_counts=counts,
            )
            for name in ('generator', 'discriminator')
        }
    )


@pytest.mark.smoke
def test_the_hinge_loss_ignores_scores_beyond_the_margin():
    real, fake = torch.tensor([2.0, 0.5]), torch.tensor([-3.0, 1.0])
    # (0 + 0.5) / 2 + (0 + 2) / 2
    assert float(hinge_loss(real, fake)) == pytest.approx(1.25)


@pytest.mark.smoke
def test_the_networks_see_the_batches_of_an_iteration(monkeypatch):
    model = build(discriminator_steps=3).train()
    passes = []
    for name in ('generator', 'discriminator'):
        network = getattr(model, name)
        network.register_forward_hook(
            lambda network, inputs, output: passes.append(
                (type(network).__name__[5:6], len(inputs[0]), network.training)
            )
        )
    data = build_batch(6)
    losses = model.train_step(data, build_wrappers(model))
    # Each step of D: fake images from G in training mode, then real and fake ones apart.
    step = [('G', 2, True), ('D', 2, True), ('D', 2, True)]
    assert passes == 3 * step + [('G', 2, True), ('D', 2, True)]
    assert set(losses) == {'loss', 'loss_discriminator', 'loss_generator'}
    total = losses['loss_discriminator'] + losses['loss_generator']
    torch.testing.assert_close(losses['loss'], total)


@pytest.mark.smoke
def test_a_step_of_the_generator_leaves_no_gradient_in_the_discriminator():
    model = build().train()
    model.train_step(build_batch(2), build_wrappers(model))
    parameters = list(model.discriminator.parameters())
    assert all(parameter.requires_grad for parameter in parameters)
    assert all(p.grad is None or not p.grad.any() for p in parameters)


def test_the_gradients_of_parts_add_up_to_that_of_the_batch(monkeypatch):
    # Of the discriminator, which has no batch norm; without power iterations in between.
    images, labels = build()._prepare(build_batch(4), training=True)
    gradients = []
    for counts in (1, 2):
        model = build().eval()
        fake = images[:1], labels[:1]
        monkeypatch.setattr(model, '_draw', lambda *_, fake=fake: fake)
        wrapper = build_wrappers(model, counts)['discriminator']
        before = [p.detach().clone() for p in model.discriminator.parameters()]
        model._update_discriminator(images, labels, torch.Generator(), wrapper)
        after = model.discriminator.parameters()
        gradients.append([old - new for old, new in zip(before, after)])
    torch.testing.assert_close(*gradients)


@pytest.mark.smoke
def test_images_depend_on_their_seeds_alone():
    model = build()
    images = model.generate([5, 7, 9])
    torch.testing.assert_close(model.generate([9, 5]), images[[2, 0]])
    assert not torch.equal(images[0], images[1])
    given = model.generate([5, 5], labels=[0, 1])
    assert not torch.equal(given[0], given[1])


@pytest.mark.smoke
def test_a_validation_draws_the_same_images_in_batches_of_any_size():
    model = build().eval()
    whole = model.val_step(build_batch(4))
    data = build_batch(4)
    parts = [
        model.val_step(
            dict(inputs=data['inputs'][part], data_samples=data['data_samples'][part])
        )
        for part in (slice(1), slice(1, 4))
    ]
    for one, other in zip(whole, [*parts[0], *parts[1]]):
        torch.testing.assert_close(one.fake_img, other.fake_img)
        torch.testing.assert_close(one.real_img, other.real_img)


@pytest.mark.smoke
def test_iterations_draw_other_vectors():
    MessageHub.get_instance('a model without runner')  # not that of an earlier runner
    model = build()
    seeds = {model._seed_of_step() for _ in range(3)}
    assert len(seeds) == 3


@pytest.mark.smoke
def test_wrong_images_and_batches_are_named():
    model = build(discriminator_steps=2)
    wrappers = build_wrappers(model)
    with pytest.raises(UserError, match='image_0.png is 28x28 pixels .* expected 32x32'):
        model.train_step(build_batch(2, size=28), wrappers)
    with pytest.raises(UserError, match='image_0.png is 28x28 pixels'):
        model.val_step(build_batch(2, size=28))
    with pytest.raises(UserError, match='batch of 3 images .* discriminator_steps=2'):
        model.train_step(build_batch(3), wrappers)


@pytest.mark.smoke
def test_networks_of_other_sizes_or_classes_are_refused():
    with pytest.raises(UserError, match='num_classes is 3 in the generator and 4'):
        ConditionalGAN(
            dict(NETWORK, type='SAGANGenerator'),
            dict(NETWORK, type='SAGANDiscriminator', num_classes=4),
        )


@pytest.mark.smoke
def test_an_optimizer_of_an_unknown_part_is_refused():
    build_wrappers_of = SeparateOptimWrapperConstructor(
        dict(critic=dict(optimizer=dict(type='Adam', lr=1e-4)))
    )
    with pytest.raises(UserError, match='optim_wrapper.critic.*generator, discriminator'):
        build_wrappers_of(build())


@pytest.mark.smoke
@pytest.mark.parametrize('part', ['generator', 'discriminator'])
def test_the_weights_of_one_network_alone_are_refused(part):
    model = build()
    weights = getattr(model, part).state_dict()
    with pytest.raises(CheckpointError, match=f'of a {part} alone.*tools/generate.py'):
        model.load_state_dict(weights, strict=False)
    model.load_state_dict(model.state_dict())
