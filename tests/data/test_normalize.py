"""Scaling: fitted on one part, applied to all, undone, kept as JSON."""

import json

import numpy as np
import pytest

import koubai
from koubai.data import MinMaxScale, Scaler, Standardize, scaler_from_state

RNG = np.random.default_rng(0)
TABLE = RNG.normal(5, [1, 100, 0.01], (40, 3))
IMAGES = RNG.uniform(0, 255, (10, 3, 4, 5)).astype(np.float32)


def test_a_table_gets_mean_0_and_standard_deviation_1_per_column():
    scaled = Standardize().fit_transform(TABLE)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(scaled.std(axis=0), 1)


def test_images_are_scaled_per_channel():
    scaler = Standardize().fit(IMAGES)
    assert scaler.offset.shape == (1, 3, 1, 1)
    scaled = scaler.transform(IMAGES)
    np.testing.assert_allclose(scaled.mean(axis=(0, 2, 3)), 0, atol=1e-5)
    assert scaler.transform(IMAGES[:2, :, :2, :2]).shape == (2, 3, 2, 2)


@pytest.mark.parametrize(
    ("axis", "shape"),
    [(1, (1, 3, 1, 1)), (-1, (1, 1, 1, 5)), ((1, 2, 3), (1, 3, 4, 5)), (None, (1, 1, 1, 1))],
)
def test_the_axis_says_what_has_numbers_of_its_own(axis, shape):
    assert Standardize(axis=axis).fit(IMAGES).scale.shape == shape


def test_the_test_part_is_scaled_by_the_training_parts_numbers():
    scaler = Standardize().fit(TABLE)
    np.testing.assert_allclose(
        scaler.transform(TABLE[:5] + 1), (TABLE[:5] + 1 - TABLE.mean(0)) / TABLE.std(0)
    )


def test_min_and_max_become_the_ends_of_the_range():
    scaled = MinMaxScale(-1, 1).fit_transform(TABLE)
    np.testing.assert_allclose(scaled.min(axis=0), -1)
    np.testing.assert_allclose(scaled.max(axis=0), 1)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e8, -3.7])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_column_becomes_constant_and_nothing_is_divided_by_zero(value, dtype):
    x = np.full((7, 2), value, dtype)
    np.testing.assert_array_equal(Standardize().fit_transform(x), 0)
    np.testing.assert_allclose(MinMaxScale(2, 3).fit_transform(x), 2, rtol=1e-6)


@pytest.mark.parametrize("scaler", [Standardize(), MinMaxScale(), MinMaxScale(-2, 5), Standardize(axis=None)])
def test_scaling_can_be_undone(scaler):
    np.testing.assert_allclose(scaler.inverse_transform(scaler.fit_transform(TABLE)), TABLE)


def test_tensors_stay_tensors_and_keep_their_dtype():
    x = koubai.tensor(TABLE.astype(np.float32))
    scaled = Standardize().fit_transform(x)
    assert isinstance(scaled, koubai.Tensor)
    assert scaled.dtype == np.float32
    assert Standardize().fit_transform(TABLE).dtype == np.float64
    assert Standardize().fit_transform(np.arange(6).reshape(3, 2)).dtype == np.float32


@pytest.mark.parametrize("scaler", [Standardize(axis=(1, 2)), MinMaxScale(-1, 1), Standardize(axis=None)])
def test_a_state_survives_json(scaler):
    x = IMAGES[:, 0]
    scaler.fit(x)
    again = scaler_from_state(json.loads(json.dumps(scaler.state_dict())))
    assert type(again) is type(scaler)
    np.testing.assert_array_equal(again.transform(x), scaler.transform(x))
    np.testing.assert_array_equal(again.fit(x).scale, scaler.scale)


def test_strange_states_are_refused():
    with pytest.raises(ValueError, match="not the state of a scaler"):
        scaler_from_state({"mean": [1]})
    with pytest.raises(ValueError, match="not the state of MinMaxScale"):
        MinMaxScale().load_state_dict(Standardize().fit(TABLE).state_dict())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused_with_their_column(bad):
    x = TABLE.copy()
    x[3, 1] = bad
    with pytest.raises(ValueError, match=r"1 of 120 values are NaN or infinite, at \[1\] of axis 1"):
        Standardize().fit(x)


def test_mistakes_are_explained():
    with pytest.raises(RuntimeError, match="call fit"):
        Standardize().transform(TABLE)
    with pytest.raises(ValueError, match="nothing to fit"):
        Standardize().fit(np.empty((0, 3)))
    with pytest.raises(ValueError, match=r"fitted for shape \[1, 3\]"):
        Standardize().fit(TABLE).transform(TABLE[:, :2])
    with pytest.raises(ValueError, match="axis 0 counts the samples"):
        Standardize(axis=0).fit(TABLE)
    with pytest.raises(ValueError, match="low has to be below high"):
        MinMaxScale(1, 1)
    with pytest.raises(NotImplementedError, match="measure"):
        Scaler().fit(TABLE)
