"""tools/infer.py, started as a person starts it, beside what the test loops predict."""

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from ..commands import (
    CHECKPOINTS,
    CONFIGS,
    REPOSITORY,
    infer,
    mini_images,
    read_json,
    run_tool,
    shipped_config,
)


def predicted_by_test_loop(task, workspace, out):
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
        'model.test_cfg.score_thr=0.0' if task == 'det' else 'log_level=INFO',
        cwd=workspace,
    )
    assert result.returncode == 0, result.stderr[-3000:]


def test_detection_writes_coco_results_equal_to_those_of_the_test_loop(
    det_run, workspace
):
    pycocotools = pytest.importorskip('pycocotools.coco')
    result = infer(
        'det',
        workspace,
        mini_images('det', workspace),
        '--out-dir',
        'infer_det',
        '--batch-size',
        3,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    out = workspace / 'infer_det'
    coco = pycocotools.COCO(out / 'images.json')
    results = coco.loadRes(str(out / 'predictions.json'))
    predicted_by_test_loop('det', workspace, 'loop.pkl')
    with open(workspace / 'loop.pkl', 'rb') as file:
        expected = pickle.load(file)
    assert (
        len(coco.getImgIds()) == len(expected) == len(list((out / 'overlays').iterdir()))
    )
    for one in expected:
        # COCO names its files by the ids of the images.
        assert int(Path(one['img_path']).stem) == one['img_id']
        found = results.imgToAnns[one['img_id']]
        boxes = np.array([entry['bbox'] for entry in found])
        boxes[:, 2:] += boxes[:, :2]
        np.testing.assert_allclose(boxes, one['pred_instances']['bboxes'], atol=0.01)
        np.testing.assert_allclose(
            [entry['score'] for entry in found],
            one['pred_instances']['scores'],
            atol=1e-5,
        )
        assert [entry['category_id'] - 1 for entry in found] == one['pred_instances'][
            'labels'
        ].tolist()


@pytest.fixture(scope='module')
def gmf_run(workspace):
    """Two steps of Mask R-CNN on GroupMixFormer, sure of nothing."""
    result = run_tool(
        'train.py',
        REPOSITORY / 'configs' / 'mask_rcnn_gmf_m_coco.py',
        '--demo',
        '--work-dir',
        'run_gmf',
        '--cfg-options',
        'train_cfg.max_epochs=1',
        'train_dataloader.num_batch_per_epoch=2',
        'val_dataloader.num_batch_per_epoch=1',
        'model.test_cfg.rcnn.score_thr=0.',
        cwd=workspace,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return ['run_gmf/mask_rcnn_gmf_m_coco.py', 'run_gmf/epoch_1.pth']


def test_masks_of_the_fused_model_are_those_of_the_test_loop(gmf_run, workspace):
    mask_tools = pytest.importorskip('pycocotools.mask')
    images = sorted(mini_images('det', workspace).iterdir())[:4]
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
    equal = 0
    for entry in entries:
        instances = expected[entry['image_id']]
        x, y, width, height = entry['bbox']
        far = np.abs(instances['bboxes'].numpy() - [x, y, x + width, y + height]).max(1)
        near = far.argmin()
        (overlap,) = mask_tools.iou(
            [entry['segmentation']], [instances['masks'][near]], [0]
        )[0]
        equal += (
            far[near] < 0.1
            and overlap > 0.99
            and abs(entry['score'] - instances['scores'][near].item()) < 1e-3
        )
    # Rounding may change the order of boxes that a model without training cannot tell
    # apart.
    assert equal > 0.9 * len(entries)


def test_boxes_below_the_threshold_are_not_drawn(gmf_run, workspace):
    image = workspace / 'one.png'
    Image.open(sorted(mini_images('det', workspace).iterdir())[0]).save(image)
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


def test_segmentation_writes_the_label_maps_of_the_test_loop_with_the_palette(
    seg_run, workspace
):
    result = infer(
        'seg',
        workspace,
        mini_images('seg', workspace) / '*.jpg',
        '--out-dir',
        'infer_seg',
        '--batch-size',
        4,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    predicted_by_test_loop('seg', workspace, 'loop_maps')
    content = read_json(workspace / 'infer_seg' / 'predictions.json')
    maps = sorted((workspace / 'infer_seg' / 'label_maps').iterdir())
    assert len(maps) == len(content['images']) == 24
    from mmgroupmix.mini_data import mini_metainfo

    meta = mini_metainfo('ade20k')
    assert content['classes'] == list(meta['classes'])
    for path in maps:
        label_map = Image.open(path)
        assert label_map.mode == 'P'
        colours = np.array(label_map.getpalette()).reshape(-1, 3)
        np.testing.assert_array_equal(
            colours[: len(meta['palette'])], np.array(meta['palette'])
        )
        # The test loop stores classes as ADE20K does, from 1.
        np.testing.assert_array_equal(
            np.asarray(label_map) + 1,
            np.asarray(Image.open(workspace / 'loop_maps' / path.name)),
        )
    for entry in content['images']:
        assert sum(entry['share_of_pixels'].values()) == pytest.approx(1, abs=1e-4)


def test_classification_ranks_five_classes_as_the_test_loop_scores_them(
    cls_run, workspace
):
    result = infer(
        'cls',
        workspace,
        mini_images('cls', workspace),
        '--out-dir',
        'infer_cls',
        '--batch-size',
        8,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    predicted_by_test_loop('cls', workspace, 'loop_cls.pkl')
    with open(workspace / 'loop_cls.pkl', 'rb') as file:
        expected = {
            Path(one['img_path']).name: one['pred_score'].numpy()
            for one in pickle.load(file)
        }
    content = read_json(workspace / 'infer_cls' / 'predictions.json')
    assert len(content) == len(expected) == 100
    for entry in content:
        scores = expected[Path(entry['file_name']).name]
        found = {best['label']: best['score'] for best in entry['predictions']}
        assert len(found) == 5
        np.testing.assert_allclose(
            list(found.values()), np.sort(scores)[:-6:-1], atol=1e-5
        )
        np.testing.assert_allclose(list(found.values()), scores[list(found)], atol=1e-5)


def test_a_video_becomes_a_video_and_its_frames_have_numbers(seg_run, workspace):
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
    frames = 0
    while overlay.read()[0]:
        frames += 1
    assert frames == 5
    assert overlay.get(cv2.CAP_PROP_FPS) == 5
