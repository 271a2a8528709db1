"""tools/infer.py, started as a person starts it, beside what the test loops predict."""

import json
import pickle
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from .conftest import CONFIGS, run_tool, shipped_config

CHECKPOINTS = dict(seg='iter_2.pth', det='epoch_1.pth', cls='epoch_1.pth')
LAYOUTS = dict(
    seg='ade20k*/images/validation', det='coco*/val2017', cls='imagenet*/val')


def infer(task, workspace, *arguments):
    """The tool with the model of the short run; the config is the one in its folder."""
    config = Path('run_' + task) / CONFIGS[task].rpartition('/')[2]
    return run_tool(
        'infer.py', config, f'run_{task}/{CHECKPOINTS[task]}', *arguments, cwd=workspace)


def predicted_by_test_loop(task, workspace, out):
    result = run_tool(
        'test.py', shipped_config(CONFIGS[task]), f'run_{task}/{CHECKPOINTS[task]}',
        '--demo', '--out', out, '--work-dir', f'loop_{task}', '--cfg-options',
        'model.test_cfg.score_thr=0.0' if task == 'det' else 'log_level=INFO',
        cwd=workspace)
    assert result.returncode == 0, result.stderr[-3000:]


def mini_images(task, workspace):
    folder, = (workspace / 'data' / 'mini').glob(LAYOUTS[task])
    return folder


def read_json(path):
    return json.loads(path.read_text())


def test_detection_writes_coco_results_equal_to_those_of_the_test_loop(
        det_run, workspace):
    pycocotools = pytest.importorskip('pycocotools.coco')
    result = infer(
        'det', workspace, mini_images('det', workspace), '--out-dir', 'infer_det',
        '--batch-size', 3)
    assert result.returncode == 0, result.stderr[-3000:]
    out = workspace / 'infer_det'
    coco = pycocotools.COCO(out / 'images.json')
    results = coco.loadRes(str(out / 'predictions.json'))
    predicted_by_test_loop('det', workspace, 'loop.pkl')
    with open(workspace / 'loop.pkl', 'rb') as file:
        expected = pickle.load(file)
    assert len(coco.getImgIds()) == len(expected) == len(
        list((out / 'overlays').iterdir()))
    for one in expected:
        # COCO names its files by the ids of the images.
        assert int(Path(one['img_path']).stem) == one['img_id']
        found = results.imgToAnns[one['img_id']]
        boxes = np.array([entry['bbox'] for entry in found])
        boxes[:, 2:] += boxes[:, :2]
        np.testing.assert_allclose(boxes, one['pred_instances']['bboxes'], atol=0.01)
        np.testing.assert_allclose(
            [entry['score'] for entry in found], one['pred_instances']['scores'],
            atol=1e-5)
        assert [entry['category_id'] - 1 for entry in found] == \
            one['pred_instances']['labels'].tolist()


def test_segmentation_writes_the_label_maps_of_the_test_loop_with_the_palette(
        seg_run, workspace):
    result = infer(
        'seg', workspace, mini_images('seg', workspace) / '*.jpg', '--out-dir',
        'infer_seg', '--batch-size', 4)
    assert result.returncode == 0, result.stderr[-3000:]
    predicted_by_test_loop('seg', workspace, 'loop_maps')
    content = read_json(workspace / 'infer_seg' / 'predictions.json')
    maps = sorted((workspace / 'infer_seg' / 'label_maps').iterdir())
    assert len(maps) == len(content['images']) == 24
    from mmgroupmix.datasets import mini_metainfo
    meta = mini_metainfo('seg')
    assert content['classes'] == list(meta['classes'])
    for path in maps:
        label_map = Image.open(path)
        assert label_map.mode == 'P'
        colours = np.array(label_map.getpalette()).reshape(-1, 3)
        np.testing.assert_array_equal(
            colours[:len(meta['palette'])], np.array(meta['palette']))
        # The test loop stores classes as ADE20K does, from 1.
        np.testing.assert_array_equal(
            np.asarray(label_map) + 1,
            np.asarray(Image.open(workspace / 'loop_maps' / path.name)))
    for entry in content['images']:
        assert sum(entry['share_of_pixels'].values()) == pytest.approx(1, abs=1e-4)


