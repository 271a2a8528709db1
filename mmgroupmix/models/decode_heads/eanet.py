"""The published EANet by its own arguments, as a segmentor of mmsegmentation."""

from collections.abc import Mapping
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS
from torch import nn

from ...arguments import check_choice, check_int, check_names
from ...errors import UserError
from ...model_index import find_index_folder

#: The model of the published code, with its ResNet-101.
BASE_CONFIG = 'configs/_base_/models/eanet.py'
#: ImageNet weights of its ResNets. The published file of the third has no address.
PRETRAINED = {
    50: 'mmgroupmix://resnet50_v1s',
    101: 'mmgroupmix://resnet101_encoding',
    152: None,
}
#: Arguments of the published class with the file that it reads, and those of
#: mmsegmentation's segmentor that are not part of the network.
NAMES = ('n_classes', 'n_layers', 'pretrained')
SEGMENTOR_NAMES = ('data_preprocessor', 'train_cfg', 'test_cfg', 'init_cfg')


def build_eanet(arguments: Mapping[str, Any]) -> nn.Module:
    """Build the published segmentor.

    Args:
        arguments (Mapping): ``n_classes`` and ``n_layers`` (50, 101 or 152) of the
            published class; ``pretrained``, the file of the ResNet instead of the
            published one, or None for random weights; and ``data_preprocessor``,
            ``train_cfg``, ``test_cfg``, ``init_cfg`` of mmsegmentation's
            ``EncoderDecoder``.

    Returns:
        nn.Module: An ``EncoderDecoder`` of a ResNet with output stride 8 and an EAHead.

    Raises:
        UserError: If an argument is not as described.
    """
    check_names('EANet', arguments, (*NAMES, *SEGMENTOR_NAMES))
    num_classes = check_int('EANet: n_classes', arguments.get('n_classes'), 1)
    depth: Any = arguments.get('n_layers')
    check_choice('EANet: n_layers', depth, PRETRAINED)
    folder = find_index_folder()
    if folder is None:
        raise UserError(
            f'EANet: {BASE_CONFIG}, which describes the model, is missing in this copy '
            'of mmgroupmix. Install it again.'
        )
    model = Config.fromfile(folder / BASE_CONFIG).model
    weights = arguments.get('pretrained', PRETRAINED[depth])
    init_cfg = dict(type='Pretrained', checkpoint=weights) if weights else None
    model.backbone.update(depth=depth, init_cfg=init_cfg)
    model.decode_head.num_classes = num_classes
    model.update({k: v for k, v in arguments.items() if k in SEGMENTOR_NAMES})
    print_log(
        f'EANet: n_classes={num_classes}, n_layers={depth} of the published class are '
        f'an EncoderDecoder of ResNetV1c-{depth} from {weights or "random weights"} and '
        f'EAHead, as in {BASE_CONFIG}: use these in a config to change more.',
        logger='current',
    )
    with DefaultScope.overwrite_default_scope('mmseg'):
        return MODELS.build(model)
