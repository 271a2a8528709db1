"""Draw where external attention looks: maps of rows of Mk over an image, as a PNG.

For an EANet (or a model WithExternalAttention): the map of each row. For an EAMLP: the
maps of all heads of the last block, for each row.
"""

import os.path as osp
import sys

# A checkout works without being installed, and before another installed copy.
sys.path.insert(0, osp.dirname(osp.dirname(osp.abspath(__file__))))

from mmgroupmix.engine.drawing_attention import main  # noqa: E402

if __name__ == '__main__':
    sys.exit(main())
