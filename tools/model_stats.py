"""Count parameters, multiply-adds and activations of the models of configs."""

import sys

import _checkout  # noqa: F401  prefer this checkout to an installed copy

from mmgroupmix.apis.model_stats import main

if __name__ == '__main__':
    sys.exit(main())
