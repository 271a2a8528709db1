"""Pascal VOC 2012: training on trainval, predictions of the test set for its server.

The test images are in VOC2012test.tar; their labels are not public, so tools/test.py only
writes label maps (`--out` says where). Validation is on images of the training.
"""
_base_ = 'voc12_aug.py'
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type={{_base_.dataset_type}},
        data_root={{_base_.data_root}},
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
        ann_file='ImageSets/Segmentation/trainval.txt',
        pipeline={{_base_.train_pipeline}}))
test_dataloader = dict(
    dataset=dict(
        ann_file='ImageSets/Segmentation/test.txt',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale={{_base_.scale}}, keep_ratio=True),
            dict(type='PackSegInputs'),
        ]))
test_evaluator = dict(format_only=True, output_dir='work_dirs/voc12_test')
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(type='Resize', scale=(125 * k, 125 * k), keep_ratio=True)
                for k in (2, 3, 4, 5, 6, 7)
            ],
            [
                dict(type='RandomFlip', prob=0., direction='horizontal'),
                dict(type='RandomFlip', prob=1., direction='horizontal')
            ],
            [dict(type='PackSegInputs')],
        ]),
]
