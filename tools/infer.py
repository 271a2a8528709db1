"""Draw what a model of mmdet, mmseg or mmpretrain predicts for images and videos."""

import sys

import _checkout  # noqa: F401  prefer this checkout to an installed copy

from mmgroupmix.apis.infer import main

if __name__ == '__main__':
    sys.exit(main())
