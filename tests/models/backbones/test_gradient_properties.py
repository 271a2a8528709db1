"""Properties of the gradients of every backbone, on generated architectures."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ..architectures import backbones, randomize

#: Images of ordinary and extreme scale, and without any contrast.
scales = st.sampled_from((1.0, 1e-3, 1e3, 'zeros', 'constant', 'one constant image'))
#: In training, a batch norm needs more than one value per channel.
batches = st.integers(2, 3)


def make_images(case, batch, scale):
    images = case.make_images(batch)
    if isinstance(scale, float):
        return images * scale
    images = images if scale == 'one constant image' else torch.zeros_like(images)
    images[0] = 0 if scale == 'zeros' else 255
    return images


def compute_gradients(backbone: nn.Module, images: torch.Tensor) -> dict:
    """Gradients of the parameters, None without, after one training step's backward."""
    torch.manual_seed(1)  # dropout and stochastic depth
    outputs = backbone(images)
    generator = torch.Generator().manual_seed(2)
    loss = sum(
        (out * torch.randn(out.shape, generator=generator).to(out)).mean()
        for out in outputs
    )
    if loss.requires_grad:
        loss.backward()
    return {key: value.grad for key, value in backbone.named_parameters()}


@given(backbones, batches, scales)
def test_gradients_are_finite_and_reach_exactly_what_is_not_frozen(case, batch, scale):
    backbone = case.build().train()
    images = make_images(case, batch, scale)
    gradients = compute_gradients(backbone, images)
    for key, parameter in backbone.named_parameters():
        assert (gradients[key] is not None) == parameter.requires_grad, key
        assert gradients[key] is None or gradients[key].isfinite().all(), key
    assert all(buffer.isfinite().all() for buffer in backbone.buffers())


@given(backbones, scales)
def test_outputs_and_the_gradient_of_the_image_are_finite(case, scale):
    backbone = case.build_random()
    images = make_images(case, 2, scale).requires_grad_()
    outputs = backbone(images)
    assert all(out.isfinite().all() for out in outputs)
    sum(out.mean() for out in outputs).backward()
    assert images.grad.isfinite().all()


@given(backbones, batches)
def test_frozen_parts_keep_their_weights_and_statistics_in_a_step(case, batch):
    backbone = case.build().train()
    frozen = {k: v.clone() for k, v in backbone.named_parameters() if not v.requires_grad}
    still = [
        module
        for name, module in backbone.named_modules()
        # Its norm follows the block, not norm_eval, and is only set in forward.
        if not module.training and not name.startswith('external_attention')
    ]
    statistics = [b.clone() for m in still for b in m.buffers(recurse=False)]
    learning = [p for p in backbone.parameters() if p.requires_grad]
    compute_gradients(backbone, case.make_images(batch))
    if learning:
        torch.optim.SGD(learning, lr=0.1).step()
    assert all(torch.equal(backbone.get_parameter(k), v) for k, v in frozen.items())
    after = [b for m in still for b in m.buffers(recurse=False)]
    assert all(torch.equal(a, b) for a, b in zip(after, statistics))


@given(backbones, batches, st.sampled_from((0, 0.4)))
def test_activation_checkpointing_keeps_gradients_and_statistics(case, batch, drop_path):
    results = []
    for with_cp in (False, True):
        backbone = case.build(with_cp=with_cp, drop_path_rate=drop_path)
        backbone = randomize(backbone, seed=0).double()
        backbone.train()
        images = case.make_images(batch).double()
        gradients = compute_gradients(backbone, images)
        results.append(gradients | dict(backbone.named_buffers()))
    plain, saving = results
    assert plain.keys() == saving.keys()
    for key in plain:
        torch.testing.assert_close(saving[key], plain[key], rtol=1e-8, atol=1e-10)
