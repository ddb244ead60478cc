"""Recurrent layers: a cell repeated over time, in layers and in one or both directions.

Each is a cell (one step, as a formula) under `koubai.scan`. The product with the input does not depend on the state, so
it is done for all times at once, before the loop.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import koubai
from koubai.engine.scan import scan
from koubai.engine.tensor import Tensor
from koubai.nn import functional as F
from koubai.nn.functional.loss.checks import values_of
from koubai.nn.module import Module
from koubai.nn.parameter import new_parameter
from koubai.nn.recurrent_cells import Cell, State, as_state, gru_cell, lstm_cell, reset_uniform, rnn_cell
from koubai.nn.utils.rnn import PackedSequence

__all__ = ["GRU", "LSTM", "RNN"]


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
                self._make_weights(layer, suffix, {"device": device, "dtype": dtype})
        self.reset_parameters()

    def _check_settings(self) -> None:
        name = type(self).__name__
        for what in ("input_size", "hidden_size", "num_layers"):
            if getattr(self, what) <= 0:
                raise ValueError(f"{name}: {what} must be positive, got {getattr(self, what)}")
        if not 0 <= self.dropout <= 1:
            raise ValueError(f"{name}: dropout is a probability, between 0 and 1, got {self.dropout}")
        if not 0 <= self.proj_size < self.hidden_size:
            raise ValueError(
                f"{name}: proj_size must be smaller than hidden_size {self.hidden_size}, got {self.proj_size}"
            )
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

    def _make_weights(self, layer: int, suffix: str, kind: dict[str, Any]) -> None:
        width = self.gates * self.hidden_size
        inputs = self._output_size * (1 + self.bidirectional) if layer else self.input_size
        shapes: dict[str, tuple[int, ...]] = {
            "weight_ih": (width, inputs),
            "weight_hh": (width, self._output_size),
        }
        if self.bias:
            shapes |= {"bias_ih": (width,), "bias_hh": (width,)}
        if self.proj_size:
            shapes |= {"weight_hr": (self.proj_size, self.hidden_size)}
        for name, shape in shapes.items():
            self.register_parameter(name + suffix, new_parameter(*shape, **kind))

    def reset_parameters(self) -> None:
        """Draw all weights and biases from U(-1/√hidden_size, 1/√hidden_size), PyTorch's default."""
        reset_uniform(self, self.hidden_size)

    def flatten_parameters(self) -> None:
        """Do nothing: in PyTorch it arranges the weights for cuDNN."""

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

    def forward(
        self, input: Tensor | PackedSequence, hx: Any = None, lengths: Tensor | Sequence[int] | None = None
    ) -> tuple[Any, Any]:
        """Run over time.

        Args:
            input: (T, N, input_size), (N, T, input_size) with batch_first, or (T, input_size); or a packed sequence.
            hx: the first state, (layers · directions, N, hidden_size), without N for an input without one; zeros by
                default. For LSTM a pair (h, c).
            lengths: of the samples, (N,), where they differ; what stands behind a sample's end does not matter. A
                compiled function takes any lengths, while it is compiled again for packed sequences of other shapes.

        Returns:
            the outputs of the last layer, zero behind a sample's end, packed if the input was; and the last state of
            every layer and direction, at each sample's own end.

        Raises:
            ValueError: if the input has another number of dimensions.
            RuntimeError: if sizes or lengths do not fit.
        """
        if isinstance(input, PackedSequence):
            x, inside = input.padded()  # (T, N, I) and (T, N)
            self._check_input(x)
            x, last = self._run_layers(x, self._first_states(hx, x, True), inside)
            return input.with_elements(x), last
        batched = self._check_input(input)
        x = input if batched else input.unsqueeze(1)  # (T, 1, I)
        if batched and self.batch_first:
            x = x.transpose(0, 1)  # (T, N, I)
        x, last = self._run_layers(x, self._first_states(hx, x, batched), self._inside(x, lengths))
        if not batched:
            return x.squeeze(1), _each(last, lambda state: state.squeeze(1))
        return (x.transpose(0, 1) if self.batch_first else x), last

    def _run_layers(self, x: Tensor, first: list[State], inside: Tensor | None) -> tuple[Tensor, Any]:
        """Run all layers over x, which counts where `inside`, (T, N), holds.

        Returns:
            the outputs, and the last state, of one or two tensors (layers · directions, N, H).
        """
        if inside is not None:
            inside = inside.unsqueeze(-1)  # (T, N, 1)
            x = koubai.where(inside, x, 0)
        last: list[State] = []
        for layer in range(self.num_layers):
            if layer:
                x = F.dropout(x, self.dropout, self.training)
            outputs = []
            for suffix in self._suffixes(layer):
                final, y = self._run_direction(suffix, x, first[len(last)], inside)
                last.append(final)
                outputs.append(y)
            x = koubai.cat(outputs, -1) if self.bidirectional else outputs[0]  # (T, N, directions · H)
        states = tuple(koubai.stack(tensors) for tensors in zip(*last))
        x = x if inside is None else koubai.where(inside, x, 0)
        return x, states[0] if self.states == 1 else states

    def _run_direction(
        self, suffix: str, x: Tensor, first: State, inside: Tensor | None
    ) -> tuple[State, Tensor]:
        """Run one layer over x, backwards in time if the suffix says so."""
        weight_hh, bias_hh = self._weight("weight_hh" + suffix), self._weight("bias_hh" + suffix)
        weight_hr = self._weight("weight_hr" + suffix)
        from_input = F.linear(x, self._weight("weight_ih" + suffix), self._weight("bias_ih" + suffix))

        def step(state: State, now: Tensor) -> tuple[State, Tensor]:
            h, *others = self.cell(now, F.linear(state[0], weight_hh, bias_hh), state)
            h = h if weight_hr is None else F.linear(h, weight_hr)
            return (h, *others), h

        def step_inside(state: State, now: tuple[Tensor, Tensor]) -> tuple[State, Tensor]:
            """Leave the state of samples that have not begun, or are over, as it is."""
            changed, _ = step(state, now[0])
            state = tuple(koubai.where(now[1], new, old) for new, old in zip(changed, state))
            return state, state[0]

        backwards = suffix.endswith("reverse")
        if inside is None:
            return scan(step, first, from_input, reverse=backwards)
        return scan(step_inside, first, (from_input, inside), reverse=backwards)

    def _weight(self, name: str) -> Any:
        """Return a parameter, or None if the layer has none of that name."""
        return getattr(self, name, None)

    def _check_input(self, input: Tensor) -> bool:
        """Tell whether the input is a batch."""
        name = type(self).__name__
        if input.ndim not in (2, 3):
            order = "N, T" if self.batch_first else "T, N"
            raise ValueError(
                f"{name}: expected ({order}, {self.input_size}) or (T, {self.input_size}), got {list(input.shape)}"
            )
        if input.shape[-1] != self.input_size:
            raise RuntimeError(
                f"{name}: the last dimension of the input {list(input.shape)} must be input_size {self.input_size}"
            )
        return input.ndim == 3

    def _inside(self, x: Tensor, lengths: Tensor | Sequence[int] | None) -> Tensor | None:
        """Tell at which times each sample of x, (T, N, I), is not over: (T, N); None if none ever is."""
        if lengths is None:
            return None
        ends, (steps, samples) = koubai.as_tensor(lengths, device=x.device), x.shape[:2]
        values = values_of(ends)
        if ends.shape != (samples,) or (values is not None and not ((values >= 0) & (values <= steps)).all()):
            raise RuntimeError(
                f"{type(self).__name__}: lengths are as many as samples, {samples}, and from 0 to {steps}; got "
                f"{list(ends.shape) if values is None else values.tolist()}"
            )
        return koubai.arange(steps, device=x.device).unsqueeze(1) < ends

    def _first_states(self, hx: Any, x: Tensor, batched: bool) -> list[State]:
        """Return the first state of each layer and direction."""
        count = self.num_layers * (1 + self.bidirectional)
        widths = [self._output_size, self.hidden_size][: self.states]
        if hx is None:
            zeros = tuple(x.new_zeros(x.shape[1], width) for width in widths)
            return [zeros] * count
        given = as_state(type(self).__name__, hx, self.states)
        for tensor, width in zip(given, widths):
            expected = (count, x.shape[1], width) if batched else (count, width)
            if tensor.shape != expected:
                raise RuntimeError(
                    f"{type(self).__name__}: a first state must have the shape {list(expected)}, which is (layers · "
                    f"directions, N, width) or without N, got {list(tensor.shape)}"
                )
        return [tuple(tensor[i].reshape(x.shape[1], -1) for tensor in given) for i in range(count)]


