"""Mixers with a matrix over tokens: RandomMixing and SpatialFC."""

import pytest
import torch

from mmgroupmix.errors import UserError
from mmgroupmix.models.token_mixers import RandomMixing, SpatialFC

both = pytest.mark.parametrize('mixer', [RandomMixing, SpatialFC])


def mix_token_by_token(matrix, tokens):
    """X' = W X as a sum over tokens, (N, N) and (B, N, C) to (B, N, C)."""
    rows = [sum(weight * tokens[:, n] for n, weight in enumerate(row)) for row in matrix]
    return torch.stack(rows, dim=1)


@pytest.mark.smoke
def test_random_mixing_is_its_matrix_times_the_tokens():
    mixer = RandomMixing(4, 6).double()
    tokens = torch.randn(2, 6, 4, dtype=torch.double)
    expected = mix_token_by_token(mixer.random_matrix, tokens)
    torch.testing.assert_close(mixer(tokens), expected)
    on_map = mixer(tokens.unflatten(1, (2, 3)))
    torch.testing.assert_close(on_map, expected.unflatten(1, (2, 3)))


@pytest.mark.smoke
def test_spatial_fc_is_its_weight_times_the_tokens():
    mixer = SpatialFC(4, 6).double()
    tokens = torch.randn(2, 6, 4, dtype=torch.double)
    expected = mix_token_by_token(mixer.fc.weight.detach(), tokens)
    torch.testing.assert_close(mixer(tokens).detach(), expected)
    on_map = mixer(tokens.unflatten(1, (2, 3))).detach()
    torch.testing.assert_close(on_map, expected.unflatten(1, (2, 3)))


@pytest.mark.smoke
def test_spatial_fc_has_one_weight_for_all_channels_and_no_bias():
    weights = SpatialFC(4, 6).state_dict()
    assert {key: tuple(value.shape) for key, value in weights.items()} == {
        'fc.weight': (6, 6)
    }


@pytest.mark.smoke
def test_rows_of_the_random_matrix_are_means():
    matrix = RandomMixing(4, 35).random_matrix
    torch.testing.assert_close(matrix.sum(dim=1), torch.ones(35))
    # The softmax of numbers from 0 to 1: no entry is e times another of its row.
    assert (matrix.amax(dim=1) / matrix.amin(dim=1)).max() <= 2.7183
    assert (matrix.amax(dim=1) / matrix.amin(dim=1)).min() > 1


@pytest.mark.smoke
def test_the_random_matrix_is_saved_and_not_trained():
    mixer = RandomMixing(4, 6)
    assert list(mixer.state_dict()) == ['random_matrix']
    assert not list(mixer.parameters())
    assert not mixer.random_matrix.requires_grad


@pytest.mark.smoke
def test_a_checkpoint_brings_its_random_matrix():
    saved, mixer = RandomMixing(4, 6), RandomMixing(4, 6)
    tokens = torch.randn(1, 2, 3, 4)
    assert not torch.allclose(mixer(tokens), saved(tokens))
    mixer.load_state_dict(saved.state_dict())
    assert torch.equal(mixer.random_matrix, saved.random_matrix)
    torch.testing.assert_close(mixer(tokens), saved(tokens))


@pytest.mark.smoke
@both
def test_a_map_of_another_size_is_explained(mixer):
    with pytest.raises(UserError) as error:
        mixer(4, 49)(torch.randn(1, 5, 9, 4))
    message = str(error.value)
    for part in (mixer.__name__, 'num_tokens=49', '5 x 9', 'num_tokens=45', 'Pooling'):
        assert part in message


@pytest.mark.smoke
@both
def test_a_sequence_of_another_length_is_explained(mixer):
    with pytest.raises(UserError, match=rf'{mixer.__name__}: .*got 50 tokens'):
        mixer(4, 49)(torch.randn(1, 50, 4))


@pytest.mark.smoke
@both
@pytest.mark.parametrize('num_tokens', [0, -1, 4.5, (7, 7)])
def test_an_impossible_number_of_tokens_is_refused(mixer, num_tokens):
    with pytest.raises(UserError, match=f'{mixer.__name__}: num_tokens='):
        mixer(4, num_tokens)


@pytest.mark.smoke
@both
def test_another_runtime_error_is_not_taken_for_a_wrong_number(mixer):
    with pytest.raises(RuntimeError, match='dtype|scalar type'):
        mixer(4, 6)(torch.randn(1, 6, 4, dtype=torch.double))
