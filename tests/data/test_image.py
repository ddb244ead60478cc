"""Augmentation of images: what each transform does to the pixels, and that its generator decides it."""

import numpy as np
import pytest

import koubai
from koubai.data import (
    Compose,
    Cutout,
    DataLoader,
    Mixup,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
    RandomRotation,
    RandomShift,
    RandomVerticalFlip,
    TensorDataset,
    Transform,
    mixup,
)

IMAGES = np.random.default_rng(0).uniform(0.1, 1, (6, 2, 5, 7)).astype(np.float32)
ALL = [
    RandomHorizontalFlip(),
    RandomVerticalFlip(),
    RandomRotation(30),
    RandomCrop((4, 3), padding=1),
    RandomShift(2),
    Cutout(3),
    RandomErasing(),
    Compose([RandomHorizontalFlip(), RandomShift((1, 0)), Cutout(2)]),
]


def seeded(seed: int = 0) -> koubai.Generator:
    return koubai.Generator().manual_seed(seed)


@pytest.mark.parametrize("transform", ALL, ids=repr)
def test_the_generator_decides_and_the_originals_stay(transform):
    before = IMAGES.copy()
    once, again = transform(IMAGES, seeded()), transform(IMAGES, seeded())
    np.testing.assert_array_equal(once, again)
    np.testing.assert_array_equal(IMAGES, before)
    assert any((transform(IMAGES, seeded(seed)) != once).any() for seed in range(1, 4))


@pytest.mark.parametrize("transform", ALL, ids=repr)
def test_tensors_arrays_single_images_and_batches_are_treated_alike(transform):
    expected = transform(IMAGES, seeded())
    tensor = transform(koubai.tensor(IMAGES), seeded())
    assert isinstance(tensor, koubai.Tensor)
    np.testing.assert_array_equal(tensor.numpy(), expected)
    images, labels = transform([IMAGES, "labels"], seeded())
    np.testing.assert_array_equal(images, expected)
    assert labels == "labels"
    one = transform(IMAGES[0], seeded())
    np.testing.assert_array_equal(one, transform(IMAGES[:1], seeded())[0])


@pytest.mark.parametrize("transform", ALL, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_the_dtype_stays(transform, dtype):
    assert transform((IMAGES * 200).astype(dtype), seeded()).dtype == dtype


@pytest.mark.parametrize(("transform", "axis"), [(RandomHorizontalFlip, 3), (RandomVerticalFlip, 2)])
def test_flips_mirror_about_half_of_the_images(transform, axis):
    np.testing.assert_array_equal(transform(p=1)(IMAGES), np.flip(IMAGES, axis))
    np.testing.assert_array_equal(transform(p=0)(IMAGES), IMAGES)
    many = np.arange(2000.0).reshape(1000, 1, 1, 2) if axis == 3 else np.arange(2000.0).reshape(1000, 1, 2, 1)
    flipped = transform()(many, seeded())
    assert (flipped != many).any(axis=(1, 2, 3)).mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_quarter_turns_are_exact_and_anticlockwise(turns):
    square = IMAGES[..., :5].astype(np.float64)
    turned = RandomRotation((90 * turns, 90 * turns))(square)
    np.testing.assert_allclose(turned, np.rot90(square, turns, axes=(2, 3)), atol=1e-12)


@pytest.mark.parametrize("angle", [-40, 10, 77])
def test_rotation_interpolates_bilinearly(angle):
    ndimage = pytest.importorskip("scipy.ndimage")
    image = IMAGES.astype(np.float64)
    expected = ndimage.rotate(
        image, angle, axes=(3, 2), reshape=False, order=1, mode="grid-constant", cval=0.5
    )
    turned = RandomRotation((angle, angle), fill=0.5)(image)
    np.testing.assert_allclose(turned, expected, atol=1e-9)


def test_every_image_of_a_batch_has_its_own_chance():
    same = np.repeat(IMAGES[:1], 6, axis=0)
    for transform in (RandomRotation(30), RandomCrop(3), RandomShift(2), Cutout(2), RandomErasing(p=1)):
        changed = transform(same, seeded())
        assert any((changed[0] != other).any() for other in changed[1:]), transform


def test_a_crop_is_a_window_of_the_padded_image():
    padded = np.pad(IMAGES, ((0, 0), (0, 0), (1, 1), (2, 2)), constant_values=9)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (4, 6), axis=(2, 3))
    cropped = RandomCrop((4, 6), padding=(1, 2), fill=9)(IMAGES, seeded())
    assert cropped.shape == (6, 2, 4, 6)
    for window, crop in zip(windows, cropped):
        candidates = window.transpose(1, 2, 0, 3, 4).reshape(-1, 2, 4, 6)
        assert (candidates == crop).all(axis=(1, 2, 3)).sum() == 1


def test_crops_come_from_everywhere():
    ramp = np.tile(np.arange(5.0), (500, 1, 1, 1))
    starts = RandomCrop((1, 2))(ramp, seeded())[:, 0, 0, 0]
    assert sorted(set(starts)) == [0, 1, 2, 3]


