"""Label maps of large images without their logits at full size.

mmsegmentation resizes the logits of all classes to the size of the network's input and
then to that of the image, and keeps them beside the label map: 14.4 GB for 24 megapixels
and 150 classes. Bilinear resizing treats each class by itself, so here it is done for a
few classes at a time, and only the highest logit of every pixel and its class are kept.
The label maps are equal, to the bit.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Resizing of tensors in channels-last layout is vectorised over so many channels: only
#: in multiples are the results of each class the same as those of all classes at once.
ALIGNED_CLASSES = 16

Size = tuple[int, int]
Check = Callable[[float, str], None]


def bound_segmentation(
    model: Any, num_bytes: int, check: Check = lambda num_bytes, purpose: None
) -> None:
    """Bound the memory that a segmentor takes for logits, in place.

    Predictions whose logits fit into the bound are made by mmsegmentation alone, and
    hold ``seg_logits`` as usual; others hold ``pred_sem_seg`` only. ``nan_logits`` in
    the meta information says whether any logit was NaN. Methods that a model or head
    defines in its own way stay as they are.

    Args:
        model (nn.Module): A segmentor of mmsegmentation.
        num_bytes (int): Logits that are kept or resized at a time, in bytes.
        check (Callable[[float, str], None]): Called with the bytes that a step needs in
            any case and its name, before it takes them; it may raise. Defaults to no
            check.
    """
    from mmseg.models.decode_heads.decode_head import BaseDecodeHead
    from mmseg.models.segmentors import EncoderDecoder
    from mmseg.models.segmentors.base import BaseSegmentor

    kind: Any = type(model)
    if not issubclass(kind, BaseSegmentor) or (
        kind.postprocess_result is not BaseSegmentor.postprocess_result
    ):
        return
    bounds = _Bounds(model, num_bytes, check)
    model.postprocess_result = bounds.postprocess_result
    if getattr(kind, 'inference', None) is not EncoderDecoder.inference:
        return
    if model.test_cfg.get('mode', 'whole') == 'slide':
        if kind.slide_inference is EncoderDecoder.slide_inference:
            model.slide_inference = bounds.slide_inference
        return
    heads = model.decode_head
    head: Any = heads[-1] if isinstance(heads, nn.ModuleList) else heads
    kind = type(head)
    if kind.predict_by_feat is BaseDecodeHead.predict_by_feat:
        head.predict_by_feat = partial(bounds.predict_by_feat, head)


class _Bounds:
    """The bounded methods of one segmentor; see :func:`bound_segmentation`."""

    def __init__(self, model: Any, num_bytes: int, check: Check):
        self.model, self.num_bytes, self.check = model, num_bytes, check
        #: The size of the network's input, if its logits still have to be resized to it.
        self.input_size: Size | None = None

    def predict_by_feat(self, head: Any, logits: Tensor, metas: Sequence[dict]) -> Tensor:
        """Leave the logits of a head small if they are large at the input's size."""
        meta, self.input_size = metas[0], None
        # As in BaseDecodeHead.predict_by_feat.
        has_own_size = (
            isinstance(meta['img_shape'], torch.Size) or 'pad_shape' not in meta
        )
        size = tuple(meta['img_shape' if has_own_size else 'pad_shape'][:2])
        if len(logits) * _count_bytes(logits, size) > self.num_bytes:
            self.input_size = size
            return logits
        return type(head).predict_by_feat(head, logits, metas)

    def postprocess_result(
        self, logits: Tensor, samples: Sequence[Any] | None = None
    ) -> Sequence[Any]:
        """Make label maps of logits, as ``BaseSegmentor.postprocess_result``."""
        input_size, self.input_size = self.input_size, None
        kept = sum(_count_bytes(logits, sample.ori_shape) for sample in samples or ())
        if samples is None or (input_size is None and kept <= self.num_bytes):
            samples = type(self.model).postprocess_result(self.model, logits, samples)
        else:
            from mmengine.structures import PixelData

            for sample, image_logits in zip(samples, logits.split(1)):
                labels = self._predict_labels(image_logits, sample, input_size)
                sample.set_data(dict(pred_sem_seg=PixelData(data=labels)))
        for sample, image_logits in zip(samples, logits):
            has_nan = any(bool(plane.isnan().any()) for plane in image_logits)
            sample.set_metainfo(dict(nan_logits=has_nan))
        return samples

    def _predict_labels(
        self, logits: Tensor, sample: Any, input_size: Size | None
    ) -> Tensor:
        """Label map (1, H, W) of logits (1, C, h, w)."""
        height, width = sample.ori_shape
        class_bytes = sum(
            _count_bytes(logits[:, :1], size)
            for size in (sample.ori_shape, input_size)
            if size is not None
        )
        self.check(
            # Labels and the highest logits: of all classes, and of those at hand.
            height * width * (2 * (8 + logits.element_size()) + 1) + class_bytes,
            f'the label map of {width} x {height} pixels',
        )
        per_chunk = max(self.num_bytes // class_bytes, 1)
        if per_chunk >= ALIGNED_CLASSES:
            per_chunk -= per_chunk % ALIGNED_CLASSES
        labels = highest = None
        for start, chunk in self._iter_resized(logits, sample, input_size, per_chunk):
            if logits.shape[1] == 1:
                mask = chunk[0].sigmoid() > self.model.decode_head.threshold
                return mask.to(chunk)
            values, indices = chunk[0].max(dim=0)
            del chunk  # the next one would be made before it is released
            if labels is None or highest is None:
                labels, highest = indices, values
                continue
            # As argmax: the first of equal ones counts, and NaN as the highest.
            higher = ~(values <= highest) & ~highest.isnan()
            torch.where(higher, indices.add_(start), labels, out=labels)
            torch.where(higher, values, highest, out=highest)
        assert labels is not None  # for mypy: a head has at least one class
        return labels[None]

    def _iter_resized(
        self, logits: Tensor, sample: Any, input_size: Size | None, per_chunk: int
    ) -> Iterator[tuple[int, Tensor]]:
        """Logits at the size of the image, some classes at a time, with their first."""
        meta = sample.metainfo
        channels_last = logits.is_contiguous(memory_format=torch.channels_last)
        for start in range(0, logits.shape[1], per_chunk):
            chunk = logits[:, start : start + per_chunk]
            if channels_last:
                chunk = chunk.contiguous(memory_format=torch.channels_last)
            if input_size is not None:
                chunk = self._resize(chunk, input_size)
            # As in BaseSegmentor.postprocess_result.
            padding = meta.get('img_padding_size', meta.get('padding_size', [0] * 4))
            left, right, top, bottom = padding
            height, width = chunk.shape[2:]
            chunk = chunk[:, :, top : height - bottom, left : width - right]
            if meta.get('flip'):
                horizontal = meta.get('flip_direction') == 'horizontal'
                chunk = chunk.flip(dims=(3 if horizontal else 2,))
            yield start, self._resize(chunk, tuple(meta['ori_shape']))

    def slide_inference(self, inputs: Tensor, metas: Sequence[dict]) -> Tensor:
        """Average the logits of windows, as ``EncoderDecoder.slide_inference``.

        They are summed in place, which takes a third of the memory.
        """
        model = self.model
        batch_size, _, height, width = inputs.shape
        strides, crops = model.test_cfg.stride, model.test_cfg.crop_size
        shape = (batch_size, model.out_channels, height, width)
        self.check(
            inputs.element_size()
            * batch_size
            * (model.out_channels + 1)
            * height
            * width,
            f'the sum of the logits of all windows, {model.out_channels} classes at '
            f'{width} x {height} pixels,',
        )
        logits = inputs.new_zeros(shape)
        counts = inputs.new_zeros((batch_size, 1, height, width))
        for top, bottom in _iter_windows(height, crops[0], strides[0]):
            for left, right in _iter_windows(width, crops[1], strides[1]):
                crop = inputs[:, :, top:bottom, left:right]
                metas[0]['img_shape'] = crop.shape[2:]
                window = (..., slice(top, bottom), slice(left, right))
                logits[window] += model.encode_decode(crop, metas)
                counts[window] += 1
        return logits.div_(counts)

    def _resize(self, logits: Tensor, size: Size) -> Tensor:
        return F.interpolate(
            logits, size, mode='bilinear', align_corners=self.model.align_corners
        )


def _iter_windows(length: int, crop: int, stride: int) -> Iterator[tuple[int, int]]:
    """Begin and end of the windows along one side."""
    for index in range(max(length - crop + stride - 1, 0) // stride + 1):
        end = min(index * stride + crop, length)
        yield max(end - crop, 0), end


def _count_bytes(logits: Tensor, size: Sequence[int]) -> int:
    """Bytes of the logits (N, C, h, w) of one image at another size."""
    return logits.shape[1] * size[0] * size[1] * logits.element_size()
