"""The doctor at a loop that is written by hand: it sees what there is to see, and nobody notices."""

import copy
import gc
import logging
import random
import subprocess
import sys
import warnings
import weakref
from types import SimpleNamespace

import numpy as np
import pytest

import koubai
from koubai.doctor import attach
from tests.doctor.conftest import Loop, same


def random_numbers(f):
    return [f.module.rand(3).numpy().tolist(), random.random(), np.random.random()]  # noqa: NPY002


def unwatched(framework):
    """Return the class of tensors and its method, once those who watched earlier are gone."""
    gc.collect()
    kind = type(framework.module.tensor([1.0]))
    return kind, kind.backward


# --- nobody notices ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
def test_changes_no_bit_of_the_training(framework, optimizer):
    plain = Loop(framework, optimizer=optimizer).run()
    watched = Loop(framework, optimizer=optimizer)
    with attach(watched.model, watched.optimizer, watched.loss, every=3) as watch:
        watched.run(between=lambda step: watch.consult() if step == 20 else None)
    assert len(watch.history.signs) > 5
    assert watched.losses == plain.losses
    assert same(watched.state(), plain.state())


def test_a_consultation_leaves_everything_as_it_was(framework):
    loop = Loop(framework)
    watch = attach(loop.model, loop.optimizer, loop.loss, (loop.x, loop.y))
    loop.run(epochs=2)
    watch.history.losses.extend([100.0] * 50)  # looks bad: so it tries all it can
    loop.model[3].eval()
    before, modes = loop.state(), [m.training for m in loop.model.modules()]
    gradients = [p.grad for p in loop.model.parameters()]
    buffers = list(loop.model.buffers())

    def numbers_after(act):
        framework.module.manual_seed(1), random.seed(1), np.random.seed(1)  # noqa: NPY002
        act()
        return random_numbers(framework)

    assert numbers_after(watch.consult) == numbers_after(lambda: None)
    assert same(loop.state(), before)
    assert [m.training for m in loop.model.modules()] == modes
    assert all(p.grad is g for p, g in zip(loop.model.parameters(), gradients))
    assert all(now is then for now, then in zip(loop.model.buffers(), buffers))


def test_may_be_asked_between_forward_and_backward_and_without_gradients(framework):
    loop = Loop(framework)
    watch = attach(loop.model, loop.optimizer, loop.loss, (loop.x, loop.y))
    loop.run(epochs=1)
    loop.model.eval()  # batch norm keeps its running statistics for backward
    loss = loop.loss(loop.model(loop.x), loop.y)
    watch.history.losses.extend([100.0] * 50)
    with framework.module.no_grad():
        found = watch.consult()
    assert found
    loss.backward()
    assert all(p.grad is not None for p in loop.model.parameters())


def test_detach_undoes_every_hook_in_any_order(framework):
    kind, original = unwatched(framework)
    loop, other = Loop(framework), Loop(framework)
    watches = [
        attach(loop.model, loop.optimizer, loop.loss),
        attach(other.model, other.optimizer, other.loss),
        attach(loop.model, loop.optimizer),
    ]
    assert kind.backward is not original
    loop.run(epochs=1)
    for watch in watches:
        watch.detach()
        watch.detach()
    assert kind.backward is original
    steps = [len(watch.history.losses) for watch in watches]
    loop.run(epochs=1)
    assert [len(watch.history.losses) for watch in watches] == steps == [5, 0, 5]


def test_an_exception_in_the_loop_leaves_nothing_behind(framework):
    kind, original = unwatched(framework)
    loop = Loop(framework)

    def fail(step):
        if step == 7:
            raise RuntimeError("the loop's own fault")

    with (
        pytest.raises(RuntimeError, match="own fault"),
        attach(loop.model, loop.optimizer, loop.loss) as watch,
    ):
        loop.run(between=fail)
    assert kind.backward is original
    assert isinstance(watch.history.error, RuntimeError)
    assert watch.history.ended
    loop.run(epochs=1)
    assert watch.history.steps == 7


