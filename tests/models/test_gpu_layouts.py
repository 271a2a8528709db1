"""Maps and weights reach the convolutions of a GPU in the layout of its kernels.

They are float16: without a GPU, PyTorch assumes that cuDNN has no bfloat16.
"""

from collections import Counter

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from mmgroupmix.apis.benchmarking.passes import compute_loss, iter_tensors
from mmgroupmix.models import GroupMixFormer, PoolFormer
from mmgroupmix.models.layers.layout import use_channels_last

from .fake_gpu import BACKWARD_DEVICE, FORWARD_DEVICE, fake_gpu, move_to_fake_gpu
from .gpu_models import ARCH, IMAGES, MODELS

COPIES = ('aten.clone.default', 'aten.copy_.default')
#: The image comes in NCHW, and the maps are returned so.
IMAGE_AND_MAPS = 1 + len(ARCH['depths'])
BACKBONES = {
    'groupmixformer': lambda: GroupMixFormer(ARCH),
    'poolformer': lambda: PoolFormer(ARCH),
}


class LayoutLog(TorchDispatchMode):
    """Records the maps and weights of convolutions, and copies of maps."""

    def __init__(self):
        super().__init__()
        self.maps, self.weights, self.copies = [], [], Counter()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        outputs = operation(*args, **(kwargs or {}))
        if operation is torch.ops.aten.convolution.default:
            self.maps.append(args[0])
            self.weights.append(args[1])
        elif operation is torch.ops.aten.convolution_backward.default:
            self.maps += args[:2]  # the output's gradient, and the map
            self.weights.append(args[2])
        elif str(operation) in COPIES:
            (copy,) = iter_tensors(outputs)
            self.copies[tuple(copy.shape)] += 1
        return outputs


def log_layouts(model: nn.Module, shape: tuple[int, ...] = IMAGES) -> LayoutLog:
    """Run a forward pass in float16 and log layouts."""
    with fake_gpu(torch.float16):
        model = move_to_fake_gpu(model, FORWARD_DEVICE)
        with LayoutLog() as log:
            model(torch.empty(shape, device=FORWARD_DEVICE))
    assert log.maps
    return log


def is_channels_last(x: Tensor) -> bool:
    """Whether a map or weight is dense with channels last."""
    return x.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize('folded', [False, True])
@pytest.mark.parametrize('name', BACKBONES)
def test_convolutions_take_dense_channels_last_maps(name, folded):
    model = BACKBONES[name]()
    log = log_layouts(model.fuse() if folded else model)
    assert [x.shape for x in log.maps if not is_channels_last(x)] == []


@pytest.mark.parametrize('name', BACKBONES)
def test_backward_convolutions_take_dense_channels_last_maps(name):
    model = use_channels_last(BACKBONES[name]())
    with fake_gpu(torch.float16):
        model = move_to_fake_gpu(model, BACKWARD_DEVICE)
        outputs = model(torch.empty(IMAGES, device=BACKWARD_DEVICE))
        with LayoutLog() as log:
            compute_loss(outputs).backward()
    assert log.maps
    assert [x.shape for x in log.maps if not is_channels_last(x)] == []
    assert [w.shape for w in log.weights if not is_channels_last(w)] == []


@pytest.mark.parametrize('folded', [False, True])
@pytest.mark.parametrize('name', [*BACKBONES, 'ea_head'])
def test_weights_are_channels_last_where_that_is_asked_for(name, folded):
    build, shape = MODELS[name]
    model = use_channels_last(build())
    if folded and hasattr(model, 'fuse'):
        model.fuse()
    log = log_layouts(model, shape)
    assert [w.shape for w in log.weights if not is_channels_last(w)] == []


def test_weights_are_not_channels_last_otherwise():
    assert not all(map(is_channels_last, log_layouts(PoolFormer(ARCH)).weights))


def test_poolformer_copies_its_image_and_what_group_norms_return():
    # PyTorch's group norm returns channels first on a GPU: returned maps need no copy,
    # but the tokens of every MLP do.
    copies = log_layouts(PoolFormer(ARCH)).copies
    sizes = zip((16, 8, 4, 2), ARCH['embed_dims'])
    expected = Counter({(2, side, side, dim): 1 for side, dim in sizes})
    assert copies == expected + Counter({IMAGES: 1})


@pytest.mark.parametrize('folded', [False, True])
def test_groupmixformer_copies_image_maps_and_segments(folded):
    model = GroupMixFormer(ARCH)
    copies = log_layouts(model.fuse() if folded else model).copies
    # Per block: the segments of q, k and v. Folded, the activation has copied the first
    # one, and v of the four pre-attention branches lies beside q and k.
    per_block = 4 + 4 if folded else 5
    assert copies.total() == IMAGE_AND_MAPS + per_block * sum(ARCH['depths'])


def test_channels_last_weights_load_and_save_like_others():
    model = GroupMixFormer(ARCH)
    other = use_channels_last(GroupMixFormer(ARCH))
    other.load_state_dict(model.state_dict())
    weights = other.state_dict()
    assert not weights['stem.0.conv.weight'].is_contiguous()
    torch.testing.assert_close(weights, model.state_dict(), rtol=0, atol=0)
    GroupMixFormer(ARCH).load_state_dict(weights)


def test_channels_last_weights_compute_the_same():
    torch.manual_seed(0)
    model = PoolFormer(ARCH).eval()
    images = torch.randn(IMAGES)
    expected = model(images)
    torch.testing.assert_close(use_channels_last(model)(images), expected)


def test_position_embeddings_keep_their_layout():
    model = PoolFormer(ARCH, position_embeddings=((4, 4), None, None, None))
    use_channels_last(model)
    assert model.stages[0].position_embedding.embedding.is_contiguous()
