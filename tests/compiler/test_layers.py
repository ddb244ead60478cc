"""Layers that are like others are compiled once: found in the graph, left out, and put back as kernels."""

import numpy as np
import pytest

import koubai
from koubai import nn, optim
from koubai.compiler.build import build
from koubai.compiler.checking.races import check_races
from koubai.compiler.graph.shorten import KEPT, shortened
from koubai.compiler.language.kernel import Strips
from koubai.compiler.layers import Layers, NotAlike
from koubai.compiler.llvm.driver import every_kernel
from koubai.compiler.repeats import Run, repeats
from koubai.compiler.runtime.target import current

from .differential import traced


def test_repeats_finds_the_longest_runs_in_order():
    keys = [*"xx", *"abcabcabcabc", "y", *"dddd", *"ab"]
    assert repeats(keys, 4) == [Run(2, 3, 4), Run(15, 1, 4)]
    assert repeats(keys, 5) == []
    assert repeats([], 2) == []


# --- layers of any program


def forward_and_backward(layers):
    """Items of a program that goes through layers forwards and backwards, with one weight for each."""
    keys = ["start", *["forward"] * layers, "loss", *["backward"] * layers]
    names = [("h0",)]
    names += [(f"h{n}", f"w{n}", f"h{n + 1}") for n in range(layers)]
    names += [(f"h{layers}", f"g{layers}")]
    names += [(f"g{n + 1}", f"w{n}", f"h{n}", f"g{n}") for n in reversed(range(layers))]
    return keys, [tuple(map(NAMES.__getitem__, of)) for of in names]


class Names(dict):
    """One object for each name: names are told apart by identity."""

    def __missing__(self, name):
        return self.setdefault(name, name)


NAMES = Names()


def another_depth(few, many):
    """The items of a program, made of those of one with another number of layers."""
    layers = Layers(*forward_and_backward(few))
    more, chains = many - few, []
    for chain in layers.chains:
        middle = min(len(chain), len(chain) + more) // 2
        new = [f"{chain[0]}.{n}" for n in range(more)]
        chains.append([*chain[:middle], *new, *chain[middle + max(-more, 0) :]])
    return [names for _, names in layers.deepened(more, chains)]


def numbered(items):
    """The same with numbers for names, in the order in which they come."""
    numbers = {}
    return [[numbers.setdefault(name, len(numbers)) for name in names] for names in items]


def test_a_backward_pass_goes_through_the_same_chains():
    layers = Layers(*forward_and_backward(7))
    assert layers.count == 7
    assert sorted(layers.chains) == [
        [f"g{n}" for n in range(8)],
        [f"h{n}" for n in range(8)],
        [f"w{n}" for n in range(7)],
    ]


@pytest.mark.parametrize(("few", "many"), [(5, 9), (6, 6), (12, 5)])
def test_a_program_of_another_depth(few, many):
    assert numbered(another_depth(few, many)) == numbered(forward_and_backward(many)[1])


def test_something_that_needs_all_layers_leaves_them_as_they_are():
    keys, names = forward_and_backward(8)
    with pytest.raises(NotAlike):
        Layers([*keys, "sum"], [*names, tuple(NAMES[f"g{n}"] for n in range(8))])


def test_what_does_not_move_on_evenly_is_no_layer():
    keys = ["map"] * 6
    with pytest.raises(NotAlike):
        Layers(keys, [(NAMES[a], NAMES[b]) for a, b in ("ab", "bc", "cd", "da", "ae", "ef")])


def test_names_that_take_turns_do_not_move_on():
    with pytest.raises(NotAlike):
        Layers(["map"] * 6, [(NAMES[a], NAMES[b]) for a, b in ("ab", "ba", "ab", "ba", "ab", "ba")])


# --- layers of steps


def transformer(layers):
    layer = {"d_model": 16, "nhead": 2, "dim_feedforward": 32, "dropout": 0.0, "batch_first": True}
    return nn.Sequential(*(nn.TransformerEncoderLayer(**layer) for _ in range(layers))), (2, 4, 16)


def dropping(layers):
    parts = (part for _ in range(layers) for part in (nn.Linear(8, 8), nn.Tanh(), nn.Dropout(0.2)))
    return nn.Sequential(nn.Dropout(0.1), *parts, nn.Dropout(0.1)), (4, 8)


def perceptron(layers):
    hidden = (layer for _ in range(layers) for layer in (nn.Linear(16, 16), nn.Tanh()))
    return nn.Sequential(nn.Linear(8, 16), *hidden, nn.Linear(16, 3)), (5, 8)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)

    def forward(self, x):
        return koubai.relu(x + self.norm(self.convolution(x)))


def residual(layers):
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), *(Block() for _ in range(layers))), (2, 3, 6, 6)


class Waves(nn.Module):
    """Layers without parameters beside those with: nothing tells their kernels apart."""

    def __init__(self, layers):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(layers))

    def forward(self, x):
        wave = x
        for layer in self.layers:
            x, wave = koubai.tanh(layer(x)), koubai.sin(wave)
        return x + wave


def waves(layers):
    return Waves(layers), (4, 8)


