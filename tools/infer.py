#!/usr/bin/env python3
"""Predict images and videos with a model of mmdet, mmseg or mmpretrain, and draw them."""

import sys

import _checkout  # noqa: F401  this checkout, before another installed copy

from mmgroupmix.apis.infer import main

if __name__ == '__main__':
    sys.exit(main())
