"""Published files give the published logits through the model of a config.

The expected logits are those of the papers' own implementations, see data/goldens.
"""

import pytest
import torch

from mmgroupmix import convert_state_dict

from ..goldens import Golden
from .experiments import build, read

CASES = [
    (config, golden, case)
    for config, golden in (
        ('gmf_t_in1k', 'groupmixformer_t'),
        ('poolformer_s12_in1k', 'poolformer_s12'),
        ('eamlp_7_in1k', 'eamlp_7'),
    )
    for case in Golden(golden).cases
]


def published_file(golden):
    """The file as its authors saved it; EAMLP's fixed positions are not in the golden."""
    tensors = golden.state_dict()
    tensors.pop('pos_embed', None)
    return tensors


@pytest.mark.smoke
@pytest.mark.parametrize('config, name, case', CASES)
def test_a_converted_file_gives_the_published_logits(config, name, case):
    golden = Golden(name)
    model = build(read(config)).eval()
    converted = convert_state_dict(published_file(golden), classifier=True)
    missing, unexpected = model.load_state_dict(converted, strict=False)
    assert not unexpected
    assert not [k for k in missing if not k.endswith('num_batches_tracked')]
    with torch.inference_mode():
        logits = model(golden.image(case), mode='tensor')
    assert golden.distance(logits, golden.cases[case]['logits']) < 1e-4
