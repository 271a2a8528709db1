"""Reading of images for tools/infer.py."""

import mmcv
import numpy as np
import pytest
from PIL import Image

from mmgroupmix.apis.inference.reading import read_frames
from mmgroupmix.apis.inference.sources import find_sources

pytestmark = pytest.mark.smoke


@pytest.mark.parametrize('suffix', ['jpg', 'png', 'webp'])
def test_a_truncated_image_is_skipped_even_if_opencv_completes_it(
    suffix, tmp_path, monkeypatch
):
    # Some releases of OpenCV fill what is missing with grey.
    grey = np.full((32, 40, 3), 128, np.uint8)
    monkeypatch.setattr(mmcv, 'imread', lambda path: grey)
    pixels = np.random.default_rng(0).integers(0, 256, (32, 40, 3), dtype=np.uint8)
    for name in ('a_whole', 'b_truncated'):
        Image.fromarray(pixels).save(tmp_path / f'{name}.{suffix}')
    truncated = tmp_path / f'b_truncated.{suffix}'
    truncated.write_bytes(truncated.read_bytes()[: truncated.stat().st_size // 2])
    skipped = {}
    frames = list(read_frames(find_sources([str(tmp_path)]), skipped.__setitem__))
    assert [frame.name for frame in frames] == [f'a_whole.{suffix}']
    assert list(skipped) == [f'b_truncated.{suffix}']
    assert skipped[f'b_truncated.{suffix}'].startswith('cannot be read: ')
