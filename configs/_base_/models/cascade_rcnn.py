"""Cascade R-CNN (arXiv 1712.00726) with FPN: Cascade Mask R-CNN without masks."""

_base_ = 'cascade_mask_rcnn.py'
model = dict(
    data_preprocessor=dict(pad_mask=False),
    roi_head=dict(
        _delete_=True,
        type='CascadeRoIHead',
        num_stages={{_base_.model.roi_head.num_stages}},
        stage_loss_weights={{_base_.model.roi_head.stage_loss_weights}},
        bbox_roi_extractor={{_base_.model.roi_head.bbox_roi_extractor}},
        bbox_head={{_base_.model.roi_head.bbox_head}},
    ),
)
