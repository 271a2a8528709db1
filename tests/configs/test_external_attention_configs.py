"""The configs of external attention: EANet, its ablations, and EA in detectors."""

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

from mmgroupmix.models import ExternalAttentionBlock

from .experiments import build, num_parameters, read, without_gradient

# mmdetection's config of the same detector without external attention.
DETECTORS = {
    'faster_rcnn': 'faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py',
    'mask_rcnn': 'mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py',
    'retinanet': 'retinanet/retinanet_r50_fpn_1x_coco.py',
    'cascade_rcnn': 'cascade_rcnn/cascade-rcnn_r50_fpn_1x_coco.py',
    'cascade_mask_rcnn': 'cascade_rcnn/cascade-mask-rcnn_r50_fpn_1x_coco.py',
}
VOC = ['eanet_r101_voc', 'eanet_r101_voc_trainval']
EANET = [*VOC, 'eanet_r101_ade20k', 'eanet_r101_cityscapes']
CLASSES = dict(zip(EANET, (21, 21, 150, 19)))
# What differs from fcn_r50_ea_voc, EA with 64 memories (arXiv 2105.02358, its ablation).
STRIDE_8 = dict(strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4), multi_grid=(2, 8, 16))
R101 = dict(
    depth=101, init_cfg=dict(type='Pretrained', checkpoint='mmgroupmix://resnet101_v1s')
)
ABLATIONS = dict(
    fcn_r50_voc=dict(decode_head=dict(attention=None)),
    fcn_r50_sa_softmax_voc=dict(decode_head=dict(attention='self', norm='softmax')),
    fcn_r50_sa_double_voc=dict(decode_head=dict(attention='self', norm='double')),
    fcn_r50_ea_s8_voc=dict(decode_head=dict(num_memories=8)),
    fcn_r50_ea_s32_voc=dict(decode_head=dict(num_memories=32)),
    fcn_r50_ea_s256_voc=dict(decode_head=dict(num_memories=256)),
    fcn_r50_ea_softmax_voc=dict(decode_head=dict(norm='softmax')),
    fcn_r50_ea_os8_voc=dict(backbone=STRIDE_8),
    fcn_r101_ea_voc=dict(backbone=R101),
)
COVERED = [
    *(f'{name}_r50_ea_coco' for name in DETECTORS),
    *EANET,
    'fcn_r50_ea_voc',
    *ABLATIONS,
]


def in_mmdet(file):
    path = Path(find_spec('mmdet').origin).parent / '.mim' / 'configs' / file
    if not path.is_file():
        pytest.skip('mmdet is installed without its configs')
    return Config.fromfile(path)


def detector(name):
    return read(f'{name}_r50_ea_coco')


def dilations_of(stage):
    return [block.conv2.dilation[0] for block in stage]


def optimizer_of(cfg):
    optimizer = cfg.optim_wrapper.optimizer
    return optimizer.type, optimizer.lr, optimizer.momentum, optimizer.weight_decay


@pytest.mark.smoke
@pytest.mark.parametrize('name', DETECTORS)
def test_a_detector_is_mmdetections_with_one_block_more(name):
    # On one device the block's SyncBN is a BN, as that of mmdetection's config.
    ours, theirs = build(detector(name), 'meta'), build(in_mmdet(DETECTORS[name]), 'meta')
    names = {key: value.shape for key, value in ours.state_dict().items()}
    with torch.device('meta'):
        block = ExternalAttentionBlock(2048).state_dict()
    prefix = 'backbone.external_attention.'
    assert {key: names.pop(prefix + key) for key in block} == {
        key: value.shape for key, value in block.items()
    }
    assert names == {key: value.shape for key, value in theirs.state_dict().items()}


@pytest.mark.smoke
@pytest.mark.parametrize('name', DETECTORS)
def test_a_detector_keeps_the_names_of_resnet_50_and_freezes_what_mmdetection_does(name):
    cfg = detector(name)
    ours = build(cfg, 'meta').backbone
    with DefaultScope.overwrite_default_scope('mmdet'), torch.device('meta'):
        plain = MODELS.build(
            dict(
                type='ResNet', depth=50, frozen_stages=1, norm_eval=True, style='pytorch'
            )
        )
    trained = {
        key: p.requires_grad
        for key, p in ours.named_parameters()
        if not key.startswith('external_attention.')
    }
    assert trained == {key: p.requires_grad for key, p in plain.named_parameters()}
    assert cfg.model.backbone.init_cfg == dict(
        type='Pretrained', checkpoint='torchvision://resnet50'
    )
    ours.train()
    assert not ours.layer2[0].bn1.training


