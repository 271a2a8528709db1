"""Draw where external attention looks: maps of rows of Mk over an image, as a PNG.

For an EANet (or a model WithExternalAttention): the map of each row. For an EAMLP: the
maps of all heads of the last block, for each row.
"""

import sys

import _checkout  # noqa: F401  prefer this checkout to an installed copy

from mmgroupmix.apis.draw_attention import main

if __name__ == '__main__':
    sys.exit(main())
