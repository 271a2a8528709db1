"""Model wrapper for distributed runs with or without an accelerator.

It is registered on every machine, so that a config saved by a run on a CPU also builds
elsewhere.

Part of ``distributed`` and removed with it.
"""

from collections.abc import Sequence
from typing import Any

from mmengine.model import MMDistributedDataParallel
from mmengine.registry import MODEL_WRAPPERS
from torch.nn import Module

from .sync_batch_norm import replace_sync_batch_norms


@MODEL_WRAPPERS.register_module()
class DeviceAwareDistributedDataParallel(MMDistributedDataParallel):
    """mmengine's ``MMDistributedDataParallel``, on a CPU too.

    On a CPU it drops ``device_ids``, which PyTorch does not allow there, and replaces
    SyncBN by one that runs there. Elsewhere it does not differ from its parent.

    Args:
        module (Module): The model, on its device.
        device_ids (Sequence[int], optional): Devices, as the runner passes them.
            Defaults to None.
        **kwargs: As for ``MMDistributedDataParallel``.
    """

    def __init__(
        self, module: Module, device_ids: Sequence[int] | None = None, **kwargs: Any
    ) -> None:
        if next(module.parameters()).device.type == 'cpu':
            device_ids = None
            module = replace_sync_batch_norms(module)
        super().__init__(module=module, device_ids=device_ids, **kwargs)
