"""Norms: on tokens, and folded into convolutions."""

import pytest
import torch
from torch import nn

from mmgroupmix.models.layers.norm import apply_norm, fold_batch_norm


@pytest.mark.smoke
def test_the_layer_norm_of_the_toolboxes_for_maps_normalises_channels():
    from mmpretrain.models.utils import LayerNorm2d

    plain, theirs = nn.LayerNorm(8), LayerNorm2d(8, eps=1e-5)
    # As many rows and columns as channels: no wrong axis would raise an error.
    x = torch.randn(1, 8, 8, 8)
    torch.testing.assert_close(apply_norm(theirs, x), apply_norm(plain, x))


@pytest.mark.smoke
def test_a_folded_batch_norm_leaves_the_outputs_and_other_norms_leave_the_layers():
    conv, norm = nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6).eval()
    nn.init.normal_(norm.running_mean)
    nn.init.uniform_(norm.running_var, 0.5, 2)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    image = torch.randn(2, 4, 5, 5)
    expected = norm(conv(image))
    folded, rest = fold_batch_norm(conv.eval(), norm)
    assert isinstance(rest, nn.Identity)
    torch.testing.assert_close(folded(image), expected, rtol=1e-5, atol=1e-5)
    other = nn.GroupNorm(2, 6)
    assert fold_batch_norm(conv, other) == (conv, other)
