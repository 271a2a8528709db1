#!/usr/bin/env python3
"""Predict images and videos with a model of mmdet, mmseg or mmpretrain, and draw them."""

import os.path as osp
import sys

# A checkout works without being installed, and before another installed copy.
sys.path.insert(0, osp.dirname(osp.dirname(osp.abspath(__file__))))

from mmgroupmix.engine.inference import main  # noqa: E402

if __name__ == '__main__':
    sys.exit(main())