def test_an_exception_within_the_model_leaves_nothing_behind(framework):
    loop = Loop(framework)
    with pytest.raises(Exception), attach(loop.model, loop.optimizer, loop.loss) as watch:  # noqa: B017
        loop.model(loop.x[:, :3])
    loop.run(epochs=1)
    assert watch.history.steps == 0
    assert not watch.history.signs


def test_is_gone_with_its_model(framework):
    kind, original = unwatched(framework)
    loop = Loop(framework)
    watch = attach(loop.model, loop.optimizer, loop.loss)
    loop.run(epochs=1)
    del watch, loop
    gc.collect()
    assert kind.backward is original


def test_keeps_no_batch_longer_than_a_step(framework):
    loop = Loop(framework)
    attach(loop.model, loop.optimizer, loop.loss, (loop.x, loop.y), every=1)
    batch = loop.x.clone()
    gone = weakref.ref(batch)
    loop.step(batch, loop.y)
    loop.step(loop.x, loop.y)
    del batch
    gc.collect()
    assert gone() is None


def test_a_copy_of_the_model_is_not_watched(framework):
    loop = Loop(framework)
    watch = attach(loop.model, loop.optimizer, loop.loss)
    loop.run(epochs=1)
    twin = copy.deepcopy(loop.model).train()
    before = watch.history.evaluated_in_training_mode
    with framework.module.no_grad():
        twin(loop.x)
    assert watch.history.evaluated_in_training_mode == before
    assert watch.history.steps == 5


def test_its_own_mistakes_end_no_training(framework, caplog):
    loop = Loop(framework)
    watch = attach(loop.model, loop.optimizer, loop.loss)
    watch.history.losses = None  # nothing can be noted any more
    with caplog.at_level(logging.WARNING, "koubai.doctor"):
        loop.run(epochs=1)
    assert len(loop.losses) == 5
    assert "does not understand this training" in caplog.text


def test_koubai_does_not_import_torch():
    code = "import sys, koubai, koubai.doctor; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_refuses_what_is_no_model():
    with pytest.raises(TypeError, match="modules of Koubai or PyTorch"):
        attach(object(), None)


# --- what it sees -----------------------------------------------------------------------------------------------------


def test_notes_the_loss_of_each_step_and_the_size_of_the_batch(framework):
    loop = Loop(framework)
    watch = attach(loop.model, loop.optimizer)
    loop.run(epochs=2)
    assert list(watch.history.losses) == loop.losses
    assert watch.history.batch_size == 32


def test_collects_samples_with_their_targets_from_the_loop(framework):
    loop = Loop(framework)
    watch = attach(loop.model, loop.optimizer, loop.loss)
    loop.run(epochs=3)
    sample = watch._sample()
    np.testing.assert_array_equal(sample.inputs[0][:160].numpy(), loop.x.numpy())
    np.testing.assert_array_equal(sample.target[:160].numpy(), loop.y.numpy())


def test_hears_of_a_function_that_is_handed_to_it(framework):
    loop = Loop(framework)
    watch = attach(loop.model, loop.optimizer)
    loop.loss = watch.loss(framework.nn.functional.cross_entropy)
    loop.run(epochs=3)
    np.testing.assert_array_equal(watch._sample().target[:160].numpy(), loop.y.numpy())
    assert np.isfinite([signs.later for signs in watch.history.signs]).all()


def test_finds_out_that_outputs_are_reshaped_for_the_loss(framework):
    loop = Loop(framework)
    loop.model = framework.nn.Sequential(framework.nn.Linear(8, 1))
    loop.optimizer = framework.optim.SGD(loop.model.parameters(), lr=0.1)
    mse = framework.nn.MSELoss()
    loop.y = loop.x[:, 0] * 2
    loop.loss = lambda output, target: mse(output.squeeze(1), target)
    with attach(loop.model, loop.optimizer, mse) as watch:
        loop.run(epochs=40)
    assert loop.losses[-1] < 1e-3
    assert not watch.findings  # (N, 1) against (N,) would be one, if it were so
    assert np.isfinite([signs.later for signs in watch.history.signs]).all()


