"""PCT on ModelNet40. Paper: 93.2 overall accuracy."""

_base_ = [
    '_base_/models/pct_classifier.py',
    '_base_/datasets/modelnet40.py',
    '_base_/schedules/schedule_250e_pct.py',
    '_base_/runtimes/point_clouds.py',
]
