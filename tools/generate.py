"""Draw images from a checkpoint of a GAN; ``--help`` lists the options."""

import sys

import _checkout  # noqa: F401  prefer this checkout to an installed copy

from mmgroupmix.apis.generate import main

if __name__ == '__main__':
    sys.exit(main())
