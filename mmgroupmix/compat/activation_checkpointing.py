"""Gradients with ``activation_checkpointing``, a setting of mmengine's runner.

Reason: mmengine calls ``torch.utils.checkpoint.checkpoint`` without ``use_reentrant``. By
the default, True, a module whose inputs need no gradients, such as a backbone with its
images, gets none for its parameters either, and is not trained.

Remove when mmengine passes ``use_reentrant=False``.
"""

from functools import partial

from torch.utils.checkpoint import checkpoint


def checkpoint_without_reentry() -> None:
    """Let ``activation_checkpointing`` train modules whose inputs need no gradients."""
    from mmengine.runner import activation_checkpointing

    activation_checkpointing.checkpoint = partial(checkpoint, use_reentrant=False)
