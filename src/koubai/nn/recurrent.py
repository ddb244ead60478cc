"""Recurrent layers: a cell repeated over time, in layers and in one or both directions.

Each is a cell (one step, as a formula) under `koubai.scan`. The product with the input does not depend on the state, so
it is done for all times at once, before the loop.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, ClassVar

import koubai
from koubai.nn import functional as F
from koubai.nn import init
from koubai.nn.module import Module
from koubai.nn.parameter import Parameter
from koubai.scan import scan
from koubai.tensor import Tensor

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell"]

State = tuple[Tensor, ...]
Weights = tuple[Tensor | None, ...]  # weight_hh, bias_hh, weight_hr
Cell = Callable[[Tensor, State, Weights], State]


def _recurrent(h: Tensor, weights: Weights) -> Tensor:
    """The product of the state with its weights, (N, gates · H)."""
    return F.linear(h, weights[0], weights[1])  # type: ignore[arg-type]


def rnn_cell(activation: Callable[[Tensor], Tensor]) -> Cell:
    """h' = activation(W_ih x + b_ih + W_hh h + b_hh) (Elman 1990)."""

    def cell(from_input: Tensor, state: State, weights: Weights) -> State:
        return (activation(from_input + _recurrent(state[0], weights)),)

    return cell


def lstm_cell(from_input: Tensor, state: State, weights: Weights) -> State:
    """c' = σ(f)·c + σ(i)·tanh(g), h' = σ(o)·tanh(c') (Hochreiter and Schmidhuber 1997; Gers et al. 2000).

    The gates stand in PyTorch's order i, f, g, o. With a projection, h' is multiplied by weight_hr (Sak et al. 2014).
    """
    h, c = state
    i, f, g, o = (from_input + _recurrent(h, weights)).chunk(4, -1)  # (N, H) each
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    h = o.sigmoid() * c.tanh()
    return (h if weights[2] is None else F.linear(h, weights[2])), c


def gru_cell(from_input: Tensor, state: State, weights: Weights) -> State:
    """h' = (1 - z)·n + z·h with n = tanh(W_in x + r·(W_hn h)), gates r, z, n (Cho et al. 2014).

    The reset gate multiplies the product with W_hn, not the state before it: PyTorch's and cuDNN's form.
    """
    (h,) = state
    reset_in, update_in, new_in = from_input.chunk(3, -1)
    reset_h, update_h, new_h = _recurrent(h, weights).chunk(3, -1)
    update = (update_in + update_h).sigmoid()
    new = (new_in + (reset_in + reset_h).sigmoid() * new_h).tanh()
    return ((1 - update) * new + update * h,)


