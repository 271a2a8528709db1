"""GroupMixFormer on ImageNet-1K: recipe, sizes and classifier of paper and code."""

import pytest
import torch
from mmcv.cnn.bricks import DropPath
from mmengine.optim import build_optim_wrapper
from torch.nn.modules.batchnorm import _BatchNorm

from .experiments import build, find_unused_parameters, num_parameters, read

# In millions, from Table 3 of arXiv 2311.15157; L is that of the published code.
PARAMETERS = dict(
    gmf_m_in1k=5.7,
    gmf_t_in1k=11.0,
    gmf_s_in1k=22.4,
    gmf_b_in1k=45.8,
    gmf_l_in1k=71.8,
)
FINE_TUNED = ['gmf_s_in1k_384', 'gmf_l_in1k_384']
COVERED = [*PARAMETERS, *FINE_TUNED]
# The paper's, where the published configurations of M, B and L have others.
DROP_PATH_RATES = dict(m=0.0, t=0.1, s=0.2, b=0.4, l=0.5)


@pytest.mark.parametrize('name', PARAMETERS)
def test_the_model_has_the_published_size(name):
    assert num_parameters(read(name)) / 1e6 == pytest.approx(PARAMETERS[name], abs=0.052)


@pytest.mark.parametrize('name', COVERED)
def test_stochastic_depth_rises_to_the_rate_of_the_paper(name):
    backbone = build(read(name), 'meta').backbone
    rates = [m.drop_prob for m in backbone.modules() if isinstance(m, DropPath)]
    expected = DROP_PATH_RATES[name.split('_')[1]]
    assert max(rates, default=0) == pytest.approx(expected)
    assert rates == sorted(rates)


def test_a_classifier_predicts_1000_classes_and_all_parameters_receive_a_gradient():
    model = build(read('gmf_m_in1k'))
    logits = model(torch.randn(2, 3, 64, 64), mode='tensor')
    assert logits.shape == (2, 1000)
    assert not find_unused_parameters(model, [logits])


@pytest.mark.smoke
@pytest.mark.parametrize('name', COVERED)
def test_the_classifier_is_batch_norm_average_pooling_and_a_linear_layer(name):
    cfg = read(name)
    assert cfg.model.backbone.norm_cfg.type == 'SyncBN'
    model = build(cfg, 'meta')
    assert isinstance(model.backbone.final_norm, _BatchNorm)
    assert model.neck.gap.output_size == (1, 1)
    linear = model.head.fc
    assert (linear.in_features, linear.out_features) == (
        model.backbone.embed_dims[-1],
        1000,
    )


@pytest.mark.smoke
@pytest.mark.parametrize('name', COVERED)
def test_the_schedule_is_that_of_the_paper(name):
    cfg = read(name)
    optimizer = cfg.optim_wrapper.optimizer
    fine_tuned = name in FINE_TUNED
    epochs, lr, warm_up, decay = (
        (30, 2e-6, 5, 1e-8) if fine_tuned else (300, 1e-3, 20, 0.05)
    )
    assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == ('AdamW', lr, decay)
    assert cfg.optim_wrapper.clip_grad == dict(max_norm=5.0)
    assert cfg.train_cfg.max_epochs == epochs
    linear, cosine = cfg.param_scheduler
    assert (linear.type, linear.end, cosine.begin) == ('LinearLR', warm_up, warm_up)
    assert (cosine.type, cosine.end) == ('CosineAnnealingLR', epochs)
    if not fine_tuned:
        assert linear.start_factor * lr == pytest.approx(1e-6)
        assert cosine.eta_min == 1e-5
    batch = cfg.train_dataloader.batch_size * 8
    assert batch == cfg.auto_scale_lr.base_batch_size == 1024
    assert 'ema' not in cfg.default_hooks


@pytest.mark.smoke
def test_vectors_have_no_weight_decay_and_all_else_has():
    cfg = read('gmf_m_in1k')
    model = build(cfg, 'meta')
    groups = build_optim_wrapper(model, cfg.optim_wrapper).optimizer.param_groups
    decay = {id(p): group['weight_decay'] for group in groups for p in group['params']}
    for key, parameter in model.named_parameters():
        assert decay[id(parameter)] == (0 if parameter.ndim == 1 else 0.05), key


@pytest.mark.smoke
@pytest.mark.parametrize('name', COVERED)
def test_images_are_tested_at_256_of_224_pixels(name):
    side, short = (384, 438) if name in FINE_TUNED else (224, 256)
    cfg = read(name)
    (crop,) = [
        s for s in cfg.train_dataloader.dataset.pipeline if s.type == 'RandomResizedCrop'
    ]
    assert crop.scale == side
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        _, resize, center, _ = loader.dataset.pipeline
        assert (resize.type, resize.scale, resize.edge, resize.interpolation) == (
            'ResizeEdge',
            short,
            'short',
            'bicubic',
        )
        assert (center.type, center.crop_size) == ('CenterCrop', side)


@pytest.mark.smoke
@pytest.mark.parametrize('name', FINE_TUNED)
def test_fine_tuning_starts_from_the_last_checkpoint_at_224_pixels(name):
    start = name.removesuffix('_384')
    assert read(name).load_from == f'work_dirs/{start}/epoch_300.pth'
    assert read(start).train_cfg.max_epochs == 300
