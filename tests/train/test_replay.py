"""Any step of a recorded run can be opened again, with the very values it had."""

import numpy as np
import pytest

import koubai
from koubai import nn, optim
from koubai.data import DataLoader, TensorDataset
from koubai.train import Callback, EarlyStopping, NonFiniteLoss, RunRecord, Trainer, replay

STEPS = [1, 2, 5, 8, 12]


def points():
    koubai.manual_seed(1)
    return koubai.randn(60, 4), koubai.arange(60) % 3


def trainer(compile, **options):
    """Everything that has state: batch norm, dropout, accumulation, clipping, a schedule, early stopping."""
    koubai.manual_seed(7)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3))
    adam = optim.Adam(model.parameters(), lr=0.02)
    return Trainer(
        model,
        nn.CrossEntropyLoss(),
        adam,
        metrics=["accuracy"],
        accumulate=2,
        clip_norm=0.5,
        lr_scheduler=optim.lr_scheduler.CosineAnnealingLR(adam, 3),
        callbacks=[EarlyStopping(patience=3)],
        compile=compile,
        **options,
    )


@pytest.fixture(scope="module", params=[False, True], ids=["eager", "compiled"])
def compile(request):
    return request.param


@pytest.fixture(scope="module")
def run(tmp_path_factory, compile):
    run = RunRecord.create(tmp_path_factory.mktemp("replayed") / "run")
    trainer(compile).fit(points(), points(), epochs=4, batch_size=10, run=run)
    return run


def opened(run, step, compile):
    made = trainer(compile, doctor=False)
    return replay(run, step, made, points(), points(), batch_size=10)


@pytest.mark.parametrize("step", STEPS)
def test_the_loss_is_the_recorded_one(run, step, compile):
    found = opened(run, step, compile)
    recorded = run.steps()["loss"][step - 1]
    assert found.recorded == recorded
    assert found.agrees
    assert found.step == step
    assert found.loss == (pytest.approx(recorded, rel=1e-5) if compile else recorded)


def test_it_is_reached_from_a_checkpoint_where_there_is_one(run, compile):
    """The seed of this process does not matter then."""
    made = trainer(compile)
    data = points()
    koubai.manual_seed(99)
    assert replay(run, 12, made, data, data, batch_size=10).agrees


def test_from_the_beginning_another_training_shows(run, compile):
    koubai.manual_seed(7)
    made = trainer(compile)
    for parameter in made.model.parameters():
        parameter.data = parameter.data + 0.5
    assert not replay(run, 2, made, points(), points(), batch_size=10).agrees


def test_every_value_is_there(run):
    found = opened(run, 5, False)
    assert [layer.path for layer in found.layers] == ["0", "1", "2", "3", "4"] * 2  # two batches in a step
    assert all(layer.output.shape == layer.gradient.shape for layer in found.layers)
    weight = found.parameters["4.weight"]
    assert weight.gradient.shape == weight.before.shape == (3, 8)
    assert not np.array_equal(weight.before, weight.after)
    assert (found.batch["inputs"].shape, found.batch["target"].shape) == ((20, 4), (20,))
    arrays = found.arrays()
    assert arrays["layer.4.4.output"].shape == (10, 3)
    assert np.array_equal(arrays["parameter.4.weight.before"], weight.before)


def test_the_loss_after_the_update_is_of_the_same_batch(tmp_path):
    def plain():
        koubai.manual_seed(3)
        model = nn.Linear(4, 3)
        return Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.1))

    run = RunRecord.create(tmp_path / "run")
    plain().fit(points(), epochs=2, batch_size=60, shuffle=False, run=run)
    found = replay(run, 1, plain(), points(), batch_size=60, shuffle=False)
    assert found.later == pytest.approx(run.steps()["loss"][1], rel=1e-5)


def test_nothing_is_written(run, compile):
    def files():
        return {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}

    before = files()
    opened(run, 8, compile)
    assert files() == before


def test_a_step_that_was_never_made_is_refused(run, compile):
    with pytest.raises(ValueError, match=r"has the steps 1 to 12, not 14"):
        opened(run, 14, compile)


def test_a_training_of_other_data_is_refused(run, compile):
    x, y = points()
    with pytest.raises(ValueError, match="samples was 60 and is now 50"):
        replay(run, 12, trainer(compile), (x[:50], y[:50]), points(), batch_size=10)


def test_the_step_that_broke_names_what_broke(tmp_path):
    class Break(Callback):
        def on_step_start(self, trainer):
            if trainer.progress.updates == 3:
                trainer.model.weight.data = trainer.model.weight.data * float("nan")

    def plain():
        koubai.manual_seed(3)
        model = nn.Linear(4, 3)
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        return Trainer(model, nn.CrossEntropyLoss(), optimizer, callbacks=[Break()], doctor=False)

    data = DataLoader(TensorDataset(*points()), batch_size=10)
    run = RunRecord.create(tmp_path / "run")
    with pytest.raises(NonFiniteLoss):
        plain().fit(data, run=run)
    assert replay(run, 3, plain(), data).agrees
    with pytest.raises(NonFiniteLoss):
        replay(run, 4, plain(), data)
