"""Attention maps: what is recorded and drawn, and the tool with trained models."""

import math

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from mmgroupmix.errors import UserError
from mmgroupmix.mini_data import write_mini_ade20k
from mmgroupmix.models import EAMLP, ExternalAttention, MetaFormer
from mmgroupmix.visualization.attention_maps import (
    AttentionRecord,
    draw_attention_maps,
    record_attention,
)
from mmgroupmix.visualization.panels import blend_heatmap

from ..commands import REPOSITORY, run_tool, share_mini_data
from .toolbox_model import NORMALIZATION, build_model

SIZES = dict(embed_dims=(8, 8, 8, 8), depths=(1, 1, 1, 1), mlp_ratios=(1, 1, 1, 1))


def naive_attention(tokens, memory):
    """Doubly normalised attention of (N, d) tokens to (S, d) memories, in float64."""
    scores = tokens.double() @ memory.double().T
    shares = torch.tensor([[math.exp(v) for v in row] for row in scores.tolist()])
    shares = shares / shares.sum(0)
    return shares / (1e-9 + shares.sum(1, keepdim=True))


@pytest.mark.smoke
def test_the_attention_of_the_last_layer_is_recorded():
    backbone = MetaFormer(
        SIZES, ['Pooling', 'ExternalAttention', 'Pooling', 'ExternalAttention']
    )
    model = build_model(backbone)
    mixer = backbone.stages[3].blocks[0].token_mixer
    assert isinstance(mixer, ExternalAttention)
    seen = []
    mixer.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    with record_attention(model) as record, torch.no_grad():
        model.backbone(torch.randn(2, 3, 64, 96))
    assert record.attention.shape == (1, 2, 3, 64)
    expected = naive_attention(seen[0][0].flatten(0, 1), mixer.memory_key.detach())
    torch.testing.assert_close(
        record.attention[0].flatten(0, 1), expected, rtol=1e-4, atol=1e-6
    )


# Module, class and arguments; the images of the datasets are BGR.
PREPROCESSORS = [
    ('mmengine.model', 'ImgDataPreprocessor', dict(bgr_to_rgb=True)),
    ('mmengine.model', 'ImgDataPreprocessor', dict(mean=None, std=None)),
    ('mmseg.models', 'SegDataPreProcessor', dict(bgr_to_rgb=True)),
    ('mmseg.models', 'SegDataPreProcessor', {}),
    ('mmdet.models', 'DetDataPreprocessor', dict(bgr_to_rgb=True)),
    ('mmdet.models', 'DetDataPreprocessor', {}),
    ('mmpretrain.models', 'ClsDataPreprocessor', dict(to_rgb=True)),
    ('mmpretrain.models', 'ClsDataPreprocessor', {}),
]


@pytest.mark.smoke
@pytest.mark.parametrize('module, name, arguments', PREPROCESSORS, ids=str)
def test_the_recorded_image_is_the_loaded_one_in_rgb(module, name, arguments):
    preprocessor_class = getattr(pytest.importorskip(module), name)
    preprocessor = preprocessor_class(**(NORMALIZATION | arguments))
    model = build_model(MetaFormer(SIZES, 'ExternalAttention'), preprocessor)
    bgr = torch.randint(0, 255, (3, 32, 48), dtype=torch.uint8)
    bgr[:, 0, 0] = torch.tensor([200, 0, 0])  # blue, exact when normalised
    inputs = bgr[None] if module == 'mmpretrain.models' else [bgr]
    normalized = preprocessor(dict(inputs=inputs))['inputs']
    if isinstance(normalized, list):
        normalized = torch.stack(normalized)
    with record_attention(model) as record, torch.no_grad():
        model.backbone(normalized)
    assert record.image.dtype == np.uint8 and record.image.shape == (32, 48, 3)
    expected = bgr.flip(0).permute(1, 2, 0).numpy().astype(int)
    assert np.abs(record.image - expected).max() <= 1
    assert record.image[0, 0].tolist() == [0, 0, 200]


@pytest.mark.smoke
@pytest.mark.parametrize('size, map_size', [((64, 64), (4, 4)), ((49, 97), (3, 6))])
def test_the_heads_of_an_eamlp_are_recorded_as_maps(size, map_size):
    arch = dict(embed_dims=16, depth=2, num_heads=2, mlp_ratio=1)
    model = build_model(EAMLP(arch))
    with record_attention(model) as record, torch.no_grad():
        model.backbone(torch.randn(1, 3, *size))
        mixer = model.backbone.blocks[-1].token_mixer
        assert record.attention.shape == (8, *map_size, 64)
        tokens = []
        mixer.register_forward_pre_hook(lambda module, inputs: tokens.append(inputs[0]))
        model.backbone(torch.randn(1, 3, *size))
    with torch.no_grad():
        attention = mixer.attend(tokens[0])[0, :, 1:]  # without the class token
    torch.testing.assert_close(record.attention.flatten(1, 2), attention)


@pytest.mark.smoke
@pytest.mark.parametrize(
    'build',
    [
        lambda: MetaFormer(SIZES, 'ExternalAttention'),
        lambda: EAMLP(dict(embed_dims=16, depth=1, num_heads=2, mlp_ratio=1)),
    ],
    ids=['maps', 'tokens'],
)
def test_later_forward_passes_are_not_recorded(build):
    model = build_model(build())
    with record_attention(model) as record, torch.no_grad():
        model.backbone(torch.randn(1, 3, 64, 64))
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    recorded = vars(record).copy()
    assert recorded['num_passes'] == 1
    with torch.no_grad():
        model.backbone(torch.randn(1, 3, 64, 96))
    assert all(getattr(record, name) is value for name, value in recorded.items())


