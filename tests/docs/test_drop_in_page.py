"""The page on using a backbone in an existing config: its files train as printed."""

import functools
import json
import math
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, DefaultScope

from mmgroupmix.mini_data import write_mini_ade20k, write_mini_coco

from ..tool_processes import run_command
from .drop_in import (
    CONFIGS,
    DROP_IN,
    EXTERNAL_ATTENTION,
    FILES,
    OTHER_IMPORTS,
    build_backbone,
    find_toolbox_files,
    read_config,
)
from .processes import run_python

IMPORTS = re.search('custom_imports = .*\n', DROP_IN)[0]

# The keys below model that a file changes in its base, besides the backbone.
CHANGES = dict(
    cascade_mask_rcnn_gmf_t={'neck.in_channels'},
    atss_poolformer_s12={'neck.in_channels', 'neck.start_level'},
    fcos_gmf_t={
        'neck.in_channels',
        'data_preprocessor.mean',
        'data_preprocessor.std',
        'data_preprocessor.bgr_to_rgb',
    },
    mask2former_gmf_t={'panoptic_head.in_channels'},
    segformer_gmf_t={'decode_head.in_channels'},
    **{EXTERNAL_ATTENTION: set()},
)

# One step, then the validation; the datasets have one image each.
ONE_EPOCH = ['train_cfg.max_epochs=1']
ONE_ITERATION = ['train_cfg.max_iters=1', 'train_cfg.val_interval=1']
LENGTHS = dict(
    cascade_mask_rcnn_gmf_t=ONE_EPOCH,
    atss_poolformer_s12=ONE_EPOCH,
    fcos_gmf_t=ONE_EPOCH,
    mask2former_gmf_t=[*ONE_ITERATION, 'train_cfg.dynamic_intervals=None'],
    segformer_gmf_t=ONE_ITERATION,
)
# Of each toolbox, one file trains in a new interpreter, which has imported nothing yet.
IN_A_NEW_INTERPRETER = ('cascade_mask_rcnn_gmf_t', 'segformer_gmf_t')
# At the sizes of the base configs, these five steps take minutes on one core.
SHRINK = 4
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def iter_sizes(node, path):
    """The path and value of every pair of pixels below a node of a config."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        is_pair = isinstance(value, (list, tuple)) and len(value) == 2
        if key in ('scale', 'crop_size', 'size') and is_pair:
            yield f'{path}.{key}', value
        elif isinstance(value, (dict, list)):
            yield from iter_sizes(value, f'{path}.{key}')


def small_and_without_workers(cfg):
    """Command-line options: images a quarter as large, loaded by the process itself."""
    options = ['train_dataloader.batch_size=1']
    for name in LOADERS:
        options += [f'{name}.num_workers=0', f'{name}.persistent_workers=False']
    parts = [(cfg[name].dataset, f'{name}.dataset') for name in LOADERS]
    parts.append((cfg.model.data_preprocessor, 'model.data_preprocessor'))
    for part, path in parts:
        for place, (first, second) in iter_sizes(part, path):
            options.append(f'{place}="({first // SHRINK},{second // SHRINK})"')
    return options


@pytest.fixture(scope='module')
def complete_project(project, groupmixformer_golden, poolformer_golden):
    """The project with data where the configs of the toolboxes expect it, and weights."""
    from mmdet.datasets import CocoDataset

    coco = write_mini_coco(project / 'data/coco', num_train=1, num_val=1, num_classes=80)
    for file in (coco / 'annotations').iterdir():
        content = json.loads(file.read_text())
        names = CocoDataset.METAINFO['classes']
        for category, name in zip(content['categories'], names, strict=True):
            category['name'] = name
        file.write_text(json.dumps(content))
    write_mini_ade20k(project / 'data/ade/ADEChallengeData2016', num_train=1, num_val=1)
    (project / 'pretrained').mkdir()
    for golden, name in (
        (groupmixformer_golden, 'groupmixformer_tiny.pth'),
        (poolformer_golden, 'poolformer_s12.pth.tar'),
    ):
        torch.save(golden.state_dict(), project / 'pretrained' / name)
    return project


@pytest.fixture(scope='module')
def train(complete_project):
    """Trains a file of the page, once, and returns its log and its checkpoint."""

    @functools.cache
    def train(name):
        toolbox = re.search(r"_base_ = '(\w+)/", CONFIGS[name])[1]
        script = complete_project / toolbox / 'tools' / 'train.py'
        arguments = [
            f'{name}.py',
            '--cfg-options',
            'default_hooks.logger.interval=1',
            'default_hooks.checkpoint.save_optimizer=False',
            *LENGTHS[name],
            *small_and_without_workers(read_config(complete_project, name)),
        ]
        if name in IN_A_NEW_INTERPRETER:
            log = run_python(complete_project, script, *arguments)
        else:
            result = run_command(script, arguments, complete_project)
            assert result.returncode == 0, result.stderr[-3000:]
            log = result.stdout + result.stderr
        (checkpoint,) = (complete_project / 'work_dirs' / name).glob('*_1.pth')
        return log, checkpoint

    return train


@pytest.mark.slow
@pytest.mark.parametrize('name', CONFIGS)
def test_a_file_of_the_page_trains_with_the_script_of_its_toolbox(name, train, project):
    log, checkpoint = train(name)
    published = re.search(r"checkpoint='(.*?)'", CONFIGS[name])[1]
    assert f'loaded {published}, every tensor of the backbone' in log
    (scalars,) = checkpoint.parent.glob('*/vis_data/scalars.json')
    first = json.loads(scalars.read_text().splitlines()[0])
    assert math.isfinite(first['loss'])

    state = torch.load(checkpoint, weights_only=False)['state_dict']
    with torch.device('meta'):
        backbone = build_backbone(read_config(project, name))
    assert {key.partition('.')[2] for key in state if key.startswith('backbone.')} == set(
        backbone.state_dict()
    )


@pytest.mark.slow
def test_the_command_of_the_page_evaluates_the_checkpoint(train, complete_project):
    command = re.search(r'python (-m mmgroupmix.compat .*?)\n```', DROP_IN, re.DOTALL)[1]
    *command, checkpoint = command.replace('\\\n', ' ').split()
    name = Path(checkpoint).parent.name
    train(name)
    log = run_python(
        complete_project,
        *command,
        checkpoint.replace('epoch_12', 'epoch_1'),
        '--cfg-options',
        *small_and_without_workers(read_config(complete_project, name)),
    )
    assert 'Epoch(test) [1/1]' in log


def find_differences(cfg, base, path=''):
    """The keys in which two configs differ; the backbone counts as one."""
    are_dicts = isinstance(cfg, dict) and isinstance(base, dict)
    if not are_dicts or path == 'model.backbone':
        return {path} if cfg != base else set()
    return {
        found
        for key in {*cfg, *base}
        for found in find_differences(
            cfg.get(key), base.get(key), f'{path}.{key}' if path else key
        )
    }


@pytest.mark.smoke
@pytest.mark.parametrize('name', FILES)
def test_a_file_changes_nothing_but_its_lines_in_the_shipped_config(name, project):
    cfg = read_config(project, name)
    base = Config.fromfile(project / re.search("_base_ = '(.*)'", FILES[name])[1])
    assert cfg.custom_imports == dict(imports=['mmgroupmix'], allow_failed_imports=False)
    assert find_differences(cfg.to_dict(), base.to_dict()) == {
        'custom_imports',
        'model.backbone',
        *(f'model.{key}' for key in CHANGES[name]),
    }


def segformer_on(base, imports=IMPORTS, more=''):
    """The SegFormer file of the page on another base, as its prose describes."""
    text = re.sub("/segformer/.*'", f"/{base}'", CONFIGS['segformer_gmf_t'])
    return text.replace(IMPORTS, imports) + more


def test_upernet_takes_the_maps_and_ignores_the_weights_of_the_former_backbone(project):
    line = re.search(r'`(auxiliary_head=.*?)`', DROP_IN)[1]
    cfg = read_config(
        project,
        'upernet',
        segformer_on(
            'upernet/upernet_r50_4xb4-160k_ade20k-512x512.py',
            more=f'model.update({line})',
        ),
    )
    assert cfg.model.pretrained == 'open-mmlab://resnet50_v1c'
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = revert_sync_batchnorm(MODELS.build(cfg.model)).eval()
    assert model.backbone.init_cfg == dict(
        type='Pretrained', checkpoint='pretrained/groupmixformer_tiny.pth'
    )
    maps = model.extract_feat(torch.zeros(1, 3, 64, 64))
    assert model.decode_head(maps).shape == (1, 150, 16, 16)
    assert model.auxiliary_head(maps).shape == (1, 150, 4, 4)


def test_a_classifier_takes_the_last_map_as_the_page_describes(tmp_path):
    base, backbone, head, family, arch = re.search(
        r'base such as `mmpretrain/(.*?)`, add\s+`(.*?)` to the backbone.*?'
        r'`(head=.*?)` for (\w+)-(\w+)\.',
        DROP_IN,
        re.DOTALL,
    ).groups()
    base = find_toolbox_files('mmpretrain') / base
    text = (
        f'_base_ = {str(base)!r}\n{IMPORTS}'
        "model = dict(backbone=dict(_delete_=True, type='mmgroupmix."
        f"{family}', arch='{arch.lower()}', {backbone}), {head})"
    )
    cfg = read_config(tmp_path, 'classifier', text)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(cfg.model).eval()
    logits = model(torch.zeros(1, 3, 64, 64), mode='tensor')
    assert logits.shape == (1, 1000)


@pytest.mark.slow
def test_the_modules_of_a_config_can_be_imported_after_this_package(project):
    (project / 'mask2former.py').write_text(
        segformer_on(
            'mask2former/mask2former_r50_8xb2-160k_ade20k-512x512.py', OTHER_IMPORTS
        )
    )
    out = run_python(
        project,
        '-c',
        '\n'.join(
            (
                'from mmengine.config import Config',
                'from mmengine.registry import MODELS, init_default_scope',
                'cfg = Config.fromfile("mask2former.py")',
                'init_default_scope(cfg.default_scope)',
                'model = MODELS.build(cfg.model)',
                'print(type(model.backbone).__name__, type(model.decode_head).__name__)',
            )
        ),
    )
    assert 'GroupMixFormer Mask2FormerHead' in out
