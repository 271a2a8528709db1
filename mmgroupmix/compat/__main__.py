"""Run a toolbox's own script where mmcv has no compiled operators.

Reason: mmdet's ``tools/test.py``, of both families, imports ``mmdet.evaluation``, hence
``mmcv.ops``, before it reads a config: ``custom_imports`` comes too late there.
Importing this package first is enough, and that is all that this does::

    python -m mmgroupmix.compat mmdetection/tools/test.py CONFIG CHECKPOINT
    torchrun --nproc_per_node=8 -m mmgroupmix.compat mmdetection/tools/test.py ...

Remove when ``mmcv_ext`` is removed.
"""

import os.path as osp
import runpy
import sys


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit('usage: python -m mmgroupmix.compat SCRIPT [ARGUMENTS]')
    # The script is to find itself and its neighbours as if started directly.
    sys.argv = sys.argv[1:]
    sys.path[0] = osp.dirname(osp.abspath(sys.argv[0]))
    runpy.run_path(sys.argv[0], run_name='__main__')


if __name__ == '__main__':
    main()
