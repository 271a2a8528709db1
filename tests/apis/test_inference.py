"""Predictions of tools/infer.py, compared with those of the toolboxes' test loops."""

import pickle
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image
from scipy.optimize import linear_sum_assignment

from mmgroupmix.apis.inferencer import build_inferencer
from mmgroupmix.mini_data import mini_metainfo

from ..commands import (
    CHECKPOINTS,
    CONFIGS,
    REPOSITORY,
    config_of_run,
    infer,
    mini_images,
    read_json,
    run_tool,
    shipped_config,
)
from ..models.small_backbones import NANO

GMF_CONFIG = f"""
_base_ = {str(REPOSITORY / 'configs' / 'mask_rcnn_gmf_m_coco.py')!r}
model = dict(
    backbone=dict(arch={dict(NANO, _delete_=True)!r}),
    neck=dict(in_channels={list(NANO['embed_dims'])!r}),
    test_cfg=dict(rpn=dict(max_per_img=100), rcnn=dict(score_thr=0.0)))
"""


def predict_by_test_loop(task, workspace, out, *options):
    """Let the toolbox's own loop predict the validation set, or its first batches."""
    result = run_tool(
        'test.py',
        shipped_config(CONFIGS[task]),
        f'run_{task}/{CHECKPOINTS[task]}',
        '--demo',
        '--out',
        out,
        '--work-dir',
        f'loop_{task}',
        '--cfg-options',
        *options,
        cwd=workspace,
    )
    assert result.returncode == 0, result.stderr[-3000:]


def test_detections_are_those_of_the_test_loop_as_coco_results(det_run, workspace):
    pycocotools = pytest.importorskip('pycocotools.coco')
    options = ['model.test_cfg.score_thr=0.0', 'test_dataloader.num_batch_per_epoch=8']
    predict_by_test_loop('det', workspace, 'loop.pkl', *options)
    with (workspace / 'loop.pkl').open('rb') as file:
        expected = pickle.load(file)
    images = [workspace / one['img_path'] for one in expected]
    options = ['--out-dir', 'infer_det', '--batch-size', 3]
    result = infer('det', workspace, *images, *options)
    assert result.returncode == 0, result.stderr[-3000:]
    out = workspace / 'infer_det'
    coco = pycocotools.COCO(out / 'images.json')
    results = coco.loadRes(str(out / 'predictions.json'))
    assert len(coco.getImgIds()) == len(expected) == 8
    assert len(list((out / 'overlays').iterdir())) == 8
    for one in expected:
        # COCO names its files by the ids of the images.
        assert int(Path(one['img_path']).stem) == one['img_id']
        image = coco.imgs[one['img_id']]
        with Image.open(workspace / one['img_path']) as picture:
            assert (image['width'], image['height']) == picture.size
        found = results.imgToAnns[one['img_id']]
        instances = one['pred_instances']
        assert len(found) == len(instances['bboxes'])
        scores = [entry['score'] for entry in found]
        np.testing.assert_allclose(scores, instances['scores'], atol=1e-5)
        for entry, i in pair(found, instances):
            # Rounding may exchange boxes that an untrained model scores alike.
            np.testing.assert_allclose(corners(entry), instances['bboxes'][i], atol=0.01)
            np.testing.assert_allclose(entry['score'], instances['scores'][i], atol=1e-5)
            assert entry['category_id'] - 1 == instances['labels'][i]


def corners(entry):
    """x1, y1, x2, y2 of a COCO result, whose box is x, y, width, height."""
    x, y, width, height = entry['bbox']
    return [x, y, x + width, y + height]


def pair(entries, instances):
    """Pair COCO results one to one with the most similar instances of a test loop."""
    boxes = np.array([corners(entry) for entry in entries])
    cost = np.abs(boxes[:, None] - instances['bboxes'].numpy()).max(2)
    scores = np.array([entry['score'] for entry in entries])
    cost += 100 * np.abs(scores[:, None] - instances['scores'].numpy())
    labels = np.array([entry['category_id'] - 1 for entry in entries])
    cost += 100 * (labels[:, None] != instances['labels'].numpy())
    rows, columns = linear_sum_assignment(cost)
    return [(entries[row], column) for row, column in zip(rows, columns.tolist())]


