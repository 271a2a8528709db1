"""The model wrapper of distributed runs that may be on CPU.

Registered with mmengine on every machine, so that a config that was saved by a run on
CPU also builds elsewhere.

Part of ``distributed`` and removed with it.
"""

from mmengine.model import MMDistributedDataParallel, revert_sync_batchnorm
from mmengine.registry import MODEL_WRAPPERS
from torch.nn import Module


@MODEL_WRAPPERS.register_module()
class DeviceAwareDistributedDataParallel(MMDistributedDataParallel):
    """mmengine's data-parallel wrapper, on CPU as well as on an accelerator.

    On CPU it ignores ``device_ids``, which must not be given there, and turns SyncBN
    into BN; elsewhere it is its parent.

    Args:
        module (nn.Module): The model, on its device.
        device_ids (list[int], optional): Devices, as the runner passes them.
        **kwargs: As for ``MMDistributedDataParallel``.
    """

    def __init__(self, module: Module, device_ids=None, **kwargs):
        if next(module.parameters()).device.type == 'cpu':
            device_ids = None
            module = revert_sync_batchnorm(module)
        super().__init__(module=module, device_ids=device_ids, **kwargs)
