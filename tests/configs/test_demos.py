"""`tools/train.py CONFIG --demo` for configs that differ in more than size or mixer."""

import re

import pytest

from mmgroupmix import models

from ..commands import share_mini_data
from ..tool_processes import run_command
from .experiments import CONFIGS, read

# The ablations of GroupMixFormer change only its mixer, and all of those train as
# classifiers here: of their detectors and segmentors, one with each attention is enough.
SAME_BUT_FOR_THE_MIXER = re.compile(
    r'mask_rcnn_gmf_t_(?!1x|all_identity|swin|pvt).*|'
    r'(sem_fpn|upernet)_gmf_t_(non_attention|aggregators)_only_.*|upernet_gmf_t_(swin|pvt)_.*'
)
# Of the sizes of an architecture one is trained, and of experiments that differ in a size
# or a name within the mixer or head: the other tests of these configs build and run each
# in full depth.
VALUE = re.compile(
    r'(?<=gmf_)[tsmbl]_|(?<=poolformer_)[sm]\d\d_|(?<=eamlp_)\d+_|(?<=t2t_vit_)\d+_|'
    r'(?<=mea)_h\d+_s\d+|(?<=_r50_ea)_s\d+|k\d+_|pool\d_|(max|min|avg)pool_|'
    r'(relu|silu)_|large_(early|late)_|(?<=_pp)(aa|pa)'
)
EXPERIMENTS = {
    VALUE.sub('', path.stem): path
    for path in sorted([*CONFIGS.glob('*.py'), *CONFIGS.glob('ablations/*.py')])
    if path.parent == CONFIGS or not SAME_BUT_FOR_THE_MIXER.fullmatch(path.stem)
    # Those of point clouds are trained in tests/point_clouds.
    if not path.stem.endswith(('_modelnet40', '_shapenetpart'))
}.values()
# The second training step is that of a model that the optimizer has changed. Two images,
# usually of different sizes, are evaluated and drawn.
SHORT = [
    'val_dataloader.num_batch_per_epoch=2',
    'default_hooks.visualization.interval=1',
    'default_hooks.checkpoint.save_optimizer=False',
]
TWO_STEPS = ['train_cfg.max_epochs=1', 'train_dataloader.num_batch_per_epoch=2']
SHORT_BY_TASK = dict(
    seg=[
        'train_cfg.max_iters=2',
        'train_cfg.val_interval=2',
        'train_dataloader.batch_size=2',
        'default_hooks.checkpoint.interval=2',
    ],
    det=[*TWO_STEPS, 'train_dataloader.batch_size=1'],
    gan=[
        'train_cfg.max_iters=2',
        'train_cfg.val_interval=2',
        'train_dataloader.batch_size=2',
        'val_dataloader.batch_size=2',
        'default_hooks.checkpoint.interval=2',
    ],
    cls=[*TWO_STEPS, 'train_dataloader.batch_size=2', 'val_dataloader.batch_size=2'],
)
# Detectors with random weights are unsure of everything: without a threshold there is
# something to measure and to draw. A few regions are enough for that.
ONE_STAGE = ['model.test_cfg.score_thr=0.', 'model.test_cfg.max_per_img=5']
TWO_STAGES = [
    'model.test_cfg.rcnn.score_thr=0.',
    'model.test_cfg.rcnn.max_per_img=5',
    'model.test_cfg.rpn.max_per_img=50',
    'model.train_cfg.rpn_proposal.max_per_img=50',
]
# The blocks of a stage are alike: of the larger architectures, which the other tests of
# these configs build and run in full depth, one block per stage is trained.
SMALLEST = ('s12', '7')
TASKS = dict(
    ade20k='seg',
    voc='seg',
    cityscapes='seg',
    coco='det',
    in1k='cls',
    cifar10='gan',
    imagenet='gan',
)
EXPECTED = dict(
    seg=('iter_2.pth', 'mIoU'),
    gan=('iter_2.pth', 'digit_classifier/FID_4_val'),
    det=('epoch_1.pth', 'box AP'),
    cls=('epoch_1.pth', 'top-1 accuracy'),
)


@pytest.fixture(scope='module')
def workspace(tmp_path_factory):
    folder = tmp_path_factory.mktemp('demos')
    share_mini_data(folder, tmp_path_factory)
    return folder


def infer_task(config):
    return next(TASKS[p] for p in reversed(config.stem.split('_')) if p in TASKS)


def shorten(config):
    """The options that make the demo of a config as short as it can be."""
    task = infer_task(config)
    options = [*SHORT, *SHORT_BY_TASK[task]]
    if task == 'det':
        options += ONE_STAGE if config.stem.startswith('retinanet') else TWO_STAGES
    model = read(config.relative_to(CONFIGS).with_suffix('')).model
    return options + reduce_depth(model.get('backbone') or {})


def reduce_depth(backbone):
    """The options that leave out blocks of a large backbone."""
    if backbone.get('depth') == 101:
        return ['model.backbone.depth=50']
    kind = backbone.get('type', '').removeprefix('mmgroupmix.')
    arch = backbone.get('arch')
    if kind not in ('GroupMixFormer', 'PoolFormer', 'EAMLP') or arch in SMALLEST:
        return []
    cls = getattr(models, kind)
    settings = cls.arch_settings[getattr(cls, 'arch_aliases', {}).get(arch, arch)]
    depth = dict(depth=2) if kind == 'EAMLP' else dict(depths=(1, 1, 1, 1))
    settings = dict(settings, **depth, _delete_=True)
    return [
        f'model.backbone.arch.{key}={str(value).replace(" ", "")}'
        for key, value in settings.items()
    ]


@pytest.mark.slow
@pytest.mark.parametrize('config', EXPERIMENTS, ids=[path.stem for path in EXPERIMENTS])
def test_the_demo_trains_evaluates_and_draws(config, workspace):
    result = run_command(
        'train', [config, '--demo', '--cfg-options', *shorten(config)], workspace
    )
    assert result.returncode == 0, result.stdout[-1000:] + result.stderr[-3000:]
    folder = workspace / 'work_dirs' / 'demo' / config.stem
    checkpoint, metric = EXPECTED[infer_task(config)]
    assert (folder / checkpoint).is_file()
    assert list(folder.glob('best_*.pth'))
    assert list(folder.glob('*/curves.png'))
    assert list(folder.glob('*/vis_data/vis_image/*.png'))
    assert f'result       {metric}' in result.stdout
    for file in folder.glob('*.pth'):
        file.unlink()  # up to 300 MB each
