"""Command that runs a script of a toolbox where mmcv has no compiled operators.

Reason: mmdet's ``tools/test.py``, in both families, imports ``mmdet.evaluation`` and with
it ``mmcv.ops`` before it reads a config: ``custom_imports`` comes too late there. This
command only imports the package first::

    python -m mmgroupmix.compat mmdetection/tools/test.py CONFIG CHECKPOINT
    torchrun --nproc_per_node=8 -m mmgroupmix.compat mmdetection/tools/test.py ...

Remove when ``mmcv_ext`` is removed.
"""

import os.path as osp
import runpy
import sys


def main() -> None:
    """Run the script that the command line names."""
    if len(sys.argv) < 2:
        sys.exit('usage: python -m mmgroupmix.compat SCRIPT [ARGUMENTS]')
    # As if the script had been started directly.
    sys.argv = sys.argv[1:]
    sys.path[0] = osp.dirname(osp.abspath(sys.argv[0]))
    runpy.run_path(sys.argv[0], run_name='__main__')


if __name__ == '__main__':
    main()
