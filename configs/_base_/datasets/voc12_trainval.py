"""Pascal VOC 2012 with training on trainval and predictions of the test set.

The test images are in VOC2012test.tar. Their labels are not public, so tools/test.py only
writes label maps (to `--out`) for the evaluation server. The validation images are part
of the training set.
"""

_base_ = 'voc12_aug.py'
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type={{_base_.dataset_type}},
        data_root={{_base_.data_root}},
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
        ann_file='ImageSets/Segmentation/trainval.txt',
        pipeline={{_base_.train_pipeline}},
    )
)
test_dataloader = dict(
    dataset=dict(
        ann_file='ImageSets/Segmentation/test.txt',
        pipeline=[
            step for step in _base_.test_pipeline if step.type != 'LoadAnnotations'
        ],
    )
)
test_evaluator = dict(format_only=True, output_dir='work_dirs/voc12_test')
tta_pipeline = [
    _base_.tta_pipeline[0],
    dict(
        type='TestTimeAug',
        transforms=[
            group
            for group in _base_.tta_pipeline[1].transforms
            if group[0].type != 'LoadAnnotations'
        ],
    ),
]
