"""What a model took from a state dict is described by part."""

import pytest
import torch
from mmengine.runner.checkpoint import load_state_dict
from torch import nn

from mmgroupmix.checkpoints.loaded_weights import LoadedWeights, format_parts

pytestmark = pytest.mark.smoke


class Detector(nn.Module):
    def __init__(self, num_classes=3, depth=2, with_neck=True):
        super().__init__()
        blocks = [nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2))] * depth
        self.backbone = nn.Sequential(*blocks)
        if with_neck:
            self.neck = nn.Linear(2, 2)
        self.bbox_head = nn.ModuleDict(dict(fc_cls=nn.Linear(2, num_classes)))


def by_torch(model, state_dict):
    try:
        model.load_state_dict(state_dict, strict=False)
    except RuntimeError as error:
        assert 'size mismatch' in str(error)


def record(model, state_dict, load=load_state_dict):
    loaded = LoadedWeights(model)
    load(model, state_dict)
    loaded.close()
    return loaded


@pytest.mark.parametrize('load', [load_state_dict, by_torch])
def test_a_class_layer_of_another_size_is_named(load):
    loaded = record(Detector(1), Detector(3).state_dict(), load)
    assert loaded.mismatched == {
        'bbox_head.fc_cls.weight': (3, 2),
        'bbox_head.fc_cls.bias': (3,),
    }
    own = len(Detector().state_dict())
    assert loaded.describe() == (
        f'{own - 2} of {own} tensors of the model; of another shape: bbox_head.fc_cls '
        '(class layer, (3, 2) instead of (1, 2))'
    )


@pytest.mark.parametrize('load', [load_state_dict, by_torch])
def test_missing_and_unused_tensors_are_counted_by_part(load):
    loaded = record(Detector(), Detector(with_neck=False, depth=3).state_dict(), load)
    assert 'missing: neck (2)' in loaded.describe()
    assert 'not used: backbone.2.0 (2), backbone.2.1 (5)' in loaded.describe()
    assert loaded.find_deeper() == ['backbone.2']
    assert set(loaded.loaded) == set(Detector().state_dict()) - {
        'neck.weight',
        'neck.bias',
    }


def test_a_part_that_the_model_has_not_is_not_a_deeper_model():
    loaded = record(Detector(with_neck=False), Detector().state_dict())
    assert loaded.unexpected == ['neck.weight', 'neck.bias']
    assert loaded.find_deeper() == []


def test_counters_of_batches_may_be_missing():
    state_dict = Detector().state_dict()
    for name in [name for name in state_dict if 'num_batches' in name]:
        del state_dict[name]
    assert record(Detector(), state_dict).missing == []


def test_another_shape_of_a_backbone_is_not_a_class_layer():
    state_dict = Detector().state_dict()
    state_dict['backbone.0.0.weight'] = torch.zeros(5, 2, 1, 1)
    assert (
        'backbone.0.0 ((5, 2, 1, 1) instead' in record(Detector(), state_dict).describe()
    )


def test_many_parts_are_shown_as_larger_ones():
    names = [f'backbone.stages.{i}.blocks.{j}.weight' for i in range(9) for j in range(9)]
    assert format_parts(names) == 'backbone.stages (81)'
    names = [f'part{i}.weight' for i in range(9)]
    assert format_parts(names).endswith('part5 (1) and 3 more parts')
