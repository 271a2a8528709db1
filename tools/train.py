#!/usr/bin/env python3
"""Train a model of mmdet, mmseg or mmpretrain; ``--help`` lists the options."""

import os.path as osp
import sys

# A checkout works without being installed, and before another installed copy.
sys.path.insert(0, osp.dirname(osp.dirname(osp.abspath(__file__))))

from mmgroupmix.engine.training import main  # noqa: E402

if __name__ == '__main__':
    sys.exit(main())
