"""The learning-rate finder and the debug aids: useful answers, and no trace of the question."""

import math

import numpy as np
import pytest

import koubai
from koubai import nn, optim
from koubai.data import DataLoader, TensorDataset
from koubai.train import compare_learning_rates, lr_find, overfit_batches
from koubai.tree import copied, split


@pytest.fixture
def setting(make, blobs):
    """A model with batch norm and dropout, an optimizer with some history, and a loader in mid-epoch."""
    model = make.model(dropout=0.3)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    loader = DataLoader(TensorDataset(*blobs), batch_size=16, shuffle=True)
    make.trainer(model, lambda _: optimizer, compile=False).fit(loader)  # which leaves gradients
    next(iter(loader))
    return model, nn.CrossEntropyLoss(), optimizer, loader


def bits(model, optimizer, loader):
    outline, arrays = split(
        [model.state_dict(), optimizer.state_dict(), loader.state_dict(), koubai.get_rng_state()]
    )
    return repr(outline), {name: array.tobytes() for name, array in arrays.items()}


def test_it_is_reachable_where_optimizers_are():
    assert optim.lr_find is lr_find
    with pytest.raises(AttributeError, match=r"koubai\.optim.* has no attribute 'lr_fnd'"):
        optim.lr_fnd  # noqa: B018


@pytest.mark.parametrize("probe", [lr_find, overfit_batches, compare_learning_rates])
@pytest.mark.parametrize("broken", [False, True])
def test_everything_is_as_before_to_the_bit(setting, probe, broken):
    model, loss, optimizer, loader = setting
    gradients = [copied(parameter.grad) for parameter in model.parameters()]
    model.eval()
    before = bits(model, optimizer, loader)
    if broken:
        with pytest.raises(ValueError, match="one number"):
            probe(model, nn.CrossEntropyLoss(reduction="none"), optimizer, loader, steps=5)
    else:
        probe(model, loss, optimizer, loader, steps=20)
    assert bits(model, optimizer, loader) == before
    assert not any(layer.training for layer in model.modules())
    for parameter, gradient in zip(model.parameters(), gradients):
        assert parameter.grad.tolist() == gradient.tolist()


def test_the_suggested_rate_lies_where_the_loss_falls(make, blobs):
    model = make.model()
    found = lr_find(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.1), blobs)
    assert 1e-3 < found.suggestion < 5
    assert len(found.lrs) == len(found.losses)
    assert found.lrs == sorted(found.lrs)
    assert found.lrs[0] == pytest.approx(1e-6)


def test_it_ends_where_the_loss_explodes(line):
    model = nn.Linear(1, 1)
    found = lr_find(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1), line, max_lr=1e6)
    assert found.lrs[-1] < 1e3
    assert math.isfinite(found.losses[-1])


def test_nothing_is_suggested_where_nothing_falls(line):
    model = nn.Linear(1, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.1, maximize=True)
    found = lr_find(model, nn.MSELoss(), optimizer, (line[0], line[1]), batch_size="full")
    assert found.suggestion is None


def test_groups_keep_the_ratio_of_their_rates(line):
    model = nn.Linear(1, 1)
    groups = [{"params": [model.weight], "lr": 0.1}, {"params": [model.bias], "lr": 0.01}]
    seen = []

    class Watched(optim.SGD):
        def step(self, closure=None):
            seen.append([group["lr"] for group in self.param_groups])
            return super().step(closure)

    lr_find(model, nn.MSELoss(), Watched(groups), line, steps=10)
    np.testing.assert_allclose([first / second for first, second in seen], 10)


def test_rates_that_make_no_sense_are_refused(make, blobs):
    model = make.model()
    with pytest.raises(ValueError, match="0 < min_lr < max_lr"):
        lr_find(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters()), blobs, min_lr=1.0, max_lr=0.1)


def test_a_sound_model_learns_a_few_samples_by_heart(make, blobs):
    model = make.model()
    noise = blobs[0], koubai.randint(0, 3, (90,))
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    assert overfit_batches(model, nn.CrossEntropyLoss(), optimizer, noise, batch_size=6).passed


def test_a_model_whose_inputs_do_not_reach_it_does_not(make, blobs):
    model = make.model()
    blind = blobs[0] * 0, blobs[1]
    result = overfit_batches(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=0.05), blind)
    assert not result.passed
    assert len(result.losses) == 200


def test_ten_times_smaller_and_larger_rates_start_alike_and_end_apart(make, blobs):
    model = make.model(dropout=0.3)
    optimizer = optim.SGD(model.parameters(), lr=0.05)
    runs = compare_learning_rates(model, nn.CrossEntropyLoss(), optimizer, blobs, factors=(0.1, 1, 10, 1e30))
    assert list(runs) == [0.1, 1, 10, 1e30]
    assert len({losses[0] for losses in runs.values()}) == 1
    assert len({losses[-1] for losses in runs.values()}) == 4
    assert len(runs[1e30]) < 50