@pytest.mark.smoke
@pytest.mark.parametrize('name', DETECTORS)
def test_a_detector_trains_as_mmdetections(name):
    ours, theirs = detector(name), in_mmdet(DETECTORS[name])
    assert optimizer_of(ours) == optimizer_of(theirs)
    assert optimizer_of(ours) == ('SGD', 0.01 if name == 'retinanet' else 0.02, 0.9, 1e-4)
    assert [dict(s) for s in ours.param_scheduler] == [
        dict(s) for s in theirs.param_scheduler
    ]
    assert ours.train_cfg == theirs.train_cfg
    for part in ('rpn', 'rpn_proposal', 'assigner', 'sampler'):
        assert ours.model.train_cfg.get(part) == theirs.model.train_cfg.get(part)
    stages, expected = (cfg.model.train_cfg.get('rcnn', []) for cfg in (ours, theirs))
    for one, other in zip(
        *(s if isinstance(s, list) else [s] for s in (stages, expected)), strict=True
    ):
        assert {key: one[key] for key in other} == dict(other)
    assert ours.auto_scale_lr.base_batch_size == 16


@pytest.mark.parametrize('name', DETECTORS)
def test_a_detectors_neck_leaves_no_parameter_without_gradient(name):
    model = build(detector(name))
    maps = model.extract_feat(torch.randn(1, 3, 64, 96))
    assert len(maps) == 5
    left = without_gradient(model, maps)
    assert not [key for key in left if key.startswith(('backbone', 'neck'))]


@pytest.mark.smoke
@pytest.mark.parametrize('name', EANET)
def test_eanet_is_a_resnet_101_at_output_stride_8_and_the_head(name):
    cfg = read(name)
    backbone = build(cfg, 'meta').backbone
    assert type(backbone).__name__ == 'ResNetV1c' and backbone.depth == 101
    assert [
        stage[0].conv2.stride[0]
        for stage in (backbone.layer1, backbone.layer2, backbone.layer3, backbone.layer4)
    ] == [1, 2, 1, 1]
    head = cfg.model.decode_head
    assert (head.type, head.in_channels, head.num_classes) == (
        'mmgroupmix.EAHead',
        2048,
        CLASSES[name],
    )
    assert cfg.model.data_preprocessor.size == tuple(cfg.crop_size)


@pytest.mark.parametrize('name', ['eanet_r101_voc', 'eanet_r101_ade20k'])
def test_eanet_predicts_at_an_eighth_of_the_image(name):
    model = build(read(name)).eval()
    with torch.inference_mode():
        logits = model(torch.randn(1, 3, 65, 96))
    assert logits.shape == (1, CLASSES[name], 9, 12)


@pytest.mark.smoke
@pytest.mark.parametrize('name', VOC)
def test_on_voc_the_backbone_is_that_of_the_published_code(name):
    backbone = build(read(name), 'meta').backbone
    assert [m.out_channels for m in backbone.stem if hasattr(m, 'out_channels')] == [
        64,
        64,
        128,
    ]
    assert dilations_of(backbone.layer3) == [1] + 22 * [2]
    assert dilations_of(backbone.layer4) == [2, 8, 16]


@pytest.mark.smoke
@pytest.mark.parametrize('name', EANET[2:])
def test_elsewhere_it_is_mmsegmentations(name):
    cfg = read(name)
    model = build(cfg, 'meta')
    assert dilations_of(model.backbone.layer3) == [1] + 22 * [2]
    assert dilations_of(model.backbone.layer4) == [2, 4, 4]
    assert model.auxiliary_head.num_classes == CLASSES[name]
    assert cfg.model.backbone.init_cfg.checkpoint == 'open-mmlab://resnet101_v1c'


@pytest.mark.smoke
def test_voc_is_trained_in_two_steps_at_batch_16():
    first, second = map(read, VOC)
    for cfg, iterations in ((first, 45_000), (second, 15_000)):
        assert optimizer_of(cfg) == ('SGD', 0.009, 0.9, 1e-4)
        assert cfg.train_cfg.max_iters == iterations
        assert [(s.type, s.power, s.end) for s in cfg.param_scheduler] == [
            ('PolyLR', 0.9, iterations)
        ]
        batch = cfg.train_dataloader.batch_size * 8
        assert batch == cfg.auto_scale_lr.base_batch_size == 16
        assert cfg.crop_size == (513, 513)
    folder, checkpoint = second.load_from.rsplit('/', 1)
    assert (folder, checkpoint) == ('work_dirs/eanet_r101_voc', 'iter_45000.pth')
    assert second.model.backbone.init_cfg is None
    assert 45_000 % first.default_hooks.checkpoint.interval == 0


