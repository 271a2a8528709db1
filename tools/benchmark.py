"""Measure time and memory of models side by side; ``--help`` lists the options."""

import sys

import _checkout  # noqa: F401  prefer this checkout to an installed copy

from mmgroupmix.apis.benchmark import main

if __name__ == '__main__':
    sys.exit(main())
