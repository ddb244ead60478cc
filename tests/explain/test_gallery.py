"""The gallery: curves and gradients are the engine's, and deep nets behave as everybody says they do."""

import numpy as np
import pytest

import koubai
from koubai import nn
from koubai.explain.gallery import GALLERY, INITS, Fate, Setting, curve, measure, settings


@pytest.mark.parametrize("name", list(GALLERY))
def test_derivatives_are_right_where_there_is_one(name):
    drawn = curve(name, points=200)  # no point on a corner
    numerical = np.gradient(drawn.y, drawn.x)
    smooth = np.abs(np.diff(drawn.slope, prepend=drawn.slope[0], append=drawn.slope[-1]))
    calm = np.maximum(smooth[1:], smooth[:-1]) < 0.1
    assert drawn.slope[calm][1:-1] == pytest.approx(numerical[calm][1:-1], abs=0.06)
    assert calm.mean() > 0.9


def test_every_activation_of_one_number_is_shown():
    shown = {type(make()) for make in GALLERY.values()}
    several = {
        "GLU",
        "Softmax",
        "LogSoftmax",
        "Softmin",
        "Softmax2d",
        "Swish",
    }  # not number by number, or a second name
    assert {getattr(nn, name) for name in nn.activation.__all__ if name not in several} == shown


@pytest.mark.parametrize(
    ("setting", "fate"),
    [
        (Setting("sigmoid", "xavier"), Fate.VANISHES),
        (Setting("sigmoid", "xavier", norm="batch"), Fate.STAYS),
        (Setting("tanh", "xavier"), Fate.STAYS),
        (Setting("relu", "he"), Fate.STAYS),
        (Setting("relu", "small"), Fate.VANISHES),
        (Setting("relu", "small", residual=True), Fate.STAYS),
        (Setting("relu", "large"), Fate.EXPLODES),
        (Setting("relu", "large", norm="layer"), Fate.STAYS),
        (Setting("selu", "lecun"), Fate.STAYS),
        (Setting("softshrink", "small"), Fate.VANISHES),
    ],
    ids=str,
)
def test_gradients_vanish_stay_or_explode(setting, fate):
    assert measure(setting, seeds=2).fate is fate


def test_gradients_are_those_of_the_network():
    flow = measure(Setting("tanh", "orthogonal"), depth=4, width=5, samples=6, seeds=1)
    koubai.manual_seed(0)
    weights = []
    for _layer in range(4):
        layer = nn.Linear(5, 5)
        weights.append(nn.init.orthogonal_(layer.weight).detach().numpy().astype(np.float64))
    koubai.manual_seed(0)
    h, arriving = (koubai.randn(6, 5, dtype=koubai.float64).numpy() for _part in range(2))
    outputs = []
    for weight in weights:
        h = np.tanh(h @ weight.T)
        outputs.append(h)
    gradients = [arriving]
    for weight, output in zip(weights[:0:-1], outputs[:0:-1]):
        gradients.insert(0, (gradients[0] * (1 - output**2)) @ weight)
    sizes = [np.sqrt((g**2).mean()) for g in gradients]
    assert flow.gradients[0] == pytest.approx(sizes, rel=1e-10)
    assert flow.signals[0] == pytest.approx([np.sqrt((o**2).mean()) for o in outputs], rel=1e-10)


def test_measuring_disturbs_nothing_and_repeats():
    koubai.manual_seed(7)
    expected = koubai.rand(3).tolist()
    koubai.manual_seed(7)
    flows = [measure(Setting("rrelu"), depth=3, width=4, seeds=2) for _time in range(2)]
    assert koubai.rand(3).tolist() == expected
    assert (flows[0].gradients == flows[1].gradients).all()
    assert flows[0].gradients.shape == (2, 3)
    assert (flows[0].gradients[0] != flows[0].gradients[1]).any()


def test_all_settings():
    assert len(list(settings())) == len(GALLERY) * len(INITS)
    assert len(set(settings(["relu"], ["he"], (False, True), ("none", "batch", "layer")))) == 6


@pytest.mark.parametrize(
    "mistake",
    [
        lambda: curve("reluu"),
        lambda: measure(Setting("reluu")),
        lambda: measure(Setting("relu", "hee")),
        lambda: measure(Setting("relu"), depth=0),
        lambda: measure(Setting("relu", norm="batch"), samples=1),
    ],
)
def test_mistakes_are_refused(mistake):
    with pytest.raises(ValueError):
        mistake()
