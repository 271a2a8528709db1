"""What is found before or at the first iteration of a run."""

import pytest
from mmengine.config import Config

from mmgroupmix.apis.command_line import run_command
from mmgroupmix.apis.config.preflight import check_files, check_sizes
from mmgroupmix.apis.config.work_dir import prepare_work_dir
from mmgroupmix.errors import UserError

pytestmark = pytest.mark.smoke


def loader(*pipeline, **dataset):
    return dict(
        dataset=dict(
            type='RepeatDataset',
            times=2,
            dataset=dict(type='ADE20KDataset', pipeline=list(pipeline), **dataset),
        )
    )


@pytest.mark.parametrize('crop', [(0, 512), 0, (512, -1), float('nan')])
def test_a_crop_that_is_not_larger_than_0_is_named_with_its_place(crop):
    cfg = Config(
        dict(
            model={},
            train_dataloader=loader(
                dict(type='LoadImageFromFile'), dict(type='RandomCrop', crop_size=crop)
            ),
        )
    )
    with pytest.raises(UserError) as raised:
        check_sizes(cfg, ['train_dataloader'])
    assert (
        'train_dataloader.dataset.dataset.pipeline[1] RandomCrop.crop_size = '
        f'{crop}' in str(raised.value)
    )
    assert 'larger than 0' in str(raised.value)


@pytest.mark.parametrize(
    'step',
    [
        dict(type='Resize', scale=(1e20, 800), keep_ratio=True),
        dict(type='RandomCrop', crop_size=(0.8, 0.8), crop_type='relative'),
        dict(type='Pad', size=None),
        dict(type='RandomChoiceResize', scales=[(480, 1333), (512, 1333)], max_size=None),
    ],
)
def test_sizes_that_the_toolboxes_allow_pass(step):
    cfg = Config(dict(model={}, train_dataloader=loader(step)))
    check_sizes(cfg, ['train_dataloader'])


def test_the_sliding_window_is_checked_too():
    cfg = Config(
        dict(model=dict(test_cfg=dict(mode='slide', crop_size=(64, 64), stride=(0, 42))))
    )
    with pytest.raises(UserError, match='model.test_cfg.stride'):
        check_sizes(cfg, [])


@pytest.mark.parametrize(
    'leaf, parts',
    [
        (
            dict(
                type='CocoDataset',
                data_root='data/coco',
                data_prefix=dict(img='train2017/'),
                ann_file='annotations/instances_train2017.json',
            ),
            [
                'data/coco/train2017/',
                'data/coco/annotations/instances_train2017.json',
                'cocodataset.org',
                '--demo',
            ],
        ),
        (
            dict(type='mmpretrain.ImageNet', data_root='data/imagenet', split='train'),
            ['data/imagenet/train', 'image-net.org', '<class>', '--demo'],
        ),
        (
            dict(
                type='CityscapesDataset',
                data_root='data/cityscapes',
                data_prefix=dict(img_path='leftImg8bit/train'),
            ),
            ['data/cityscapes/leftImg8bit/train', 'cityscapes-dataset.com', '--demo'],
        ),
        (
            dict(type='MyDataset', data_root='mine', data_prefix='pictures'),
            ['mine/pictures', 'does not exist', '--demo'],
        ),
    ],
)
def test_missing_data_names_the_paths_and_the_source(leaf, parts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cfg = Config(
        dict(train_dataloader=dict(dataset=dict(type='ConcatDataset', datasets=[leaf])))
    )
    with pytest.raises(UserError) as raised:
        check_files(cfg, ['train_dataloader'])
    for part in parts:
        assert part in str(raised.value)


def test_overwriting_removes_checkpoints_and_nothing_else(tmp_path):
    for name in ('iter_5.pth', 'last_checkpoint', 'notes.txt'):
        (tmp_path / name).write_text('x')
    with pytest.raises(UserError):
        prepare_work_dir(str(tmp_path), None, False)
    prepare_work_dir(str(tmp_path), 'auto', False)
    assert len(list(tmp_path.iterdir())) == 3
    prepare_work_dir(str(tmp_path), None, True)
    assert [path.name for path in tmp_path.iterdir()] == ['notes.txt']


def test_resuming_from_elsewhere_does_not_overwrite_the_run_here(tmp_path):
    (tmp_path / 'iter_5.pth').write_text('x')
    with pytest.raises(UserError):
        prepare_work_dir(str(tmp_path), '/elsewhere/iter_3.pth', False)
    prepare_work_dir(str(tmp_path), str(tmp_path / 'iter_5.pth'), False)


def test_an_error_from_a_worker_is_told_without_its_traceback(capsys):
    def fail():
        raise UserError(
            'Caught UserError in DataLoader worker process 0.\nOriginal Traceback:\n'
            '...\nmmgroupmix.errors.UserError: cannot read the image a.jpg\n'
        )

    assert run_command(fail) == 2
    assert capsys.readouterr().err == 'error: cannot read the image a.jpg\n'


def test_a_defect_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        run_command(lambda: 1 / 0)
