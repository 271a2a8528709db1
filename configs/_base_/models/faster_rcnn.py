"""Faster R-CNN (arXiv 1506.01497) with FPN: Mask R-CNN without masks."""

_base_ = 'mask_rcnn.py'
model = dict(
    type='FasterRCNN',
    data_preprocessor=dict(pad_mask=False),
    roi_head=dict(
        _delete_=True,
        type='StandardRoIHead',
        bbox_roi_extractor={{_base_.model.roi_head.bbox_roi_extractor}},
        bbox_head={{_base_.model.roi_head.bbox_head}},
    ),
    train_cfg=dict(rcnn=dict(assigner=dict(match_low_quality=False))),
)
