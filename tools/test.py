#!/usr/bin/env python3
"""Evaluate a model of mmdet, mmseg or mmpretrain; ``--help`` lists the options."""

import sys

import _checkout  # noqa: F401  this checkout, before another installed copy

from mmgroupmix.apis.test import main

if __name__ == '__main__':
    sys.exit(main())
