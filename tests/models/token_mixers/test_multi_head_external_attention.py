"""Multi-head external attention against the published module and loops over heads."""

import pytest
import torch

from mmgroupmix.errors import UserError
from mmgroupmix.models.token_mixers import MultiHeadExternalAttention

from ...goldens import Golden

PUBLISHED = {
    'trans_dims': 'expand',
    'linear_0': 'memory_key',
    'linear_1': 'memory_value',
    'proj': 'proj',
}


def load_golden():
    golden = Golden('multi_head_external_attention_384_h6')
    mixer = MultiHeadExternalAttention(384, num_heads=6)
    weights = {}
    for key, value in golden.state_dict().items():
        name, kind = key.rsplit('.', 1)
        weights[f'{PUBLISHED[name]}.{kind}'] = value
    mixer.load_state_dict(weights)
    return golden, mixer


@pytest.mark.smoke
def test_the_published_module_is_reproduced():
    golden, mixer = load_golden()
    image = torch.from_numpy(golden.fill.golden_input(1, 196, 384))
    tokens = image.flatten(2).mT  # (1, 196, 384)
    output = mixer(tokens)
    assert Golden.distance(output, golden.cases['tokens196']['out']) < 1e-4


@pytest.mark.smoke
def test_the_number_of_parameters_is_the_published_one():
    golden, mixer = load_golden()
    assert sum(p.numel() for p in mixer.parameters()) == golden.params


@pytest.mark.smoke
def test_every_head_is_external_attention_to_the_same_memories():
    mixer = MultiHeadExternalAttention(
        12, num_heads=3, num_memories=5, expansion=2
    ).double()
    tokens = torch.randn(7, 12, dtype=torch.double)
    key, value = mixer.memory_key, mixer.memory_value
    wide = tokens @ mixer.expand.weight.T + mixer.expand.bias  # (N, 24)
    heads = []
    for head in wide.split(4, dim=1):  # six heads of width 12 / 3
        shares = (head @ key.weight.T + key.bias).exp()
        shares = shares / shares.sum(dim=0, keepdim=True)  # over tokens
        attention = shares / shares.sum(dim=1, keepdim=True)  # over memories
        heads.append(attention @ value.weight.T + value.bias)
    assert len(heads) == 6
    expected = torch.cat(heads, dim=1) @ mixer.proj.weight.T + mixer.proj.bias
    torch.testing.assert_close(mixer(tokens[None])[0], expected)


@pytest.mark.smoke
@pytest.mark.parametrize(
    'arguments, message',
    [
        (dict(num_heads=5), 'num_heads=5, expected a divisor of dim=64'),
        (dict(num_heads=0), 'num_heads=0, expected an integer of at least 1.*dim=64'),
        (dict(expansion=0), 'expansion=0, expected an integer'),
        (dict(num_memories=0), 'MultiHeadExternalAttention: num_memories=0'),
    ],
)
def test_impossible_arguments_are_named(arguments, message):
    with pytest.raises(UserError, match=message):
        MultiHeadExternalAttention(64, **arguments)
