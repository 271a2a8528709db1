"""Evaluate a model of mmdet, mmseg or mmpretrain; ``--help`` lists the options."""

import sys

import _checkout  # noqa: F401  prefer this checkout to an installed copy

from mmgroupmix.apis.test import main

if __name__ == '__main__':
    sys.exit(main())
