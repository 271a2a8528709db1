"""The ADE20K configs: the paper's recipes, on models whose parts fit."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmgroupmix.models import GroupMixFormer

CONFIGS = Path(__file__).parents[2] / 'configs'
UPERNET = [f'upernet_gmf_{arch}_ade20k' for arch in 'mtsb']
SEM_FPN = [f'sem_fpn_gmf_{arch}_ade20k' for arch in 'tsb']


def read(name):
    return Config.fromfile(CONFIGS / f'{name}.py')


def build(cfg):
    from mmseg.registry import MODELS
    cfg.model.backbone.init_cfg = None
    for part in (cfg.model.backbone, cfg.model.decode_head):
        part.norm_cfg = dict(type='BN')
    if cfg.model.get('auxiliary_head'):
        cfg.model.auxiliary_head.norm_cfg = dict(type='BN')
    with DefaultScope.overwrite_default_scope('mmseg'):
        return MODELS.build(cfg.model)


@pytest.mark.smoke
def test_every_config_is_covered_here():
    files = {path.stem for path in CONFIGS.glob('*_ade20k.py')}
    assert files == {*UPERNET, *SEM_FPN}


@pytest.mark.parametrize('name', UPERNET + SEM_FPN)
def test_heads_fit_the_backbone_and_predict_150_classes(name):
    model = build(read(name)).eval()
    with torch.inference_mode():
        logits = model(torch.randn(1, 3, 64, 96))
    assert logits.shape[1] == 150


@pytest.mark.smoke
@pytest.mark.parametrize('name', UPERNET + SEM_FPN)
def test_the_name_says_the_architecture_and_its_published_file(name):
    backbone = read(name).model.backbone
    letter = name.split('_gmf_')[1][0]
    assert backbone.arch == letter
    published = GroupMixFormer.arch_aliases[letter]
    assert backbone.init_cfg.checkpoint == f'pretrained/groupmixformer_{published}.pth'


@pytest.mark.smoke
@pytest.mark.parametrize('name', UPERNET)
def test_upernet_has_the_recipe_of_swin(name):
    cfg = read(name)
    assert cfg.train_cfg.max_iters == 160_000
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == ('AdamW', 6e-5, 0.01)
    warm_up, decay = cfg.param_scheduler
    assert (warm_up.type, warm_up.end) == ('LinearLR', 1500)
    assert (decay.type, decay.power, decay.begin, decay.end) == (
        'PolyLR', 1.0, 1500, 160_000)


@pytest.mark.smoke
@pytest.mark.parametrize('name', SEM_FPN)
def test_semantic_fpn_has_the_recipe_of_pvt(name):
    cfg = read(name)
    assert cfg.train_cfg.max_iters == 80_000
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == ('AdamW', 1e-4, 1e-4)
    assert [(s.type, s.power, s.end) for s in cfg.param_scheduler] == [
        ('PolyLR', 0.9, 80_000)]


@pytest.mark.smoke
@pytest.mark.parametrize('name', UPERNET + SEM_FPN)
def test_data_is_where_mmsegmentation_lays_it_out(name):
    cfg = read(name)
    for loader, split in ((cfg.train_dataloader, 'training'),
                          (cfg.val_dataloader, 'validation')):
        data = loader.dataset
        assert data.type == 'ADE20KDataset'
        assert data.data_root == 'data/ade/ADEChallengeData2016'
        assert data.data_prefix == dict(
            img_path=f'images/{split}', seg_map_path=f'annotations/{split}')
    assert cfg.train_dataloader.batch_size * 8 == cfg.auto_scale_lr.base_batch_size == 16
    assert cfg.model.data_preprocessor.size == (512, 512)
    assert cfg.custom_imports.imports == ['mmgroupmix']


@pytest.mark.smoke
@pytest.mark.parametrize('name', ['upernet_gmf_b_ade20k'])
def test_norms_have_no_weight_decay(name):
    from mmengine.optim import build_optim_wrapper
    cfg = read(name)
    cfg.model.backbone.arch = 'm'  # the same names, a smaller model
    cfg.model.decode_head.in_channels = [40, 80, 160, 160]
    cfg.model.auxiliary_head.in_channels = 160
    model = build(cfg)
    groups = build_optim_wrapper(model, cfg.optim_wrapper).optimizer.param_groups
    decay = {id(p): group['weight_decay'] for group in groups for p in group['params']}
    for key, parameter in model.backbone.named_parameters():
        assert decay[id(parameter)] == (0 if 'norm' in key else 0.01), key