def test_models_with_named_inputs_and_several_outputs(framework):
    nn = framework.nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(8, 2)

        def forward(self, *, x):
            return {"scores": self.layer(x)}

    loop = Loop(framework)
    net = Net()
    optimizer = framework.optim.SGD(net.parameters(), lr=0.1)
    watch = attach(net, optimizer, loop.loss)
    for x, y in loop.batches() * 3:
        optimizer.zero_grad()
        loop.loss(net(x=x)["scores"], y).backward()
        optimizer.step()
    assert np.isfinite([signs.later for signs in watch.history.signs]).all()
    assert len(watch._sample()) == 480
    watch.consult()


def test_accumulated_gradients_are_no_forgotten_ones(framework):
    loop = Loop(framework)
    watch = attach(loop.model, loop.optimizer, loop.loss, every=1)
    for _ in range(6):
        loop.optimizer.zero_grad()
        for x, y in loop.batches()[:4]:
            (loop.loss(loop.model(x), y) / 4).backward()
        loop.optimizer.step()
    assert watch.history.same_gradient == 0
    assert watch.history.batch_size == 128
    assert np.isfinite([signs.later for signs in watch.history.signs]).all()


@pytest.mark.parametrize("to_none", [True, False])
def test_cleared_gradients_are_no_forgotten_ones(framework, to_none):
    loop = Loop(framework)
    watch = attach(loop.model, loop.optimizer, loop.loss)
    for x, y in loop.batches() * 2:
        loop.optimizer.zero_grad(set_to_none=to_none)
        loop.loss(loop.model(x), y).backward()
        loop.optimizer.step()
    assert watch.history.same_gradient == 0


def test_forgotten_gradients_are_counted(framework):
    loop = Loop(framework)
    loop.optimizer.zero_grad = lambda: None
    watch = attach(loop.model, loop.optimizer, loop.loss)
    loop.run(epochs=2)
    assert watch.history.same_gradient == 9  # all but the first


def test_an_optimizer_that_looks_along_a_line(framework):
    loop = Loop(framework, layers=lambda nn: [nn.Linear(8, 16), nn.Tanh()])
    optimizer = framework.optim.LBFGS(loop.model.parameters(), lr=0.5, max_iter=4)
    watch = attach(loop.model, optimizer, loop.loss, every=1)
    first = []

    def closure():
        optimizer.zero_grad()
        loss = loop.loss(loop.model(loop.x), loop.y)
        loss.backward()
        return loss

    for _ in range(5):
        first.append(float(optimizer.step(closure).detach()))
    assert list(watch.history.losses) == pytest.approx(first)
    assert watch.history.same_gradient == 0
    assert watch.history.batch_size == 160
    assert all(signs.later < signs.loss for signs in watch.history.signs)
    assert all(signs.along < 0 for signs in watch.history.signs)
    watch.history.losses.extend([100.0] * 50)
    watch.consult()


def test_an_added_penalty_is_part_of_the_loss(framework):
    loop = Loop(framework)
    watch = attach(loop.model, loop.optimizer, loop.loss, every=1)
    totals = []
    for x, y in loop.batches():
        loop.optimizer.zero_grad()
        loss = loop.loss(loop.model(x), y) + 0.1 * loop.model[0].weight.abs().sum()
        loss.backward()
        loop.optimizer.step()
        totals.append(float(loss.detach()))
    assert list(watch.history.losses) == totals
    assert np.isnan(
        [signs.later for signs in watch.history.signs]
    ).all()  # nobody knows how to compute it again