@pytest.fixture(scope='module')
def gmf_run(workspace):
    """Mask R-CNN on a small GroupMixFormer after two steps; all its scores are low."""
    (workspace / 'mask_rcnn_gmf.py').write_text(GMF_CONFIG)
    result = run_tool(
        'train.py',
        'mask_rcnn_gmf.py',
        '--demo',
        '--work-dir',
        'run_gmf',
        '--cfg-options',
        'train_cfg.max_epochs=1',
        'train_dataloader.num_batch_per_epoch=2',
        'val_dataloader.num_batch_per_epoch=1',
        'default_hooks.checkpoint.save_optimizer=False',
        cwd=workspace,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return ['run_gmf/mask_rcnn_gmf.py', 'run_gmf/epoch_1.pth']


def find_gmf_images(workspace):
    data = Config.fromfile(workspace / 'run_gmf' / 'mask_rcnn_gmf.py').val_dataloader
    return sorted((workspace / data.dataset.data_root / 'val2017').iterdir())


def test_masks_of_the_fused_model_are_those_of_the_test_loop(gmf_run, workspace):
    mask_tools = pytest.importorskip('pycocotools.mask')
    images = find_gmf_images(workspace)[:4]
    result = run_tool(
        'infer.py',
        *gmf_run,
        *images,
        '--out-dir',
        'infer_gmf',
        '--device',
        'cpu',
        '--cfg-options',
        'model.test_cfg.rcnn.max_per_img=30',
        cwd=workspace,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert 'image ids    from the file names' in result.stdout
    loop = run_tool(
        'test.py',
        *gmf_run,
        '--out',
        'loop_gmf.pkl',
        '--work-dir',
        'loop_gmf',
        '--cfg-options',
        'model.test_cfg.rcnn.max_per_img=30',
        'test_dataloader.num_batch_per_epoch=4',
        cwd=workspace,
    )
    assert loop.returncode == 0, loop.stderr[-3000:]
    with open(workspace / 'loop_gmf.pkl', 'rb') as file:
        expected = {one['img_id']: one['pred_instances'] for one in pickle.load(file)}
    entries = read_json(workspace / 'infer_gmf' / 'predictions.json')
    assert len(entries) == 4 * 30
    num_equal = 0
    for image_id, instances in expected.items():
        of_image = [entry for entry in entries if entry['image_id'] == image_id]
        for entry, i in pair(of_image, instances):
            (overlap,) = mask_tools.iou(
                [entry['segmentation']], [instances['masks'][i]], [0]
            )[0]
            num_equal += (
                np.allclose(corners(entry), instances['bboxes'][i], rtol=0, atol=0.1)
                and entry['category_id'] - 1 == instances['labels'][i]
                and abs(entry['score'] - instances['scores'][i].item()) < 1e-3
                and overlap > 0.99
            )
    # At the thresholds of NMS and of the number of regions, rounding may replace a few
    # boxes of an untrained model by others.
    assert num_equal > 0.9 * len(entries)


def test_boxes_below_the_threshold_are_not_drawn(gmf_run, workspace):
    image = workspace / 'one.png'
    Image.open(find_gmf_images(workspace)[0]).save(image)
    changed = {}
    for score_thr in (0, 1.1):
        result = run_tool(
            'infer.py',
            *gmf_run,
            image,
            '--out-dir',
            f'thr_{score_thr}',
            '--score-thr',
            score_thr,
            '--cfg-options',
            'model.test_cfg.rcnn.max_per_img=5',
            cwd=workspace,
        )
        assert result.returncode == 0, result.stderr[-3000:]
        overlay = np.asarray(
            Image.open(workspace / f'thr_{score_thr}' / 'overlays' / 'one.png'), float
        )
        changed[score_thr] = np.abs(overlay - np.asarray(Image.open(image))).mean()
        assert len(read_json(workspace / f'thr_{score_thr}' / 'predictions.json')) == 5
    assert changed[1.1] < 0.5 and changed[0] > 4 * changed[1.1] + 1


def test_label_maps_are_those_of_the_test_loop_with_the_palette(seg_run, workspace):
    option = 'test_dataloader.num_batch_per_epoch=9'
    predict_by_test_loop('seg', workspace, 'loop_maps', option)
    images = mini_images('seg', workspace) / 'ADE_val_0000000?.jpg'
    result = infer('seg', workspace, images, '--out-dir', 'infer_seg', '--batch-size', 4)
    assert result.returncode == 0, result.stderr[-3000:]
    content = read_json(workspace / 'infer_seg' / 'predictions.json')
    maps = sorted((workspace / 'infer_seg' / 'label_maps').iterdir())
    assert len(maps) == len(content['images']) == 9
    meta = mini_metainfo('ade20k')
    assert content['classes'] == list(meta['classes'])
    for path in maps:
        label_map = Image.open(path)
        assert label_map.mode == 'P'
        colours = np.array(label_map.getpalette()).reshape(-1, 3)
        np.testing.assert_array_equal(
            colours[: len(meta['palette'])], np.array(meta['palette'])
        )
        # The test loop stores classes as ADE20K does, from 1. Batches differ, so that
        # rounding may decide near-ties of an untrained model differently.
        expected = np.asarray(Image.open(workspace / 'loop_maps' / path.name))
        assert expected.shape == np.asarray(label_map).shape
        assert (np.asarray(label_map) + 1 == expected).mean() > 0.999
    for entry in content['images']:
        assert sum(entry['share_of_pixels'].values()) == pytest.approx(1, abs=1e-4)


def test_the_five_best_classes_have_the_scores_of_the_test_loop(cls_run, workspace):
    predict_by_test_loop('cls', workspace, 'loop_cls.pkl', 'log_level=INFO')
    with (workspace / 'loop_cls.pkl').open('rb') as file:
        expected = {
            Path(one['img_path']).name: one['pred_score'].numpy()
            for one in pickle.load(file)
        }
    images = workspace / 'two_classes'
    for source in sorted(mini_images('cls', workspace).iterdir())[:2]:
        shutil.copytree(source, images / source.name)
    result = infer('cls', workspace, images, '--out-dir', 'infer_cls', '--batch-size', 8)
    assert result.returncode == 0, result.stderr[-3000:]
    content = read_json(workspace / 'infer_cls' / 'predictions.json')
    assert len(expected) == 100 and len(content) == 20
    for entry in content:
        scores = expected[Path(entry['file_name']).name]
        found = {best['label']: best['score'] for best in entry['predictions']}
        assert len(found) == 5
        np.testing.assert_allclose(
            list(found.values()), np.sort(scores)[:-6:-1], atol=1e-5
        )
        np.testing.assert_allclose(list(found.values()), scores[list(found)], atol=1e-5)


@pytest.mark.parametrize('task', ['seg', 'det', 'cls'])
def test_the_checkpoint_is_read_from_disk_once(task, workspace, request, monkeypatch):
    request.getfixturevalue(f'{task}_run')
    monkeypatch.chdir(workspace)
    reads, load = [], torch.load

    def count(file, *arguments, **options):
        reads.append(file)
        return load(file, *arguments, **options)

    monkeypatch.setattr(torch, 'load', count)
    checkpoint = f'run_{task}/{CHECKPOINTS[task]}'
    build_inferencer(config_of_run(task), checkpoint, 'cpu')
    assert [str(file) for file in reads] == [checkpoint]


def test_a_video_gives_a_video_and_predictions_with_frame_numbers(seg_run, workspace):
    images = sorted(mini_images('seg', workspace).glob('*.jpg'))[:5]
    writer = cv2.VideoWriter(
        str(workspace / 'clip.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 5, (96, 64)
    )
    for path in images:
        writer.write(cv2.resize(cv2.imread(str(path)), (96, 64)))
    writer.release()
    result = infer(
        'seg', workspace, 'clip.avi', '--out-dir', 'infer_clip', '--batch-size', 2
    )
    assert result.returncode == 0, result.stderr[-3000:]
    out = workspace / 'infer_clip'
    entries = read_json(out / 'predictions.json')['images']
    assert [entry['frame'] for entry in entries] == [0, 1, 2, 3, 4]
    for entry in entries:
        assert Image.open(out / entry['label_map']).size == (96, 64)
    overlay = cv2.VideoCapture(str(out / 'overlays' / 'clip.mp4'))
    assert [overlay.read()[0] for _ in range(6)] == [True] * 5 + [False]
    assert overlay.get(cv2.CAP_PROP_FPS) == 5
