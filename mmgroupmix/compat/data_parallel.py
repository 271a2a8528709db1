"""Model wrapper for distributed runs with or without an accelerator.

It is registered on every machine, so that a config saved by a run on a CPU also builds
elsewhere.

Part of ``distributed`` and removed with it.
"""

from collections.abc import Callable, Sequence
from typing import Any

from mmengine.model import MMDistributedDataParallel
from mmengine.registry import MODEL_WRAPPERS
from torch.nn import Module

from .sync_batch_norm import replace_sync_batch_norms


@MODEL_WRAPPERS.register_module()
class DeviceAwareDistributedDataParallel(MMDistributedDataParallel):
    """mmengine's ``MMDistributedDataParallel``, on a CPU too.

    On a CPU it drops ``device_ids``, which PyTorch does not allow there, replaces
    SyncBN by one that runs there, and keeps the order in which gradients are summed.
    Elsewhere it does not differ from its parent.

    Args:
        module (Module): The model, on its device.
        device_ids (Sequence[int], optional): Devices, as the runner passes them.
            Defaults to None.
        **kwargs: As for ``MMDistributedDataParallel``.
    """

    def __init__(
        self, module: Module, device_ids: Sequence[int] | None = None, **kwargs: Any
    ) -> None:
        on_cpu = next(module.parameters()).device.type == 'cpu'
        if on_cpu:
            device_ids = None
            module = replace_sync_batch_norms(module)
        super().__init__(module=module, device_ids=device_ids, **kwargs)
        if on_cpu:
            self.reducer: Any = _FixedBuckets(self.reducer)

    def register_comm_hook(self, state: object, hook: Callable) -> None:
        """Register a communication hook, which PyTorch gives to its own reducer."""
        if isinstance(self.reducer, _FixedBuckets):
            self.reducer = self.reducer._reducer
        super().register_comm_hook(state, hook)


class _FixedBuckets:
    """A reducer that does not rearrange its buckets after the first step.

    The place of a gradient in a bucket decides in which order three or more processes
    sum it. A resumed run, which begins with another first step, would differ in its last
    bits from an uninterrupted one.
    """

    def __init__(self, reducer: Any):
        self._reducer = reducer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reducer, name)

    def _rebuild_buckets(self) -> bool:
        return False
