"""What is found before or at the first iteration of a run."""

import json
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.structures import BaseDataElement, InstanceData, PixelData

from mmgroupmix.apis.config.preflight import check_data, check_sizes
from mmgroupmix.apis.config.work_dir import prepare_output, prepare_work_dir
from mmgroupmix.apis.reporting import run_command
from mmgroupmix.engine.hooks.class_num_check_hook import ClassNumCheckHook
from mmgroupmix.engine.hooks.curves import headline, plot_curves, read_curves
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
        check_data(cfg, ['train_dataloader'])
    for part in parts:
        assert part in str(raised.value)


def hook_for(**heads):
    hook = ClassNumCheckHook()
    hook.before_train(SimpleNamespace(model=SimpleNamespace(**heads)))
    return hook


def seg_batch(*labels):
    sample = BaseDataElement(metainfo=dict(seg_map_path='maps/3.png'))
    sample.gt_sem_seg = PixelData(data=torch.tensor(labels).view(1, 1, -1))
    return dict(data_samples=[sample])


def test_a_segmentation_label_above_the_class_count_names_value_and_file():
    hook = hook_for(decode_head=SimpleNamespace(num_classes=11, ignore_index=255))
    hook.before_train_iter(None, 0, seg_batch(0, 10, 255))
    with pytest.raises(ValueError) as raised:
        hook.before_train_iter(None, 0, seg_batch(0, 11, 255))
    for part in ('label 11', 'maps/3.png', '0 to 10', '255'):
        assert part in str(raised.value)


def test_an_auxiliary_head_with_fewer_classes_counts():
    hook = hook_for(
        decode_head=SimpleNamespace(num_classes=11, ignore_index=255),
        auxiliary_head=SimpleNamespace(num_classes=5),
    )
    with pytest.raises(ValueError, match='label 7'):
        hook.before_train_iter(None, 0, seg_batch(7))


def test_a_detection_label_above_the_class_count_is_named():
    hook = hook_for(
        roi_head=SimpleNamespace(bbox_head=torch.nn.ModuleList([torch.nn.Identity()]))
    )
    assert hook.num_classes is None
    hook = hook_for(bbox_head=SimpleNamespace(num_classes=3))
    sample = BaseDataElement(metainfo=dict(img_path='a.jpg'))
    sample.gt_instances = InstanceData(labels=torch.tensor([0, 3]))
    with pytest.raises(ValueError, match='label 3 in a.jpg.*0 to 2'):
        hook.before_train_iter(None, 0, dict(data_samples=[sample]))


def test_a_classification_label_above_the_class_count_is_named():
    hook = hook_for(head=SimpleNamespace(num_classes=10))
    sample = BaseDataElement(metainfo=dict(img_path='a.jpg'))
    sample.set_field(torch.tensor([10]), 'gt_label')
    with pytest.raises(ValueError, match='label 10 in a.jpg'):
        hook.before_train_iter(None, 0, dict(data_samples=[sample]))


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


def test_overwriting_an_output_folder_keeps_foreign_files(tmp_path):
    (tmp_path / 'a.png').write_text('x')
    (tmp_path / 'notes.txt').write_text('x')
    with pytest.raises(UserError, match='--out'):
        prepare_output(str(tmp_path), '--out', ['*.png'], False)
    prepare_output(str(tmp_path), '--out', ['*.png'], True)
    assert [path.name for path in tmp_path.iterdir()] == ['notes.txt']


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


def test_curves_of_an_epoch_based_run_count_iterations(tmp_path):
    records = [
        dict(loss=3.0, epoch=1, iter=10, step=10),
        dict(loss=2.0, epoch=1, iter=20, step=20),
        {'accuracy/top1': 12.0, 'step': 1},
        dict(loss=1.0, epoch=2, iter=35, step=35),
        {'accuracy/top1': 40.0, 'step': 2},
    ]
    file = tmp_path / 'scalars.json'
    file.write_text('\n'.join(map(json.dumps, records)) + '\n{"loss": 1')
    losses, metrics = read_curves([file])
    assert losses == [(10, 3.0), (20, 2.0), (35, 1.0)]
    assert metrics == {'accuracy/top1': [(20, 12.0), (35, 40.0)]}
    assert plot_curves(file, tmp_path / 'curves.png')
    assert (tmp_path / 'curves.png').read_bytes().startswith(b'\x89PNG')


def test_a_resumed_run_replaces_what_it_trained_again(tmp_path):
    parts = [[(1, 5.0), (2, 4.0), (3, 3.0)], [(2, 1.0)]]
    files = []
    for number, points in enumerate(parts):
        files.append(tmp_path / f'{number}.json')
        files[-1].write_text(
            '\n'.join(json.dumps(dict(loss=loss, step=step)) for step, loss in points)
        )
    assert read_curves(files)[0] == [(1, 5.0), (2, 1.0)]


def test_the_headline_is_in_percent():
    assert (
        headline({'coco/bbox_mAP': 0.31, 'coco/segm_mAP': 0.282})
        == 'box AP 31.00 %, mask AP 28.20 %'
    )
