"""Masked convolution in plain torch: the steps before and after its matrix product."""

import torch.nn.functional as F
from torch import Tensor


def masked_im2col_forward(
    im: Tensor,
    mask_h_idx: Tensor,
    mask_w_idx: Tensor,
    col: Tensor,
    kernel_h: int,
    kernel_w: int,
    pad_h: int,
    pad_w: int,
) -> None:
    """Collect the cells below the kernel at the positions of the mask.

    Args:
        im (Tensor): Feature map of shape (1, C, H, W).
        mask_h_idx (Tensor): Row of every position, int64 of shape (P,).
        mask_w_idx (Tensor): Column of every position, int64 of shape (P,).
        col (Tensor): Overwritten, of shape (C * kernel_h * kernel_w, P).
        kernel_h (int): Height of the kernel.
        kernel_w (int): Width of the kernel.
        pad_h (int): Padding above and below.
        pad_w (int): Padding on the left and right.
    """
    columns = F.unfold(im, (kernel_h, kernel_w), padding=(pad_h, pad_w))[0]
    width = im.size(3) + 2 * pad_w - kernel_w + 1
    col.copy_(columns[:, mask_h_idx * width + mask_w_idx])


def masked_col2im_forward(
    col: Tensor,
    mask_h_idx: Tensor,
    mask_w_idx: Tensor,
    im: Tensor,
    height: int,
    width: int,
    channels: int,
) -> None:
    """Write values to the positions of the mask.

    Args:
        col (Tensor): Of shape (channels, P).
        mask_h_idx (Tensor): Row of every position, int64 of shape (P,).
        mask_w_idx (Tensor): Column of every position, int64 of shape (P,).
        im (Tensor): Overwritten there, of shape (1, channels, height, width).
        height (int): Height of ``im``.
        width (int): Width of ``im``.
        channels (int): Number of channels of ``im``.
    """
    im[0, :, mask_h_idx, mask_w_idx] = col
