"""Runtime settings of part segmentation: those of point clouds, with its score."""

_base_ = './point_clouds.py'

default_hooks = dict(checkpoint=dict(save_best='pIoU/instance'))
