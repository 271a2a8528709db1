"""PCT on ShapeNet part. Paper: 86.4 instance pIoU, at several scales (--tta)."""

_base_ = [
    '_base_/models/pct_part_segmentor.py',
    '_base_/datasets/shapenetpart.py',
    '_base_/schedules/schedule_200e_pct.py',
    '_base_/runtimes/point_cloud_parts.py',
]