def two_stacks(layers):
    first = (part for _ in range(layers) for part in (nn.Linear(8, 8), nn.Tanh()))
    second = (part for _ in range(layers) for part in (nn.Linear(8, 8), nn.Sigmoid()))
    return nn.Sequential(*first, *second), (4, 8)


def without_parameters(layers):
    rounds = (part for _ in range(layers) for part in (nn.Tanh(), nn.Softmax(dim=1)))
    return nn.Sequential(nn.Linear(8, 8), *rounds), (4, 8)


class Summed(nn.Module):
    """Running sums of scaled features."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(koubai.ones(8))

    def forward(self, x):
        return koubai.tanh(koubai.cumsum(x * self.scale, 0))


def summed(layers):
    return nn.Sequential(nn.Linear(8, 8), *(Summed() for _ in range(layers))), (4, 8)


def tied(layers):
    layer = nn.Linear(8, 8)
    return nn.Sequential(*(part for _ in range(layers) for part in (layer, nn.Tanh()))), (4, 8)


MODELS = {
    model.__name__: model
    for model in (
        transformer,
        dropping,
        perceptron,
        residual,
        summed,
        tied,
        waves,
        two_stacks,
        without_parameters,
    )
}


def step_of(make, layers, clipped=False):
    """A training step, its model and its input."""
    koubai.manual_seed(0)
    model, shape = make(layers)
    optimizer = optim.Adam(model.parameters(), eps=1e-3)

    def step(x):
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        if clipped:
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    return step, model, koubai.randn(shape)


def traced_of(make, layers, clipped=False):
    step, _, x = step_of(make, layers, clipped)
    return traced(step, [x])


@pytest.mark.parametrize("clipped", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_a_deep_model_computes_what_eager_does(name, clipped):
    trained, states = [], []
    for run in (koubai.compile, lambda step: step):
        step, model, x = step_of(MODELS[name], KEPT + 5, clipped)
        step = run(step)
        losses = [step(x).item() for _ in range(3)]
        trained.append([losses, *(value.numpy() for value in model.state_dict().values())])
        states.append(koubai.get_rng_state().tolist())
    assert states[0] == states[1]
    for one, other in zip(*trained):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("clipped", [False, True])
@pytest.mark.parametrize("name", ["transformer", "dropping", "perceptron", "residual", "summed"])
def test_deeper_models_have_no_larger_graphs_to_compile(name, clipped):
    sizes = []
    for layers in (KEPT + 4, KEPT + 9):
        step = traced_of(MODELS[name], layers, clipped)
        graph, roles = step.program.graph, step.roles
        few = shortened(graph, roles.updates, roles.results)
        assert few.missing > 0
        sizes.append(len(few.graph.nodes))
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("name", ["transformer", "perceptron", "summed", "tied"])
@pytest.mark.parametrize("threads", [1, 2])
def test_kernels_are_those_of_a_graph_that_was_lowered_in_full(name, threads):
    step = traced_of(MODELS[name], KEPT + 5)
    built = [
        build(step.program.graph, step.roles, current(), threads, watch) for watch in (None, lambda *_: None)
    ]
    assert described(built[0]) == described(built[1])
    assert built[0].plan.size == pytest.approx(
        built[1].plan.size, rel=0.02
    )  # equal buffers go by their names


@pytest.mark.parametrize("name", ["transformer", "perceptron", "residual"])
def test_layers_stay_alike_when_gradients_are_clipped(name, monkeypatch):
    def refuse(*_):
        raise AssertionError("all layers were lowered")

    step = traced_of(MODELS[name], KEPT + 5, clipped=True)
    monkeypatch.setattr("koubai.compiler.build.unshortened", refuse)
    build(step.program.graph, step.roles, current(), 2)


def described(blueprint):
    """What a step is, but for the names of kernels and buffers."""
    return blueprint.flops, [sorted(map(form, phase.kernels)) for phase in blueprint.phases]


def form(kernel):
    """The loops of a kernel and the shapes of its buffers."""
    if isinstance(kernel, Strips):
        return "".join(map(form, kernel.body))
    return f"{type(kernel).__name__} {[(b.shape, b.order, b.home.value) for b in kernel.buffers]}"


@pytest.mark.parametrize("clipped", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_kernels_that_are_put_back_do_not_race(name, clipped):
    step = traced_of(MODELS[name], KEPT + 5, clipped)
    blueprint = build(step.program.graph, step.roles, current(), 2)
    names = [kernel.name for kernel in every_kernel(blueprint.phases) if not isinstance(kernel, Strips)]
    assert len(set(names)) == len(names) > 0
    check_races(blueprint.phases, blueprint.plan, current(), 2)


@pytest.mark.parametrize("clipped", [False, True])
@pytest.mark.parametrize("name", ["transformer", "dropping", "perceptron", "residual"])
def test_equal_layers_share_memory_about_as_well_as_others(name, clipped):
    step = traced_of(MODELS[name], KEPT + 9, clipped)
    together, apart = (
        build(step.program.graph, step.roles, current(), 2, watch).plan for watch in (None, lambda *_: None)
    )
    assert together.size - together.lasting <= 1.1 * (apart.size - apart.lasting)