def _each(states: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Change one tensor, or each of a tuple."""
    return tuple(map(change, states)) if isinstance(states, tuple) else change(states)


class RNN(_Recurrent):
    """The plain recurrent layer; its gradients vanish or explode over long sequences, which LSTM and GRU avoid.

    Args:
        input_size: features of the input.
        hidden_size: features of the state, H.
        num_layers: layers on top of one another.
        nonlinearity: "tanh" or "relu".
        bias: whether there are biases.
        batch_first: whether input and output are (N, T, ...), not (T, N, ...).
        dropout: probability, between layers, while training.
        bidirectional: also run from the end; the outputs of both directions are joined.
        device: where its tensors live.
        dtype: of the weights.

    Shape:
        input (T, N, input_size); output (T, N, directions · H), and the last state, (layers · directions, N, H); or
        all without N. A packed sequence gives a packed output.

    Raises:
        ValueError: if a size is not positive, dropout is no probability, or the nonlinearity is unknown.

    Example:
        >>> output, last = nn.RNN(3, 4)(koubai.zeros(5, 2, 3), lengths=[5, 2])
        >>> output.shape, last.shape
        (koubai.Size([5, 2, 4]), koubai.Size([1, 2, 4]))
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
        directions = {"bidirectional": bidirectional, "device": device, "dtype": dtype}
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, **directions)
        self.nonlinearity = nonlinearity
        self.cell = rnn_cell(nonlinearity)


class LSTM(_Recurrent):
    """Long short-term memory. Usual: one or two layers, gradient clipping at 1.

    Args:
        input_size: features of the input.
        hidden_size: features of the state, H.
        num_layers: layers on top of one another.
        bias: whether there are biases. A forget bias of 1 at the start often helps; PyTorch has none, nor has this.
        batch_first: whether input and output are (N, T, ...), not (T, N, ...).
        dropout: probability, between layers, while training.
        bidirectional: also run from the end; the outputs of both directions are joined.
        proj_size: if positive, h is projected to this many features (Sak et al. 2014).
        device: where its tensors live.
        dtype: of the weights.

    Shape:
        input (T, N, input_size), and a first state (h, c); output (T, N, directions · H), and (h, c), each (layers ·
        directions, N, H); or all without N. With proj_size, outputs and h have that width instead of H.

    Raises:
        ValueError: if a size is not positive, or dropout is no probability.
    """

    gates = 4
    states = 2
    cell = staticmethod(lstm_cell)


class GRU(_Recurrent):
    """Gated recurrent unit: like LSTM with one state and three quarters of the weights.

    Arguments, shapes and errors are those of RNN, without the nonlinearity.
    """

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
        directions = {"bidirectional": bidirectional, "device": device, "dtype": dtype}
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, **directions)
