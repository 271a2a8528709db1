"""Draw which groups of Group-Mix Attention respond where, or Grad-CAM, as a PNG.

For a GroupMixFormer of any toolbox: the responses of the five segments of a block and of
its eight heads. With --cam, for a classifier of mmpretrain with any backbone of the
package: where the evidence for a class lies.
"""

import sys

import _checkout  # noqa: F401  prefer this checkout to an installed copy

from mmgroupmix.apis.draw_responses import main

if __name__ == '__main__':
    sys.exit(main())
