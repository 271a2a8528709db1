"""The EAMLP configs have the paper's sizes and variants, and their parts fit together."""

import pytest
import torch
from mmengine.model import ExponentialMovingAverage
from mmengine.optim import build_optim_wrapper
from mmengine.registry import HOOKS, MODELS

from mmgroupmix.models import EAMLP

from .experiments import build, find_unused_parameters, num_parameters, read

# Parameters in millions, as counted in the paper, including the fixed positions.
EAMLPS = dict(
    eamlp_7_in1k=6.1,
    eamlp_14_in1k=29.9,
    eamlp_19_in1k=54.6,
    eamlp_7_in1k_384=6.1,
    eamlp_bn_7_in1k=6.1,
)
TRANSFORMERS = dict(t2t_vit_7_ea_t2t_in1k='7', t2t_vit_14_ea_t2t_in1k='14')
# (heads, S) as counted in the paper, after the expansion.
HEADS = dict(
    t2t_vit_7_mea_h1_s256_in1k=(1, 256),
    t2t_vit_7_mea_h4_s256_in1k=(4, 256),
    t2t_vit_7_mea_h16_s64_in1k=(16, 64),
    t2t_vit_7_mea_h16_s128_in1k=(16, 128),
    t2t_vit_7_mea_h32_s32_in1k=(32, 32),
    t2t_vit_14_mea_in1k=(24, 64),
    t2t_vit_19_mea_in1k=(28, 64),
)
ABLATIONS = {f'ablations/{name}': name for name in (*TRANSFORMERS, *HEADS)}
COVERED = [*EAMLPS, *TRANSFORMERS, *HEADS]
EVERY = [*EAMLPS, *ABLATIONS]


@pytest.mark.parametrize('name', EAMLPS)
def test_the_model_has_the_size_that_the_paper_states(name):
    cfg = read(name)
    width = EAMLP.arch_settings[cfg.model.backbone.arch]['embed_dims']
    positions = (1 + 14 * 14) * width  # at 224 pixels
    assert round((num_parameters(cfg) + positions) / 1e6, 1) == EAMLPS[name]


@pytest.mark.parametrize('name', EVERY)
def test_it_predicts_1000_classes_and_all_parameters_receive_a_gradient(name):
    model = build(read(name))
    logits = model(torch.randn(2, 3, 64, 64), mode='tensor')
    assert logits.shape == (2, 1000)
    assert not find_unused_parameters(model, [logits])


@pytest.mark.smoke
@pytest.mark.parametrize('name', HEADS)
def test_the_blocks_have_the_heads_and_memories_of_the_paper_on_performer_tokens(name):
    cfg = read(f'ablations/{name}')
    assert cfg.model.backbone.t2t == 'performer'
    for block in build(cfg, 'meta').backbone.blocks:
        mixer = block.token_mixer
        found = mixer.num_heads, mixer.memory_key.out_features
        assert found == HEADS[name]


@pytest.mark.smoke
@pytest.mark.parametrize('name', TRANSFORMERS)
def test_the_blocks_are_transformers_on_tokens_of_external_attention(name):
    backbone = build(read(f'ablations/{name}'), 'meta').backbone
    assert (backbone.arch, backbone.t2t) == (TRANSFORMERS[name], 'external_attention')
    assert {type(b.token_mixer).__name__ for b in backbone.blocks} == {'SelfAttention'}
    assert backbone.blocks[0].token_mixer.head_dim == 64


@pytest.mark.smoke
def test_batch_norm_precedes_the_mlps_only():
    block = build(read('eamlp_bn_7_in1k'), 'meta').backbone.blocks[0]
    assert (type(block.norm1).__name__, type(block.norm2).__name__) == (
        'LayerNorm',
        'BatchNorm2d',
    )


@pytest.mark.smoke
@pytest.mark.parametrize('name', EVERY)
def test_the_schedule_is_that_of_t2t_vit_with_the_warm_up_of_eamlp(name):
    cfg = read(name)
    optimizer = cfg.optim_wrapper.optimizer
    # From the published commands of arXiv 2101.11986, at batch size 512.
    lr, weight_decay = {'7': (1e-3, 0.03), '14': (5e-4, 0.05), '19': (5e-4, 0.065)}[
        cfg.model.backbone.arch
    ]
    assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == (
        'AdamW',
        lr,
        weight_decay,
    )
    assert cfg.train_cfg.max_epochs == 310
    assert cfg.train_dataloader.batch_size * 8 == cfg.auto_scale_lr.base_batch_size == 512
    assert cfg.param_scheduler[0].end == (10 if 't2t_vit' in name else 5)
    assert cfg.param_scheduler[0].start_factor * lr == pytest.approx(1e-6)
    assert cfg.param_scheduler[1].eta_min == 1e-5
    settings = cfg.default_hooks.ema
    settings.pop('priority')  # as mmengine's runner does
    hook = HOOKS.build(settings)
    average = MODELS.build(hook.ema_cfg, default_args=dict(model=torch.nn.Linear(1, 1)))
    assert type(average) is ExponentialMovingAverage and average.momentum == 4e-5
    assert not cfg.model.backbone.get('init_cfg')


@pytest.mark.smoke
def test_training_at_384_pixels_starts_from_random_weights():
    cfg = read('eamlp_7_in1k_384')
    (crop,) = (s for s in cfg.train_pipeline if s.type == 'RandomResizedCrop')
    assert crop.scale == 384
    assert cfg.test_pipeline[2] == dict(type='CenterCrop', crop_size=384)
    assert 'init_cfg' not in cfg.model.backbone and not cfg.load_from


@pytest.mark.smoke
@pytest.mark.parametrize('name', EVERY)
def test_only_the_encoders_of_the_tokens_have_dropout(name):
    model = build(read(name), 'meta')
    rates = {
        key: module.p
        for key, module in model.named_modules()
        if isinstance(module, torch.nn.Dropout) and module.p
    }
    ends = ('attention.drop', 'mlp_drop') if 'mea' in name else ('attention.drop',)
    assert rates == {
        f'backbone.tokens_to_token.encoders.{index}.{end}': 0.1
        for index in (0, 1)
        for end in ends
    }


@pytest.mark.smoke
def test_norms_biases_and_the_class_token_have_no_weight_decay():
    cfg = read('eamlp_7_in1k')
    model = build(cfg)
    groups = build_optim_wrapper(model, cfg.optim_wrapper).optimizer.param_groups
    decay = {id(p): group['weight_decay'] for group in groups for p in group['params']}
    for key, parameter in model.named_parameters():
        flat = parameter.dim() == 1 or key.endswith('cls_token')
        assert decay[id(parameter)] == (0 if flat else 0.03), key