class _Recurrent(Module):
    """What the recurrent layers share: weights by layer and direction, and the runs over time.

    A subclass gives the number of gates, the number of tensors in its state, and its cell.
    """

    gates: ClassVar[int]
    states: ClassVar[int] = 1
    cell: Cell

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional, self.proj_size = bidirectional, proj_size
        self._check_settings()
        for layer in range(num_layers):
            for suffix in self._suffixes(layer):
                self._make_weights(layer, suffix, dtype)
        self.reset_parameters()

    def _check_settings(self) -> None:
        name = type(self).__name__
        for what in ("input_size", "hidden_size", "num_layers"):
            if getattr(self, what) <= 0:
                raise ValueError(f"{name}: {what} must be positive, got {getattr(self, what)}")
        if not 0 <= self.dropout <= 1:
            raise ValueError(f"{name}: dropout is a probability, between 0 and 1, got {self.dropout}")
        if not 0 <= self.proj_size < self.hidden_size:
            raise ValueError(f"{name}: proj_size must be smaller than hidden_size {self.hidden_size}")
        if self.dropout and self.num_layers == 1:
            warnings.warn(
                f"{name}: dropout acts between layers, and there is only one (num_layers=1)", stacklevel=4
            )

    @property
    def _output_size(self) -> int:
        return self.proj_size or self.hidden_size

    def _suffixes(self, layer: int) -> list[str]:
        """The endings of the weights' names in a layer, one for each direction."""
        return [f"_l{layer}", f"_l{layer}_reverse"][: 1 + self.bidirectional]

    def _make_weights(self, layer: int, suffix: str, dtype: Any) -> None:
        width = self.gates * self.hidden_size
        inputs = self.input_size if layer == 0 else self._output_size * (1 + self.bidirectional)
        shapes = {"weight_ih": (width, inputs), "weight_hh": (width, self._output_size)}
        if self.bias:
            shapes |= {"bias_ih": (width,), "bias_hh": (width,)}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        for name, shape in shapes.items():
            setattr(self, name + suffix, Parameter(koubai.empty(shape, dtype=dtype)))

    def reset_parameters(self) -> None:
        """Draw all weights and biases from U(-1/√hidden_size, 1/√hidden_size), PyTorch's default."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def extra_repr(self) -> str:
        """The sizes, and the settings that are not at their defaults."""
        defaults = {
            "proj_size": 0,
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0.0,
            "bidirectional": False,
        }
        shown = [f"{n}={getattr(self, n)}" for n, value in defaults.items() if getattr(self, n) != value]
        return ", ".join([str(self.input_size), str(self.hidden_size), *shown])

    # Running

    def forward(self, input: Tensor, hx: Any = None) -> tuple[Tensor, Any]:
        """Run over time.

        Args:
            input: (T, N, input_size), (N, T, input_size) with batch_first, or (T, input_size).
            hx: the first state, (layers · directions, N, hidden_size); zeros by default. For LSTM a pair (h, c).

        Returns:
            the outputs of the last layer, and the last state of every layer.

        Raises:
            ValueError: if the input has another number of dimensions.
            RuntimeError: if sizes do not fit.
        """
        batched = self._check_input(input)
        x = input if batched else input.unsqueeze(1)  # (T, 1, I)
        if batched and self.batch_first:
            x = x.transpose(0, 1)  # (T, N, I)
        first = self._first_state(hx, x, batched)
        last: list[State] = []
        for layer in range(self.num_layers):
            if layer and self.dropout:
                x = F.dropout(x, self.dropout, self.training)
            x = self._run_layer(layer, x, first, last)
        states = [koubai.stack(tensors) for tensors in zip(*last)]  # (layers · directions, N, H)
        if not batched:
            x, states = x.squeeze(1), [state.squeeze(1) for state in states]
        elif self.batch_first:
            x = x.transpose(0, 1)
        return x, (states[0] if self.states == 1 else tuple(states))

    def _run_layer(self, layer: int, x: Tensor, first: list[State], last: list[State]) -> Tensor:
        """Run the directions of one layer over x and join their outputs."""
        outputs = []
        for reverse, suffix in enumerate(self._suffixes(layer)):
            state = first[len(last)]
            from_input = F.linear(x, *self._weights("ih", suffix))  # (T, N, gates · H)
            weights: Weights = (*self._weights("hh", suffix), getattr(self, "weight_hr" + suffix, None))
            final, y = self._over_time(from_input, state, weights, bool(reverse))
            last.append(final)
            outputs.append(y)
        return koubai.cat(outputs, -1) if len(outputs) > 1 else outputs[0]

    def _weights(self, kind: str, suffix: str) -> tuple[Any, Any]:
        return getattr(self, f"weight_{kind}{suffix}"), getattr(self, f"bias_{kind}{suffix}", None)

    def _over_time(
        self, from_input: Tensor, state: State, weights: Weights, reverse: bool
    ) -> tuple[State, Tensor]:
        def step(state: State, now: Tensor) -> tuple[State, Tensor]:
            state = self.cell(now, state, weights)
            return state, state[0]

        return scan(step, state, from_input, reverse=reverse)

    def _check_input(self, input: Tensor) -> bool:
        """Tell whether the input is a batch."""
        name = type(self).__name__
        if input.ndim not in (2, 3):
            raise ValueError(f"{name}: expected (T, N, {self.input_size}) or (T, {self.input_size}), got {list(input.shape)}")
        if input.shape[-1] != self.input_size:
            raise RuntimeError(
                f"{name}: the last dimension of the input {list(input.shape)} must be input_size {self.input_size}"
            )
        return input.ndim == 3

    def _first_state(self, hx: Any, x: Tensor, batched: bool) -> list[State]:
        """Return the first state of each layer and direction."""
        count = self.num_layers * (1 + self.bidirectional)
        widths = [self._output_size, self.hidden_size][: self.states]
        if hx is None:
            zeros = tuple(koubai.zeros(x.shape[1], width, dtype=x.dtype) for width in widths)
            return [zeros] * count
        given = (hx,) if self.states == 1 else tuple(hx)
        states = [tensor if batched else tensor.unsqueeze(1) for tensor in given]
        for tensor, width in zip(states, widths):
            if tensor.shape != (count, x.shape[1], width):
                raise RuntimeError(
                    f"{type(self).__name__}: a first state has shape {list(tensor.shape)}, expected "
                    f"{[count, x.shape[1], width]} (layers · directions, N, width)"
                )
        return [tuple(tensor[i] for tensor in states) for i in range(count)]


class RNN(_Recurrent):
    """The plain recurrent layer; its gradients vanish or explode over long sequences, which LSTM and GRU avoid.

    Args:
        input_size: features of the input.
        hidden_size: features of the state.
        num_layers: layers on top of one another.
        nonlinearity: "tanh" or "relu".
        bias: whether there are biases.
        batch_first: whether input and output are (N, T, ...), not (T, N, ...).
        dropout: probability, between layers, while training.
        bidirectional: also run from the end; outputs are joined.
        dtype: of the weights.

    Shape:
        input: (T, N, input_size); output: (T, N, directions · hidden_size), and the last state, (layers · directions,
        N, hidden_size).

    Raises:
        ValueError: if a size is not positive, dropout is no probability, or the nonlinearity is unknown.
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        chosen = _plain_cell(nonlinearity)
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )
        self.nonlinearity = nonlinearity
        self.cell = chosen


