"""Where gradients get stuck on their way back."""

from koubai.doctor.flow import bottleneck, gradient_flow, update_ratios
from koubai.doctor.vital_signs import LayerSigns, ParameterSigns, Signs


def signs(gradients, parameters):
    layers = {name: LayerSigns(1, 1, 0, 0, 0, size) for name, size in gradients.items()}
    rows = {name: ParameterSigns(*pair, *[0.0] * 5) for name, pair in parameters.items()}
    rows = {
        name: row._replace(update=pair[1]) for (name, row), pair in zip(rows.items(), parameters.values())
    }
    return Signs(1, 1.0, 1.0, layers, rows)


def test_the_bottleneck_is_the_layer_that_lets_least_through():
    assert bottleneck({"a": 1e-5, "b": 1e-5, "c": 1e-2, "d": 1.0}) == "c"


def test_gradients_of_about_one_size_have_none():
    assert bottleneck({"a": 0.05, "b": 1.0}) is None
    assert bottleneck({"a": 1.0}) is None
    assert bottleneck({}) is None


def test_layers_before_anything_that_learns_do_not_count():
    flow = gradient_flow(
        signs({"0": 0.0, "1": 0.1, "2": 0.2}, {"1.weight": (1.0, 0.01), "2.weight": (1.0, 0.01)})
    )
    assert flow == {"1": 0.1, "2": 0.2}


def test_a_layer_that_could_learn_and_gets_nothing_does():
    flow = gradient_flow(signs({"0": 0.0, "1": 0.1}, {"0.weight": (1.0, 0.0), "1.weight": (1.0, 0.01)}))
    assert flow == {"0": 0.0, "1": 0.1}
    assert bottleneck(flow) == "1"


def test_updates_by_weights():
    assert update_ratios(signs({}, {"0.weight": (2.0, 0.002), "0.bias": (0.0, 0.1)})) == {"0.weight": 0.001}
