"""What a program does can be written down while it runs."""

import koubai
from koubai import nn
from koubai.engine.steps import Step, writing_down


def names(steps: list[Step]) -> list[str]:
    return [step.rule.name for step in steps]


def test_every_op_is_written_down_with_its_operands_and_results():
    x = koubai.tensor([1.0, 2.0], requires_grad=True)
    steps: list[Step] = []
    with writing_down(steps):
        y = (x * 3).sum()
    (product, total) = steps
    assert names(steps) == ["mul", "sum"]
    assert product.inputs[0].array.tolist() == [1.0, 2.0]
    assert product.outputs[0].array.tolist() == [3.0, 6.0]
    assert product.outputs[0].edge == total.inputs[0].edge
    assert total.outputs[0].edge == y.edge
    assert product.inputs[1].edge is None  # the constant


def test_a_composite_is_one_step_and_nothing_is_written_afterwards():
    x = koubai.tensor([1.0, 2.0], requires_grad=True)
    steps: list[Step] = []
    with writing_down(steps):
        koubai.softmax(x, 0)
    koubai.exp(x)
    assert names(steps) == ["_softmax"]


def test_a_loop_over_time_is_written_out():
    def step(carry, x):
        total = carry + x
        return total, total * 2

    xs = koubai.tensor([1.0, 2.0, 3.0], requires_grad=True)
    steps: list[Step] = []
    with writing_down(steps):
        last, results = koubai.scan(step, koubai.tensor(0.0), xs, reverse=True)
    assert (last.item(), results.tolist()) == (6.0, [12.0, 10.0, 6.0])
    assert names(steps).count("mul") == 3
    assert names(steps).count("scan") == 0


def test_writing_changes_no_bit_of_a_gradient():
    def gradients(write: bool) -> list[list[float]]:
        koubai.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.Linear(4, 2), nn.LogSoftmax(1))
        with writing_down([] if write else None):
            model(koubai.ones(1, 3)).sum().backward()
        return [parameter.grad.tolist() for parameter in model.parameters()]

    assert gradients(True) == gradients(False)