def test_another_models_loss_is_not_taken_for_its_own(framework):
    loop, other = Loop(framework), Loop(framework)
    watch = attach(loop.model, loop.optimizer, loop.loss)
    loop.model(loop.x)
    other.run(epochs=1)
    assert watch.history.steps == 0
    loop.run(epochs=1)
    assert list(watch.history.losses) == loop.losses


def test_counts_passes_in_the_wrong_mode(framework):
    loop = Loop(framework)
    watch = attach(loop.model, loop.optimizer, loop.loss)
    loop.run(epochs=1)
    history = watch.history
    assert (history.evaluated_in_training_mode, history.trained_in_evaluation_mode) == (0, 0)
    with framework.module.no_grad():
        loop.model(loop.x)
        loop.model.eval()
        loop.model(loop.x)
    assert (history.evaluated_in_training_mode, history.trained_in_evaluation_mode) == (1, 0)
    loop.step(loop.x, loop.y)
    assert (history.evaluated_in_training_mode, history.trained_in_evaluation_mode) == (1, 1)


def test_modes_matter_only_to_layers_that_heed_them(framework):
    loop = Loop(framework, layers=lambda nn: [nn.Linear(8, 16), nn.Dropout(0.0), nn.LayerNorm(16)])
    watch = attach(loop.model, loop.optimizer, loop.loss)
    with framework.module.no_grad():
        loop.model(loop.x)
    loop.model.eval()
    loop.step(loop.x, loop.y)
    assert not watch.history.evaluated_in_training_mode
    assert not watch.history.trained_in_evaluation_mode


def test_knows_an_epoch_by_its_samples(framework):
    loop = Loop(framework)
    watch = attach(loop.model, loop.optimizer, loop.loss, (loop.x, loop.y), (loop.x, loop.y))
    loop.run(epochs=3)
    means = np.array(loop.losses).reshape(3, 5).mean(1)
    np.testing.assert_allclose(watch.history.values["loss"], means)
    loop.model.eval()
    last = float(loop.loss(loop.model(loop.x), loop.y).detach())
    assert watch.history.values["val_loss"][-1] == pytest.approx(last, rel=1e-5)


def test_knows_an_epoch_by_its_evaluation(framework):
    loop = Loop(framework)
    watch = attach(loop.model, loop.optimizer, loop.loss)
    evaluated = []
    for _ in range(3):
        loop.run(epochs=1)
        loop.model.eval()
        with framework.module.no_grad():
            evaluated.append(float(loop.loss(loop.model(loop.x), loop.y)))
    np.testing.assert_allclose(watch.history.values["loss"], np.array(loop.losses[:10]).reshape(2, 5).mean(1))
    np.testing.assert_allclose(watch.history.values["val_loss"], evaluated[:2])


# --- what it says -----------------------------------------------------------------------------------------------------


def test_says_what_is_wrong_while_it_goes_wrong(framework, caplog):
    loop = Loop(framework, lr=1e4, optimizer="SGD", layers=lambda nn: [nn.Linear(8, 16), nn.ReLU()])
    watch = attach(loop.model, loop.optimizer, loop.loss)
    with caplog.at_level(logging.WARNING, "koubai.doctor"):
        loop.run(epochs=20)
    assert watch.first_alarm <= 100
    assert "learning rate is too high" in caplog.text


def test_looks_at_a_model_before_the_update_that_breaks_it(framework):
    loop = Loop(framework, layers=lambda nn: [nn.Linear(8, 16), nn.ReLU()])
    watch = attach(loop.model, loop.optimizer, loop.loss, (loop.x, loop.y))
    loop.run(epochs=1)
    with framework.module.no_grad():
        loop.model[0].weight.fill_(1e30)
        loop.model[2].weight.fill_(1e30)
    weights = []
    look = watch._look
    watch._look = lambda moment: (weights.append(loop.model[0].weight.detach().numpy().copy()), look(moment))
    loop.run(epochs=2)
    assert watch.history.steps == 5
    assert isinstance(watch.history.error, FloatingPointError)
    assert len(weights) == 1
    assert np.isfinite(weights[0]).all()
    found = watch.findings
    assert found
    assert watch.consult(ended=True) == found


