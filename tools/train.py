"""Train a model of mmdet, mmseg or mmpretrain; ``--help`` lists the options."""

import os
import signal
import sys

# Imports take seconds. A job that a scheduler ends meanwhile is requeued, as any later.
for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP):
    if signal.getsignal(number) == signal.SIG_DFL:
        signal.signal(number, lambda *_: os._exit(os.EX_TEMPFAIL))

import _checkout  # noqa: E402, F401  prefer this checkout to an installed copy

from mmgroupmix.apis.train import main  # noqa: E402

if __name__ == '__main__':
    sys.exit(main())