def _plain_cell(nonlinearity: str) -> Cell:
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"RNN: nonlinearity is 'tanh' or 'relu', got {nonlinearity!r}")
    return rnn_cell(koubai.tanh if nonlinearity == "tanh" else koubai.relu)


class LSTM(_Recurrent):
    """Long short-term memory. Usual: one or two layers, gradient clipping at 1.

    Args:
        input_size: features of the input.
        hidden_size: features of the state.
        num_layers: layers on top of one another.
        bias: whether there are biases. A forget bias of 1 at the start often helps; PyTorch's default, kept here, is none.
        batch_first: whether input and output are (N, T, ...), not (T, N, ...).
        dropout: probability, between layers, while training.
        bidirectional: also run from the end; outputs are joined.
        proj_size: if positive, h is projected to this many features.
        dtype: of the weights.

    Shape:
        input: (T, N, input_size), and a first state (h, c); output: (T, N, directions · hidden_size), and (h, c), each
        (layers · directions, N, hidden_size).

    Raises:
        ValueError: if a size is not positive, or dropout is no probability.
    """

    gates = 4
    states = 2
    cell = staticmethod(lstm_cell)


class GRU(_Recurrent):
    """Gated recurrent unit: like LSTM with one state and three quarters of the weights. Arguments and shapes are RNN's,
    without the nonlinearity."""

    gates = 3
    cell = staticmethod(gru_cell)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )


class _SingleCell(Module):
    """One step of a recurrent layer, for loops of your own."""

    gates: ClassVar[int]
    states: ClassVar[int] = 1
    cell: Cell

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        width = self.gates * hidden_size
        self.weight_ih = Parameter(koubai.empty(width, input_size, dtype=dtype))
        self.weight_hh = Parameter(koubai.empty(width, hidden_size, dtype=dtype))
        self.bias_ih = Parameter(koubai.empty(width, dtype=dtype)) if bias else None
        self.bias_hh = Parameter(koubai.empty(width, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights and biases from U(-1/√hidden_size, 1/√hidden_size), PyTorch's default."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def extra_repr(self) -> str:
        """The sizes."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        """Return the next state from an input (N, input_size) or (input_size,) and a state (zeros by default)."""
        if input.ndim not in (1, 2) or input.shape[-1] != self.input_size:
            raise ValueError(
                f"{type(self).__name__}: expected (N, {self.input_size}) or ({self.input_size},), got {list(input.shape)}"
            )
        if hx is None:
            zeros = koubai.zeros(*input.shape[:-1], self.hidden_size, dtype=input.dtype)
            hx = zeros if self.states == 1 else (zeros, zeros)
        state = self.cell(
            F.linear(input, self.weight_ih, self.bias_ih),
            (hx,) if self.states == 1 else tuple(hx),
            (self.weight_hh, self.bias_hh, None),
        )
        return state[0] if self.states == 1 else state


class RNNCell(_SingleCell):
    """One step of RNN.

    Args:
        input_size: features of the input.
        hidden_size: features of the state.
        bias: whether there are biases.
        nonlinearity: "tanh" or "relu".
        dtype: of the weights.

    Shape:
        input: (N, input_size), state: (N, hidden_size); output: the next state.
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
        chosen = _plain_cell(nonlinearity)
        super().__init__(input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = nonlinearity
        self.cell = chosen


class LSTMCell(_SingleCell):
    """One step of LSTM: called with (input, (h, c)), it returns (h, c). Arguments as RNNCell, without nonlinearity."""

    gates = 4
    states = 2
    cell = staticmethod(lstm_cell)


class GRUCell(_SingleCell):
    """One step of GRU. Arguments and shapes as RNNCell, without nonlinearity."""

    gates = 3
    cell = staticmethod(gru_cell)
