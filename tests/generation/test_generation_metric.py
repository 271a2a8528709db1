"""FID and IS against formulas and known cases, and what is missing."""

import sys

import numpy as np
import pytest
import scipy.linalg
import torch
from mmengine.registry import MODELS
from torch import nn

from mmgroupmix.errors import CheckpointError, UserError
from mmgroupmix.generation import DigitFeatures, GenerationMetric, InceptionFeatures
from mmgroupmix.generation.feature_networks import INCEPTION_FILE, read_digits
from mmgroupmix.mini_data import write_mini_digits


@MODELS.register_module()
class PixelFeatures(nn.Module):
    """A feature network of a user's own: an image of 1x1 pixels is its three features."""

    num_features = 3
    title = 'pixels'

    def forward(self, images):
        features = images.flatten(1)
        return features, 4 * features


def evaluate(metric, fakes, reals):
    for fake, real in zip(fakes.split(7), reals.split(7)):
        samples = [dict(fake_img=f, real_img=r) for f, r in zip(fake, real)]
        metric.process({}, samples)
    return metric.evaluate(len(reals))


@pytest.fixture
def metric():
    return GenerationMetric(dict(type='PixelFeatures'), reference='val')


@pytest.mark.smoke
def test_fid_and_is_equal_their_formulas(metric):
    torch.manual_seed(0)
    reals = torch.randn(40, 3, 1, 1)
    fakes = 0.5 + 2 * torch.randn(40, 3, 1, 1)
    scores = evaluate(metric, fakes, reals)
    x, y = reals.flatten(1).double().numpy(), fakes.flatten(1).double().numpy()
    a, b = np.cov(x.T), np.cov(y.T)
    root = scipy.linalg.sqrtm(a @ b).real
    distance = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a + b - 2 * root)
    assert scores['pixels/FID_40_val'] == pytest.approx(distance, rel=1e-6)
    shares = np.exp(4 * y) / np.exp(4 * y).sum(1, keepdims=True)
    divergence = (shares * np.log(shares / shares.mean(0))).sum(1)
    assert scores['pixels/IS_40'] == pytest.approx(np.exp(divergence.mean()), rel=1e-6)


@pytest.mark.smoke
def test_is_is_the_number_of_classes_for_sure_and_balanced_predictions(metric):
    fakes = 100 * torch.eye(3).repeat(4, 1)[..., None, None]
    scores = evaluate(metric, fakes, fakes)
    assert scores['pixels/IS_12'] == pytest.approx(3)
    same = 100 * torch.eye(3)[:1].repeat(12, 1)[..., None, None]
    assert evaluate(metric, same, fakes)['pixels/IS_12'] == pytest.approx(1)


@pytest.mark.smoke
def test_an_evaluation_starts_anew_and_keeps_the_real_images(metric):
    torch.manual_seed(0)
    reals, fakes = torch.randn(2, 20, 3, 1, 1)
    first = evaluate(metric, fakes, reals)
    assert evaluate(metric, reals, reals)['pixels/FID_20_val'] < 1e-3
    assert evaluate(metric, fakes, reals) == first


@pytest.mark.smoke
def test_names_say_how_many_images_were_compared_with_what():
    images = torch.randn(1000, 3, 1, 1)
    metric = GenerationMetric(dict(type='PixelFeatures'), splits=10)
    metric.dataset_meta = dict(split='train')
    assert set(evaluate(metric, images, images)) == {
        'pixels/FID_1k_train',
        'pixels/IS_1k_10_splits',
    }


@pytest.fixture(scope='module')
def digits(tmp_path_factory):
    return write_mini_digits(tmp_path_factory.mktemp('mini') / 'digits', 600, 100)


def test_digits_are_near_themselves_and_noise_is_far(digits):
    features = dict(type='mmgroupmix.DigitFeatures', data_root=str(digits))
    metric = GenerationMetric(features, reference='val')
    reals, labels = read_digits(digits / 'val')
    _, scores = metric.network(reals)
    assert (scores.argmax(1) == labels).float().mean() > 0.85
    train, _ = read_digits(digits / 'train')
    others = train[:: len(train) // len(reals)]  # of all classes
    itself, other, noise = (
        evaluate(metric, fakes, reals)['digit_classifier/FID_100_val']
        for fakes in (reals, others, 2 * torch.rand_like(reals) - 1)
    )
    assert itself < 1e-3
    assert noise > 5 * other > 0


def test_the_classifier_of_digits_is_the_same_each_time(digits):
    state = torch.get_rng_state()
    one, other = (DigitFeatures(str(digits), num_epochs=1) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    torch.testing.assert_close(one.classifier.weight, other.classifier.weight)


def test_inception_equals_that_of_torch_fidelity(tmp_path, monkeypatch):
    extractor = pytest.importorskip('torch_fidelity.feature_extractor_inceptionv3')
    kind, path = extractor.FeatureExtractorInceptionV3, tmp_path / INCEPTION_FILE
    torch.manual_seed(0)
    # Random weights in place of the download.
    monkeypatch.setattr(kind, 'load_state_dict', lambda self, weights: None)
    monkeypatch.setattr(extractor, 'load_state_dict_from_url', lambda *_, **__: {})
    theirs = kind('inception', ['2048', 'logits'])
    monkeypatch.undo()
    torch.save(theirs.state_dict(), path)
    images = torch.randint(0, 256, (1, 3, 299, 299), dtype=torch.uint8)
    with torch.no_grad():
        ours = InceptionFeatures(str(path)).eval()((images.float() - 128) / 128)
        torch.testing.assert_close(ours, theirs(images))


@pytest.mark.smoke
def test_missing_or_wrong_weights_of_inception_are_named(tmp_path):
    path = tmp_path / 'absent.pth'
    features = dict(type='mmgroupmix.InceptionFeatures', checkpoint=str(path))
    with pytest.raises(UserError) as raised:
        GenerationMetric(features)
    assert all(word in str(raised.value) for word in (str(path), INCEPTION_FILE))
    assert '\n' not in str(raised.value)


def test_another_file_than_that_of_inception_is_refused(tmp_path):
    torch.save(dict(weight=torch.zeros(2)), tmp_path / 'other.pth')
    with pytest.raises(CheckpointError, match='other.pth does not hold the weights'):
        InceptionFeatures(str(tmp_path / 'other.pth'))


@pytest.mark.smoke
@pytest.mark.parametrize('library', ['torchmetrics', 'torch_fidelity'])
def test_a_missing_library_is_named_with_its_install_line(library, monkeypatch):
    for name in list(sys.modules):
        if name.split('.')[0] == library:
            monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, library, None)
    pattern = f'needs {library.replace("_", "-")}, which is not installed: pip install'
    with pytest.raises(UserError, match=pattern):
        if library == 'torchmetrics':
            GenerationMetric(dict(type='PixelFeatures'))
        else:
            InceptionFeatures('inception.pth')