def test_a_window_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"window of \(8, 8\) does not fit"):
        RandomCrop(8, padding=1)(IMAGES)


def test_a_shift_moves_by_whole_pixels():
    impulse = np.zeros((200, 1, 5, 5))
    impulse[:, 0, 2, 2] = 1
    moved = RandomShift((1, 2))(impulse, seeded())
    rows, columns = np.nonzero(moved.sum(axis=(0, 1)))
    assert set(rows) == {1, 2, 3}
    assert set(columns) == {0, 1, 2, 3, 4}
    assert (moved.sum(axis=(1, 2, 3)) == 1).all()


def test_cutout_blanks_a_square_that_may_stick_out():
    holes = Cutout(3, fill=-1)(np.ones((300, 2, 5, 7)), seeded()) == -1
    np.testing.assert_array_equal(holes[:, 0], holes[:, 1])
    sizes = holes[:, 0].sum(axis=(1, 2))
    assert sizes.max() == 9
    assert sizes.min() == 4
    assert (Cutout(3, p=0)(IMAGES) == IMAGES).all()


def test_erasing_blanks_a_rectangle_of_the_asked_size():
    erase = RandomErasing(p=1, scale=(0.1, 0.3), ratio=(0.5, 2), value=-1)
    for hole in erase(np.ones((100, 1, 20, 20)), seeded())[:, 0] == -1:
        rows, columns = hole.any(axis=1).sum(), hole.any(axis=0).sum()
        assert hole.sum() == rows * columns
        assert 0.08 * 400 <= hole.sum() <= 0.33 * 400
        assert 0.4 <= rows / columns <= 2.5


def test_erasing_never_leaves_the_image():
    assert RandomErasing(p=1, scale=(1, 1), ratio=(9, 10))(np.ones((4, 1, 3, 9)), seeded()).shape == (
        4,
        1,
        3,
        9,
    )


@pytest.mark.parametrize("shape", [(5, 7), (2, 3, 4, 5, 6)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="RandomShift: images are"):
        RandomShift(1)(np.zeros(shape))


def test_a_probability_lies_between_0_and_1():
    with pytest.raises(ValueError, match="probability"):
        RandomHorizontalFlip(p=1.5)


def test_a_transform_without_a_change_says_so():
    with pytest.raises(NotImplementedError, match="change"):
        Transform()(IMAGES)


def test_transforms_say_what_they_are():
    assert repr(Compose([RandomShift(2)])) == "Compose([RandomShift(pixels=(2, 2), fill=0.0)])"


def test_a_loader_augments_its_inputs():
    data = TensorDataset(IMAGES, np.arange(6))
    loader = DataLoader(data, batch_size=6, augment=RandomHorizontalFlip(p=1))
    images, labels = next(iter(loader))
    np.testing.assert_array_equal(images.numpy(), IMAGES[..., ::-1])
    assert labels.tolist() == list(range(6))


def test_mixup_blends_samples_and_targets_by_the_same_share():
    inputs, classes = np.eye(4), np.arange(4)
    mixed, targets = mixup(inputs, classes, alpha=1.0, num_classes=4, generator=seeded())
    np.testing.assert_allclose(mixed, targets)
    np.testing.assert_allclose(targets.sum(axis=1), 1)
    assert not np.allclose(mixed, inputs)


def test_mixup_takes_tensors_soft_targets_and_regression():
    x, y = koubai.tensor(IMAGES), koubai.tensor(np.ones((6, 1), np.float32))
    mixed, targets = mixup(x, y, generator=seeded())
    assert mixed.shape == x.shape
    assert mixed.dtype == np.float32
    np.testing.assert_allclose(targets.numpy(), 1, rtol=1e-6)


@pytest.mark.parametrize("alpha", [1e-4, 0.1, 0.4, 1.0, 3.0])
def test_the_share_follows_the_beta_distribution(alpha):
    generator = seeded(1)
    one_hot = np.eye(8)  # a mixed row holds its share where the sample itself is 1
    draws = np.array([np.diag(mixup(one_hot, one_hot, alpha, None, generator)[0]).min() for _ in range(400)])
    assert draws.min() >= 0
    assert draws.max() <= 1
    assert draws.mean() == pytest.approx(0.5, abs=0.06)
    assert draws.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.2)


def test_mixup_is_an_augmentation_of_a_loader():
    data = TensorDataset(IMAGES, np.arange(6))
    _, targets = next(iter(DataLoader(data, batch_size=6, augment=Mixup(0.4, num_classes=6))))
    assert targets.shape == (6, 6)


@pytest.mark.parametrize(
    ("targets", "options", "message"),
    [
        (np.arange(6), {}, "need shape"),
        (np.arange(6), {"num_classes": 5}, "do not fit 5 classes"),
        (np.arange(5), {"num_classes": 6}, "6 inputs but 5 targets"),
        (np.arange(6), {"alpha": 0, "num_classes": 6}, "above 0"),
    ],
)
def test_mixup_explains_mistakes(targets, options, message):
    with pytest.raises(ValueError, match=message):
        mixup(IMAGES, targets, **options)
