"""One step of the recurrent layers: the formulas, which the layers repeat over time, and layers of a single step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import koubai
from koubai.engine.tensor import Tensor
from koubai.nn import functional as F
from koubai.nn import init
from koubai.nn.module import Module
from koubai.nn.parameter import new_parameter

__all__ = ["GRUCell", "LSTMCell", "RNNCell"]

State = tuple[Tensor, ...]
Cell = Callable[[Tensor, Tensor, State], State]
"""A cell takes the products with the input and with the state, each (N, gates · H), and the state."""

_NONLINEARITIES: dict[str, Callable[[Tensor], Tensor]] = {"tanh": koubai.tanh, "relu": koubai.relu}


def rnn_cell(nonlinearity: str) -> Cell:
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or ReLU instead of tanh (Elman 1990).

    Raises:
        ValueError: if it is neither of the two.
    """
    if nonlinearity not in _NONLINEARITIES:
        raise ValueError(f"RNN: nonlinearity is 'tanh' or 'relu', got {nonlinearity!r}")
    activation = _NONLINEARITIES[nonlinearity]
    return lambda from_input, from_state, state: (activation(from_input + from_state),)


def lstm_cell(from_input: Tensor, from_state: Tensor, state: State) -> State:
    """c' = σ(f)·c + σ(i)·tanh(g), h' = σ(o)·tanh(c') (Hochreiter and Schmidhuber 1997; Gers et al. 2000).

    The gates stand in PyTorch's order i, f, g, o.
    """
    i, f, g, o = (from_input + from_state).chunk(4, -1)  # (N, H) each
    c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_cell(from_input: Tensor, from_state: Tensor, state: State) -> State:
    """h' = (1 - z)·n + z·h with n = tanh(W_in x + r·(W_hn h)), gates r, z, n (Cho et al. 2014).

    The reset gate multiplies the product with W_hn, not the state before it: PyTorch's and cuDNN's form.
    """
    r_in, z_in, n_in = from_input.chunk(3, -1)  # (N, H) each
    r_state, z_state, n_state = from_state.chunk(3, -1)
    z = (z_in + z_state).sigmoid()
    n = (n_in + (r_in + r_state).sigmoid() * n_state).tanh()
    return (n + z * (state[0] - n),)


def reset_uniform(module: Module, hidden_size: int) -> None:
    """Draw all weights and biases from U(-1/√hidden_size, 1/√hidden_size), PyTorch's default."""
    bound = 1 / math.sqrt(hidden_size)
    for parameter in module.parameters():
        init.uniform_(parameter, -bound, bound)


def as_state(name: str, hx: Any, states: int) -> State:
    """Return the state that a user gave, one tensor or the pair (h, c), as a tuple.

    Raises:
        TypeError: if it is not as many tensors as the layer called `name` has states.
    """
    given = tuple(hx) if isinstance(hx, tuple | list) else (hx,)
    if len(given) != states:
        wanted = "one tensor" if states == 1 else "a pair of tensors (h, c)"
        raise TypeError(f"{name}: hx must be {wanted}, got {len(given)} of them")
    return given


class _RecurrentCell(Module):
    """What the single steps share; a subclass gives the number of gates, of tensors in its state, and its cell."""

    gates: ClassVar[int]
    states: ClassVar[int] = 1
    cell: Cell

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        width, kind = self.gates * hidden_size, {"device": device, "dtype": dtype}
        self.weight_ih = new_parameter(width, input_size, **kind)
        self.weight_hh = new_parameter(width, hidden_size, **kind)
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, new_parameter(width, **kind) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights and biases from U(-1/√hidden_size, 1/√hidden_size), PyTorch's default."""
        reset_uniform(self, self.hidden_size)

    def extra_repr(self) -> str:
        """The sizes."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        """Return the next state.

        Args:
            input: (N, input_size) or (input_size,).
            hx: the state before, (N, hidden_size) or (hidden_size,), for LSTMCell a pair of them; zeros by default.

        Raises:
            ValueError: if the input or the state has another number of dimensions.
            RuntimeError: if a size does not fit.
        """
        self._check_size("input", input, self.input_size, input)
        zeros = input.new_zeros(*input.shape[:-1], self.hidden_size)
        state = (zeros,) * self.states if hx is None else as_state(type(self).__name__, hx, self.states)
        for tensor in state:
            self._check_size("hx", tensor, self.hidden_size, input)
        from_input = F.linear(input, self.weight_ih, self.bias_ih)
        state = self.cell(from_input, F.linear(state[0], self.weight_hh, self.bias_hh), state)
        return state if self.states > 1 else state[0]

    def _check_size(self, name: str, tensor: Tensor, size: int, input: Tensor) -> None:
        what = f"{type(self).__name__}: {name} needs the shape "
        if tensor.ndim not in (1, 2) or tensor.ndim != input.ndim:
            raise ValueError(f"{what}(N, {size}), or ({size},) without a batch, got {list(tensor.shape)}")
        if tensor.shape != (*input.shape[:-1], size):
            raise RuntimeError(f"{what}{[*input.shape[:-1], size]}, got {list(tensor.shape)}")


class RNNCell(_RecurrentCell):
    """One step of RNN, for loops of your own.

    Args:
        input_size: features of the input.
        hidden_size: features of the state.
        bias: whether there are biases.
        nonlinearity: "tanh" or "relu".
        device: where its tensors live.
        dtype: of the weights.

    Shape:
        input (N, input_size), state (N, hidden_size), or both without N; output: the next state.

    Raises:
        ValueError: if the nonlinearity is neither.
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = nonlinearity
        self.cell = rnn_cell(nonlinearity)


class LSTMCell(_RecurrentCell):
    """One step of LSTM, for loops of your own: called with (input, (h, c)), it returns (h, c).

    Arguments and shapes are those of RNNCell, without the nonlinearity.
    """

    gates = 4
    states = 2
    cell = staticmethod(lstm_cell)


class GRUCell(_RecurrentCell):
    """One step of GRU, for loops of your own. Arguments and shapes are those of RNNCell, without the nonlinearity."""

    gates = 3
    cell = staticmethod(gru_cell)
