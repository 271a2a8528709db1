"""Detectors of two stages, on images with fewer positions than queries."""

from types import SimpleNamespace

import pytest
import torch

from mmgroupmix.engine.query_selection import report_missing_positions
from mmgroupmix.errors import UserError

POSITIONS = 4


@pytest.mark.parametrize('name', ['DINO', 'DeformableDETR'])
def test_images_with_too_few_positions_are_reported_with_both_numbers(name):
    detectors = pytest.importorskip('mmdet.models.detectors')
    memory = torch.zeros(1, POSITIONS, 8)
    detector = SimpleNamespace(
        num_queries=9,
        as_two_stage=True,
        decoder=SimpleNamespace(num_layers=0),
        bbox_head=SimpleNamespace(
            cls_branches=[torch.nn.Linear(8, 3)], reg_branches=[torch.nn.Linear(8, 4)]
        ),
        gen_encoder_output_proposals=lambda *_: (memory, torch.zeros(1, POSITIONS, 4)),
    )
    select = getattr(detectors, name).pre_decoder
    samples = (None,) * (name == 'DINO')
    with (
        pytest.raises(UserError, match=r'num_queries is 9, .* at most 4\.$'),
        report_missing_positions(),
    ):
        select(detector, memory, None, torch.ones(1, 2), *samples)


def test_another_selection_keeps_its_error():
    with pytest.raises(RuntimeError, match='k out of range'), report_missing_positions():
        torch.topk(torch.zeros(2), 3)