def test_classification_ranks_five_classes_as_the_test_loop_scores_them(
        cls_run, workspace):
    result = infer(
        'cls', workspace, mini_images('cls', workspace), '--out-dir', 'infer_cls',
        '--batch-size', 8)
    assert result.returncode == 0, result.stderr[-3000:]
    predicted_by_test_loop('cls', workspace, 'loop_cls.pkl')
    with open(workspace / 'loop_cls.pkl', 'rb') as file:
        expected = {Path(one['img_path']).name: one['pred_score'].numpy()
                    for one in pickle.load(file)}
    content = read_json(workspace / 'infer_cls' / 'predictions.json')
    assert len(content) == len(expected) == 100
    for entry in content:
        scores = expected[Path(entry['file_name']).name]
        found = {best['label']: best['score'] for best in entry['predictions']}
        assert len(found) == 5
        np.testing.assert_allclose(
            list(found.values()), np.sort(scores)[:-6:-1], atol=1e-5)
        np.testing.assert_allclose(
            list(found.values()), scores[list(found)], atol=1e-5)


def test_corrupt_images_are_told_and_skipped_and_all_others_are_there(
        cls_run, workspace):
    folder = workspace / 'some_broken'
    folder.mkdir()
    whole = sorted(mini_images('cls', workspace).rglob('*.JPEG'))[:4]
    for number, path in enumerate(whole):
        shutil.copy(path, folder / f'whole_{number}.jpg')
    (folder / 'a_truncated.jpg').write_bytes(whole[0].read_bytes()[:-400])
    (folder / 'b_empty.png').touch()
    (folder / 'z_text.jpg').write_text('not an image')
    result = infer('cls', workspace, folder, '--out-dir', 'infer_broken')
    assert result.returncode == 3, result.stderr[-3000:]
    out = workspace / 'infer_broken'
    broken = {'a_truncated.jpg', 'b_empty.png', 'z_text.jpg'}
    assert {one['file_name'] for one in read_json(out / 'skipped.json')} == broken
    for name in broken:
        assert f'skipped {name}: cannot be read: ' in result.stderr
    assert 'skipped      3, listed in' in result.stdout
    names = {f'whole_{number}.jpg' for number in range(4)}
    assert {one['file_name'] for one in read_json(out / 'predictions.json')} == names
    assert {path.name for path in (out / 'overlays').iterdir()} == names


def test_a_video_becomes_a_video_and_its_frames_have_numbers(seg_run, workspace):
    images = sorted(mini_images('seg', workspace).glob('*.jpg'))[:5]
    writer = cv2.VideoWriter(
        str(workspace / 'clip.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 5, (96, 64))
    for path in images:
        writer.write(cv2.resize(cv2.imread(str(path)), (96, 64)))
    writer.release()
    result = infer(
        'seg', workspace, 'clip.avi', '--out-dir', 'infer_clip', '--batch-size', 2)
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


@pytest.mark.smoke
@pytest.mark.parametrize('arguments, expected', [
    (['no_such.py', 'no.pth', 'no_such_folder'],
     'no_such_folder: no such file or folder. Expected an image, a video, a folder'),
    (['no_such.py', 'no.pth', '*.jpg'], '*.jpg: no file matches this pattern'),
    (['no_such.py', 'no.pth', '.'], '.: no images in this folder'),
    (['no_such.py', 'no.pth', 'notes.txt'],
     'notes.txt: neither an image nor a video by its name'),
    (['no_such.py', 'no.pth', 'one.png', '--batch-size', '0'],
     '--batch-size 0: expected 1 or more'),
    (['no_such.py', 'no.pth', 'one.png'], 'checkpoint not found: no.pth'),
])
def test_mistakes_are_told_before_a_model_is_built(arguments, expected, tmp_path):
    folder = tmp_path / 'empty'
    folder.mkdir()
    if '.' not in arguments:
        (folder / 'notes.txt').write_text('text')
        Image.new('RGB', (32, 32)).save(folder / 'one.png')
    result = run_tool('infer.py', *arguments, cwd=folder)
    assert result.returncode == 2
    assert f'error: {expected}' in result.stderr and 'Traceback' not in result.stderr
    assert not (folder / 'work_dirs').exists()


def test_former_outputs_stay_unless_they_may_be_replaced(cls_run, workspace):
    image = next(mini_images('cls', workspace).rglob('*.JPEG'))
    out = workspace / 'infer_again'
    out.mkdir()
    (out / 'mine.txt').write_text('kept')
    (out / 'predictions.json').write_text('former')
    refused = infer('cls', workspace, image, '--out-dir', 'infer_again')
    assert refused.returncode == 2 and '--out-dir infer_again holds 2' in refused.stderr
    assert (out / 'predictions.json').read_text() == 'former'
    result = infer(
        'cls', workspace, image, '--out-dir', 'infer_again', '--overwrite',
        '--no-overlays')
    assert result.returncode == 0, result.stderr[-3000:]
    assert len(read_json(out / 'predictions.json')) == 1
    assert sorted(path.name for path in out.iterdir()) == ['mine.txt', 'predictions.json']
