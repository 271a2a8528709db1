"""The EANet configs follow the published code on VOC and mmsegmentation elsewhere."""

import pytest
import torch
from mmengine.optim import build_optim_wrapper

from .experiments import build, describe_optimizer, list_dilations, read

VOC = ['eanet_r101_voc', 'eanet_r101_voc_trainval']
EANET = [*VOC, 'eanet_r101_ade20k', 'eanet_r101_cityscapes']
CLASSES = dict(zip(EANET, (21, 21, 150, 19)))
COVERED = EANET


@pytest.mark.smoke
@pytest.mark.parametrize('name', EANET)
def test_eanet_has_a_resnet_101_at_output_stride_8_and_an_ea_head(name):
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
def test_eanet_predicts_at_an_eighth_of_the_image_size(name):
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
    assert list_dilations(backbone.layer3) == [1] + 22 * [2]
    assert list_dilations(backbone.layer4) == [2, 8, 16]


@pytest.mark.smoke
@pytest.mark.parametrize('name', EANET[2:])
def test_elsewhere_the_backbone_is_that_of_mmsegmentation(name):
    cfg = read(name)
    model = build(cfg, 'meta')
    assert list_dilations(model.backbone.layer3) == [1] + 22 * [2]
    assert list_dilations(model.backbone.layer4) == [2, 4, 4]
    assert model.auxiliary_head.num_classes == CLASSES[name]
    assert cfg.model.backbone.init_cfg.checkpoint == 'open-mmlab://resnet101_v1c'


@pytest.mark.smoke
def test_voc_is_trained_in_two_steps_at_batch_size_16():
    first, second = map(read, VOC)
    for cfg, iterations, lr in ((first, 45_000, 0.009), (second, 15_000, 0.0009)):
        assert describe_optimizer(cfg) == ('SGD', lr, 0.9, 1e-4)
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


@pytest.mark.parametrize('name', VOC)
def test_on_voc_all_biases_learn_twice_as_fast_and_only_convolutions_decay(name):
    # train_torch.py of the published code: groups 1x, 1y and 2x
    cfg = read(name)
    model = build(cfg, 'meta')
    groups = build_optim_wrapper(model, cfg.optim_wrapper).optimizer.param_groups
    settings = {
        id(p): (group['lr'] / cfg.optim_wrapper.optimizer.lr, group['weight_decay'])
        for group in groups
        for p in group['params']
    }
    for key, parameter in model.named_parameters():
        if key.endswith('.bias'):
            expected = (2, 0)
        else:
            expected = (1, 0 if parameter.ndim == 1 else 1e-4)
        assert settings[id(parameter)] == pytest.approx(expected), key


@pytest.mark.smoke
@pytest.mark.parametrize('name', VOC)
def test_voc_images_are_scaled_by_tenths_of_their_size(name):
    # SCALES and TEST_SCALES in settings.py of the published code
    cfg = read(name)
    dataset = cfg.train_dataloader.dataset
    for leaf in dataset.get('datasets', [dataset]):
        (choice,) = [step for step in leaf.pipeline if step.type == 'RandomChoice']
        assert [steps[0].scale_factor for steps in choice.transforms] == [
            0.5,
            0.6,
            0.7,
            0.8,
            0.9,
            1.0,
            1.1,
            1.2,
            1.3,
            1.4,
            1.5,
            1.6,
            1.7,
            1.8,
            1.9,
            2.0,
        ]
    assert 'Resize' not in str(cfg.test_dataloader.dataset.pipeline)


@pytest.mark.smoke
def test_voc_is_in_mmsegmentations_folder_layout():
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
def test_no_labels_of_the_voc_test_images_are_loaded():
    cfg = read(VOC[1])
    for pipeline in (cfg.test_dataloader.dataset.pipeline, cfg.tta_pipeline):
        assert 'LoadAnnotations' not in str(pipeline)


@pytest.mark.smoke
@pytest.mark.parametrize('name', EANET)
def test_test_time_augmentation_has_six_scales_and_flips(name):
    cfg = read(name)
    scales, flips, *_ = cfg.tta_pipeline[1].transforms
    relative = [s.get('scale_factor') or s.scale[0] / cfg.scale[0] for s in scales]
    assert relative == [0.5, 0.75, 1, 1.25, 1.5, 1.75]
    assert [f.prob for f in flips] == [0, 1]


@pytest.mark.smoke
@pytest.mark.parametrize(
    'name, iterations, batch',
    [('eanet_r101_ade20k', 160_000, 16), ('eanet_r101_cityscapes', 80_000, 8)],
)
def test_elsewhere_the_schedule_is_that_of_mmsegmentation(name, iterations, batch):
    cfg = read(name)
    assert describe_optimizer(cfg) == ('SGD', 0.01, 0.9, 5e-4)
    assert cfg.train_cfg.max_iters == iterations
    assert [(s.type, s.power, s.eta_min, s.end) for s in cfg.param_scheduler] == [
        ('PolyLR', 0.9, 1e-4, iterations)
    ]
    assert cfg.auto_scale_lr.base_batch_size == batch


@pytest.mark.smoke
def test_cityscapes_is_in_mmsegmentations_folder_layout():
    cfg = read('eanet_r101_cityscapes')
    for loader, split in ((cfg.train_dataloader, 'train'), (cfg.val_dataloader, 'val')):
        assert loader.dataset.type == 'CityscapesDataset'
        assert loader.dataset.data_root == 'data/cityscapes'
        assert loader.dataset.data_prefix == dict(
            img_path=f'leftImg8bit/{split}', seg_map_path=f'gtFine/{split}'
        )