def test_a_good_training_is_left_in_peace(framework, caplog):
    loop = Loop(framework, layers=lambda nn: [nn.Linear(8, 16), nn.ReLU()])
    loop.y = (loop.x[:, 0] > 0).long()
    with (
        caplog.at_level(logging.WARNING, "koubai.doctor"),
        attach(loop.model, loop.optimizer, loop.loss) as watch,
    ):
        loop.run(epochs=60)
    assert not watch.findings
    assert not caplog.text


def test_without_data_and_loss_a_divergence_is_seen_still(framework):
    loop = Loop(framework, lr=1e4, optimizer="SGD", layers=lambda nn: [nn.Linear(8, 16), nn.ReLU()])
    with attach(loop.model, loop.optimizer) as watch:
        loop.run(epochs=20)
    assert [finding.cause for finding in watch.findings] == ["lr_too_high"]


def test_before_the_first_step_there_is_nothing_to_say(framework):
    loop = Loop(framework)
    assert attach(loop.model, loop.optimizer, loop.loss).consult() == []


# --- one framework's own ----------------------------------------------------------------------------------------------


def test_a_compiled_step_of_koubai_is_left_alone():
    loop = Loop(SimpleNamespace(name="koubai", module=koubai, nn=koubai.nn, optim=koubai.optim))
    watch = attach(loop.model, loop.optimizer, loop.loss, (loop.x, loop.y))

    @koubai.compile
    def step(x, y):
        loop.optimizer.zero_grad()
        loss = loop.loss(loop.model(x), y)
        loss.backward()
        loop.optimizer.step()
        return loss

    for x, y in loop.batches() * 2:
        step(x, y)
    assert step.falls_back is None
    assert watch.history.steps == 0
    assert isinstance(watch.consult(), list)


def test_a_compiled_model_of_torch():
    torch = pytest.importorskip("torch")
    f = SimpleNamespace(name="torch", module=torch, nn=torch.nn, optim=torch.optim)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = Loop(f).run(epochs=2)
        loop = Loop(f)
        compiled = torch.compile(loop.model, backend="eager")
        watch = attach(compiled, loop.optimizer, loop.loss, every=2)
        module, loop.model = loop.model, compiled
        loop.run(epochs=2)
        loop.model = module
        assert isinstance(watch.consult(), list)
    assert loop.losses == pytest.approx(plain.losses)
    assert list(watch.history.losses) == loop.losses
    assert "0.weight" in watch.history.signs[-1].parameters
    assert np.isfinite([signs.later for signs in watch.history.signs]).all()


def test_a_watched_model_of_torch_can_be_saved_whole(tmp_path):
    torch = pytest.importorskip("torch")
    model = torch.nn.Linear(8, 2)
    attach(model, torch.optim.SGD(model.parameters(), lr=0.1), torch.nn.CrossEntropyLoss())
    torch.save(model, tmp_path / "model.pt")
    loaded = torch.load(tmp_path / "model.pt", weights_only=False)
    assert torch.equal(loaded(torch.ones(1, 8)), model(torch.ones(1, 8)))


def test_batches_of_a_torch_loader():
    torch = pytest.importorskip("torch")
    loop = Loop(SimpleNamespace(name="torch", module=torch, nn=torch.nn, optim=torch.optim))
    data = torch.utils.data.TensorDataset(loop.x, loop.y)
    loader = torch.utils.data.DataLoader(data, batch_size=50, shuffle=True)
    watch = attach(loop.model, loop.optimizer, loop.loss, every=2)
    for _ in range(2):
        for x, y in loader:
            loop.step(x, y)
    assert watch.history.steps == 8
    assert len(watch._sample()) == 320
