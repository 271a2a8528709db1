"""Generated architectures load from the published names, whatever their sizes."""

import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmgroupmix.checkpoints import CheckpointError
from mmgroupmix.models import EAMLP, GroupMixFormer, PoolFormer

from ..models.architectures import Case, eamlps, groupmixformers, metaformers
from .published_names import (
    find_eamlp_tensor,
    find_groupmixformer_tensor,
    find_poolformer_tensor,
)

_POSITION = re.compile(r'(.*)\.pre_attention\.(\d)\.position\.convs\.(\d)\.(\w+)')
_LOOKUPS = {
    GroupMixFormer: find_groupmixformer_tensor,
    PoolFormer: find_poolformer_tensor,
    EAMLP: find_eamlp_tensor,
}


class NameRecorder(dict):
    """Stands for a published state dict, and keeps the name that was looked up."""

    def __missing__(self, name):
        self.name = name
        return torch.zeros(15, 1, 1, 1)  # of any layout that is looked up


def find_name(cls, key):
    """The published name of our key."""
    recorder = NameRecorder()
    _LOOKUPS[cls](key, recorder)
    return recorder.name


def publish(cls, ours):
    """The state dict under the published names, in the published layouts."""
    published, heads = {}, {}
    for key, value in ours.items():
        if match := _POSITION.fullmatch(key):
            mixer, branch, head, kind = match.groups()
            heads.setdefault((mixer, kind), {})[2 * int(branch) + int(head)] = value
            continue
        if cls is GroupMixFormer and '.qkv.' in key:
            segments = [part.chunk(3) for part in value.chunk(5)]
            value = torch.cat([part[i] for i in range(3) for part in segments])
        if cls is PoolFormer and re.search(r'\.mlp\.fc\d\.weight', key):
            value = value[:, :, None, None]
        published[find_name(cls, key)] = value
    for (mixer, kind), parts in heads.items():
        for index, rows in enumerate(((0, 1), (2, 3, 4), (5, 6, 7))):
            name = find_name(cls, f'{mixer}.proj.{kind}')
            name = name.replace('.proj.', f'.crpe.conv_list.{index}.')
            published[name] = torch.cat([parts[row] for row in rows])
    return published


def as_published(case: Case, **changes) -> Case:
    """The architecture with the parts that published models have, and the last map."""
    arguments = {**case.arguments, **changes}
    return Case(case.builder, arguments, case.size, case.maps[-1:])


last_map = dict(out_indices=(3,), final_norm=True)
published_models = st.one_of(
    groupmixformers().map(
        lambda case: as_published(
            case, aggregators=None, norm_cfg=dict(type='BN'), **last_map
        )
    ),
    metaformers(PoolFormer).map(
        lambda case: as_published(
            case,
            norm_cfg=dict(type='GN', num_groups=1),
            mlp_ratios=None,
            layer_scale=0.1,
            position_embeddings=None,
            **last_map,
        )
    ),
    eamlps().map(
        lambda case: as_published(case, t2t='external_attention', token_mixer=None)
    ),
)


@given(published_models)
def test_a_file_with_the_published_names_gives_the_outputs_of_its_model(case):
    source, fresh = case.build_random(seed=0), case.build_random(seed=1)
    missing, unexpected = fresh.load_state_dict(
        publish(case.builder, source.state_dict())
    )
    assert not missing and not unexpected
    images = case.make_images()
    assert all(torch.equal(a, b) for a, b in zip(fresh(images), source(images)))


@given(published_models, st.data())
def test_a_tensor_that_such_a_file_lacks_is_reported_and_nothing_loads(case, data):
    backbone, source = case.build(seed=0), case.build_random(seed=1)
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    published = publish(case.builder, source.state_dict())
    names = [name for name in published if not name.endswith('num_batches_tracked')]
    del published[data.draw(st.sampled_from(names))]
    with pytest.raises(CheckpointError, match='Missing'):
        backbone.load_state_dict(published)
    after = backbone.state_dict()
    assert all(torch.equal(after[key], before[key]) for key in before)
