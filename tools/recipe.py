"""Print the recipe of a config: every setting that moves results, and its source."""

import sys

import _checkout  # noqa: F401  prefer this checkout to an installed copy

from mmgroupmix.apis.recipe import main

if __name__ == '__main__':
    sys.exit(main())