@pytest.mark.smoke
def test_voc_is_read_as_mmsegmentation_lays_it_out():
    first, second = map(read, VOC)
    train = first.train_dataloader.dataset
    assert train.type == 'ConcatDataset'
    assert [(d.ann_file, d.data_prefix.seg_map_path) for d in train.datasets] == [
        ('ImageSets/Segmentation/train.txt', 'SegmentationClass'),
        ('ImageSets/Segmentation/aug.txt', 'SegmentationClassAug'),
    ]
    trainval = second.train_dataloader.dataset
    assert (trainval.ann_file, trainval.data_prefix.seg_map_path) == (
        'ImageSets/Segmentation/trainval.txt',
        'SegmentationClass',
    )
    assert second.test_dataloader.dataset.ann_file == 'ImageSets/Segmentation/test.txt'
    assert second.test_evaluator.format_only and second.test_evaluator.output_dir
    for cfg in (first, second):
        assert cfg.val_dataloader.dataset.ann_file == 'ImageSets/Segmentation/val.txt'
        for data in (*train.datasets, trainval, cfg.val_dataloader.dataset):
            assert (data.type, data.data_root, data.data_prefix.img_path) == (
                'PascalVOCDataset',
                'data/VOCdevkit/VOC2012',
                'JPEGImages',
            )


@pytest.mark.smoke
def test_the_labels_of_the_voc_test_images_are_not_asked_for():
    cfg = read(VOC[1])
    for pipeline in (cfg.test_dataloader.dataset.pipeline, cfg.tta_pipeline):
        assert 'LoadAnnotations' not in str(pipeline)


@pytest.mark.smoke
@pytest.mark.parametrize('name', EANET)
def test_the_test_is_multi_scale_and_flipped_on_demand(name):
    cfg = read(name)
    scales, flips, *_ = cfg.tta_pipeline[1].transforms
    assert [s.scale[0] / cfg.scale[0] for s in scales] == [0.5, 0.75, 1, 1.25, 1.5, 1.75]
    assert [f.prob for f in flips] == [0, 1]


@pytest.mark.smoke
@pytest.mark.parametrize(
    'name, iterations, batch',
    [('eanet_r101_ade20k', 160_000, 16), ('eanet_r101_cityscapes', 80_000, 8)],
)
def test_elsewhere_it_has_mmsegmentations_schedule(name, iterations, batch):
    cfg = read(name)
    assert optimizer_of(cfg) == ('SGD', 0.01, 0.9, 5e-4)
    assert cfg.train_cfg.max_iters == iterations
    assert [(s.type, s.power, s.eta_min, s.end) for s in cfg.param_scheduler] == [
        ('PolyLR', 0.9, 1e-4, iterations)
    ]
    assert cfg.auto_scale_lr.base_batch_size == batch


@pytest.mark.smoke
def test_cityscapes_is_read_as_mmsegmentation_lays_it_out():
    cfg = read('eanet_r101_cityscapes')
    for loader, split in ((cfg.train_dataloader, 'train'), (cfg.val_dataloader, 'val')):
        assert loader.dataset.type == 'CityscapesDataset'
        assert loader.dataset.data_root == 'data/cityscapes'
        assert loader.dataset.data_prefix == dict(
            img_path=f'leftImg8bit/{split}', seg_map_path=f'gtFine/{split}'
        )


@pytest.mark.smoke
def test_the_ablations_are_on_resnet_50_at_output_stride_16():
    cfg = read('ablations/fcn_r50_ea_voc')
    backbone = build(cfg, 'meta').backbone
    assert dilations_of(backbone.layer3) == [1] * 6
    assert dilations_of(backbone.layer4) == [1, 4, 8]
    assert [
        stage[0].conv2.stride[0]
        for stage in (backbone.layer2, backbone.layer3, backbone.layer4)
    ] == [2, 2, 1]
    assert cfg.train_cfg.max_iters == cfg.param_scheduler[0].end == 30_000
    assert cfg.train_dataloader.batch_size * 4 == 12
    assert cfg.auto_scale_lr.base_batch_size == 12


@pytest.mark.smoke
@pytest.mark.parametrize('name', ABLATIONS)
def test_an_ablation_changes_what_its_name_says_alone(name):
    cfg, baseline = read(f'ablations/{name}'), read('ablations/fcn_r50_ea_voc')
    expected = baseline.to_dict()
    for part, change in ABLATIONS[name].items():
        expected['model'][part].update(change)
    assert cfg.to_dict() == expected


@pytest.mark.smoke
def test_memories_are_all_that_the_sizes_of_the_ablations_differ_by():
    sizes = {
        s: num_parameters(read(f'ablations/fcn_r50_ea_s{s}_voc')) for s in (8, 32, 256)
    }
    baseline = num_parameters(read('ablations/fcn_r50_ea_voc'))
    assert {s: size - baseline for s, size in sizes.items()} == {
        s: (s - 64) * 2 * 512 for s in sizes
    }