@pytest.mark.smoke
def test_a_model_without_external_attention_is_refused():
    model = build_model(MetaFormer(SIZES, 'Pooling'))
    with (
        pytest.raises(UserError, match='no ExternalAttention.*EANet'),
        record_attention(model),
    ):
        pass


@pytest.mark.smoke
@pytest.mark.parametrize(
    'heads, expected',
    [
        (1, [None, (5, 0), (2, 0)]),
        (2, [None, (5, 0), (5, 1), None, (2, 0), (2, 1)]),
    ],
)
def test_each_panel_shows_the_map_of_its_row_and_head(
    heads, expected, tmp_path, monkeypatch
):
    figures = []
    monkeypatch.setattr(Figure, 'savefig', lambda self, *a, **k: figures.append(self))
    image = np.random.default_rng(0).integers(0, 255, (32, 48, 3), dtype=np.uint8)
    record = AttentionRecord(image=image, attention=torch.rand(heads, 2, 3, 8))
    draw_attention_maps(record, [5, 2], tmp_path / 'out.png')
    assert len(figures[0].axes) == len(expected)
    for axes, panel in zip(figures[0].axes, expected):
        (shown,) = (picture.get_array() for picture in axes.get_images())
        if panel is None:
            assert axes.get_title() == 'image'
            np.testing.assert_array_equal(shown, image)
        else:
            row, head = panel
            assert axes.get_title() == f'row {row}' + f', head {head}' * (heads > 1)
            attention = record.attention[head, :, :, row]
            np.testing.assert_array_equal(shown, blend_heatmap(image, attention))


@pytest.mark.smoke
def test_an_empty_record_is_refused(tmp_path):
    with pytest.raises(ValueError, match='no forward pass'):
        draw_attention_maps(AttentionRecord(), [0], tmp_path / 'out.png')


@pytest.mark.smoke
def test_a_row_that_the_memory_does_not_have_is_named(tmp_path):
    record = AttentionRecord(
        image=np.zeros((32, 32, 3), np.uint8), attention=torch.rand(1, 2, 2, 8)
    )
    with pytest.raises(UserError, match=r'rows \[3, 8\].*0 to 7'):
        draw_attention_maps(record, [3, 8], tmp_path / 'out.png')
    assert not (tmp_path / 'out.png').exists()


@pytest.mark.slow
def test_the_tool_draws_a_segmentor_and_overwrites_nothing(tmp_path, tmp_path_factory):
    share_mini_data(tmp_path, tmp_path_factory)
    config = REPOSITORY / 'configs' / 'eanet_r101_ade20k.py'
    result = run_tool(
        'train.py',
        config,
        '--demo',
        '--work-dir',
        'run',
        '--cfg-options',
        'train_cfg.max_iters=1',
        'val_dataloader.num_batch_per_epoch=1',
        'model.backbone.depth=18',
        'model.decode_head.in_channels=512',
        'model.auxiliary_head.in_channels=256',
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    root = write_mini_ade20k(tmp_path / 'images', num_train=1, num_val=1)
    image = next((root / 'images' / 'validation').iterdir())
    arguments = ['run/eanet_r101_ade20k.py', 'run/iter_1.pth', image]
    result = run_tool(
        'draw_attention.py',
        *arguments,
        '--rows',
        '0',
        '63',
        '--out',
        'maps.png',
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert 'maps.png: rows 0, 63 of 64, 1 head(s)' in result.stdout
    with Image.open(tmp_path / 'maps.png') as picture:
        assert picture.width > 2 * picture.height
    before = (tmp_path / 'maps.png').read_bytes()
    for options, message in (
        (['--out', 'maps.png'], 'maps.png exists already'),
        (['--out', 'maps'], 'expected the name of a .png'),
        (['--out', 'other.png', '--rows', '64'], 'from 0 to 63'),
    ):
        result = run_tool('draw_attention.py', *arguments, *options, cwd=tmp_path)
        assert result.returncode == 2 and message in result.stderr
    assert (tmp_path / 'maps.png').read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize(
    'config, options, output',
    [
        ('eamlp_7_in1k', [], '16 head(s), maps of 4 x 4'),
        (
            'retinanet_r50_ea_coco',
            [
                'model.backbone.depth=18',
                'model.neck.in_channels=[128,256,512]',
                'model.backbone.external_attention.channels=512',
            ],
            '1 head(s)',
        ),
    ],
)
def test_the_tool_draws_classifiers_and_detectors(
    config, options, output, tmp_path, tmp_path_factory
):
    share_mini_data(tmp_path, tmp_path_factory)
    result = run_tool(
        'train.py',
        REPOSITORY / 'configs' / f'{config}.py',
        '--demo',
        '--work-dir',
        'run',
        '--cfg-options',
        'train_cfg.max_epochs=1',
        'train_dataloader.num_batch_per_epoch=1',
        'val_dataloader.num_batch_per_epoch=1',
        *options,
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    mini_data = (tmp_path / 'data' / 'mini').resolve()
    image = next(mini_data.rglob('*.[jJ][pP]*[gG]'))
    result = run_tool(
        'draw_attention.py',
        f'run/{config}.py',
        'run/epoch_1.pth',
        image,
        '--out',
        'maps.png',
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert output in result.stdout and (tmp_path / 'maps.png').is_file()
