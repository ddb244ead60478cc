"""Stochastic gradient descent: plain, with momentum in PyTorch's or the classical form, and Nesterov's."""

from __future__ import annotations

from typing import Literal

from koubai.engine.tensor import Tensor
from koubai.optim.optimizer import Optimizer, Params
from koubai.optim.rule import Scalars, State, counter, rule, when, zeros

__all__ = ["SGD", "sgd"]


@rule(
    momentum_buffer=when(lambda o: o.has("momentum") and o.form == "pytorch", zeros),
    velocity=when(lambda o: o.has("momentum") and o.form == "classical", zeros),
    step=when(lambda o: o.has("momentum") and o.has("dampening"), counter),
)
def sgd(parameter: Tensor, gradient: Tensor, state: State, scalars: Scalars) -> tuple[Tensor, State]:
    """Stochastic gradient descent, `w ← w − η g`, with momentum in one of two forms.

    PyTorch's form keeps an average of gradients, which the present learning rate scales (τ is the dampening):

        b ← γ b + (1 − τ) g        w ← w − η b        Nesterov: w ← w − η (g + γ b)

    The classical form keeps a velocity, in which each gradient stays scaled by the learning rate it came
    with:

        v ← γ v − η (1 − τ) g      w ← w + v          Nesterov: w ← w + γ v − η g

    As PyTorch does, the first gradient enters undamped. See Polyak, "Some methods of speeding up the
    convergence of iteration methods" (1964); Sutskever et al., "On the importance of initialization and
    momentum in deep learning" (2013), whose Nesterov step is written here at the point looked ahead to, as is
    usual in training code.
    """
    options = scalars.options
    if not options.has("momentum"):
        return parameter - scalars.lr * gradient, {}
    arriving = gradient
    if options.has("dampening"):
        arriving = scalars(lambda o: 1 - o.dampening if o.step > 1 else 1) * gradient
    if options.form == "classical":
        velocity = scalars.momentum * state["velocity"] - scalars.lr * arriving
        move = scalars.momentum * velocity - scalars.lr * gradient if options.nesterov else velocity
        return parameter + move, {"velocity": velocity}
    average = scalars.momentum * state["momentum_buffer"] + arriving
    direction = gradient + scalars.momentum * average if options.nesterov else average
    return parameter - scalars.lr * direction, {"momentum_buffer": average}


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if wanted.

    The two forms of momentum make the same steps as long as the learning rate stays. They part ways as soon
    as it changes: in PyTorch's form a lower rate slows the momentum gathered so far at once, in the classical
    one (Keras's, and most papers') the velocity keeps its speed and only new gradients count less.

    Usual values: learning rate 0.01 to 0.1, momentum 0.9. PyTorch's default rate of 0.001 is kept here;
    Keras's is 0.01.

    Args:
        params: what to train: tensors, (name, tensor) pairs, or dictionaries of parameter groups.
        lr: learning rate η, at least 0.
        momentum: γ, at least 0; 0 is none.
        dampening: τ, how much of each gradient after the first is held back.
        weight_decay: λ; adds λw to the gradient (an L2 penalty of λ/2 ‖w‖²).
        nesterov: whether to use Nesterov's momentum.
        maximize: go up the gradient instead of down.
        foreach, fused: accepted for PyTorch's sake; Koubai has one implementation.
        differentiable: must be False.
        form: "pytorch" or "classical", see above.
        decoupled_weight_decay: shrink the weights by ηλ beside the step, instead of through the gradient.
        l1: weight of an L1 penalty ‖w‖₁.

    Raises:
        ValueError: for a value outside its range, or Nesterov's momentum without momentum or with dampening.

    Example:
        >>> optimizer = koubai.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        >>> optimizer.zero_grad()
        >>> loss_function(model(inputs), targets).backward()
        >>> optimizer.step()
    """

    rule = sgd

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
        form: Literal["pytorch", "classical"] = "pytorch",
        decoupled_weight_decay: bool = False,
        l1: float = 0,
    ) -> None:
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, locals())
