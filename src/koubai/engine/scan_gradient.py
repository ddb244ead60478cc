"""The gradient of one step of a scan, planned: what the forward loop keeps, what the backward loop does at each time,
and what is left for after it.

The step and its gradient are traced together. Nodes that do not depend on the arriving gradients belong to the forward
loop; what the others need of them are the residuals. The gradient of a constant is a sum over time of products: the
loop only gives the factors, and one product over all times does the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from koubai import dtypes
from koubai.engine.backprop import local_gradients
from koubai.engine.modes import enable_grad, no_grad
from koubai.engine.tensor import Tensor
from koubai.engine.trace import run_graph, trace
from koubai.ops.contraction import matmul
from koubai.ops.graph import Graph, Node, prune
from koubai.ops.movement import permute, reshape
from koubai.ops.op import Kind, Symbol
from koubai.ops.reduce import sum_
from koubai.ops.scan import Loop


@dataclass(frozen=True)
class Term:
    """A part of a constant's gradient that is summed over time after the loop.

    Attributes:
        kind: "outer" (left transposed times right) or "product" of two stacked matrices, or "sum" of one stack.
        operands: the symbols whose stacks are needed.
        dims: for a sum, the dimensions that each step would have summed, besides time.
        moves: movements to apply to the total, last first.
        keepdim: whether the summed dimensions stay as 1.
    """

    kind: str
    operands: tuple[Symbol, ...]
    dims: tuple[int, ...]
    moves: list[Node]
    keepdim: bool = False

    def over_time(self, stacks: dict[Symbol, Tensor]) -> Tensor:
        """Compute the term from the stacks, (T, ...) each."""
        total: Tensor = {"outer": self._outer, "product": self._product, "sum": self._sum}[self.kind](stacks)
        for node in reversed(self.moves):
            total = node.op(total, **node.attributes)
        return total

    def _outer(self, stacks: dict[Symbol, Tensor]) -> Tensor:
        left, right = (stacks[symbol] for symbol in self.operands)
        rows = left.shape[0] * left.shape[1]
        flat = reshape(left, shape=(rows, left.shape[2]))  # (T * rows, M)
        total: Tensor = matmul(
            permute(flat, dims=(1, 0)), reshape(right, shape=(rows, right.shape[2]))
        )  # (M, N)
        return total

    def _product(self, stacks: dict[Symbol, Tensor]) -> Tensor:
        left, right = (stacks[symbol] for symbol in self.operands)
        steps, rows, inner = left.shape
        flat = reshape(permute(left, dims=(1, 0, 2)), shape=(rows, steps * inner))  # (M, T * K)
        total: Tensor = matmul(flat, reshape(right, shape=(steps * inner, right.shape[2])))  # (M, N)
        return total

    def _sum(self, stacks: dict[Symbol, Tensor]) -> Tensor:
        dims = (0, *(dim + 1 for dim in self.dims))
        total: Tensor = sum_(stacks[self.operands[0]], dims=dims, keepdim=False)
        if not self.keepdim:
            return total
        kept = [1 if axis in self.dims else n for axis, n in enumerate(self.operands[0].shape)]
        return reshape(total, shape=tuple(kept))  # type: ignore[no-any-return]


class StepGradient:
    """One step forward and backward traced together, then split into what the two loops do and what is left outside."""

    def __init__(self, loop: Loop, wanted: Sequence[bool]) -> None:
        self.loop = loop
        body, first_constant = loop.body, loop.carries + loop.sequences
        self.float_carries = [i for i in range(loop.carries) if dtypes.is_floating(body.inputs[i].dtype)]
        self.wanted = [
            i
            for i, symbol in enumerate(body.inputs)
            if dtypes.is_floating(symbol.dtype) and (i < loop.carries or wanted[i])
        ]
        self._trace(body)
        self._constants = set(self.inputs[first_constant:])
        self._split()
        self._plan_constants(first_constant)
        self._build_backward(first_constant)

    def _trace(self, body: Graph) -> None:
        """Trace the body and its gradient as one program of (inputs, seeds)."""
        floats = [i for i, symbol in enumerate(body.outputs) if dtypes.is_floating(symbol.dtype)]

        def both(inputs: list[Tensor], seeds: list[Tensor]) -> tuple[list[Tensor], list[Tensor | None]]:
            with enable_grad():
                stand_ins = [tensor.requires_grad_(i in self.wanted) for i, tensor in enumerate(inputs)]
                outputs = run_graph(body, stand_ins)
            wanted = [stand_ins[i] for i in self.wanted]
            with no_grad():
                found = local_gradients([outputs[i] for i in floats], wanted, seeds, create_graph=False)
            return outputs, found

        examples = [Tensor(Symbol(s.shape, s.dtype)) for s in body.inputs]
        seeds = [Tensor(Symbol(body.outputs[i].shape, body.outputs[i].dtype)) for i in floats]
        program = trace(both, examples, seeds)
        graph = program.graph
        self.nodes, self.constants = graph.nodes, graph.constants
        self.inputs = program.arguments[: len(body.inputs)]
        self.seeds = program.arguments[len(body.inputs) :]
        outputs = iter(graph.outputs)
        self.forward_outputs = [next(outputs) for _ in body.outputs]
        kinds = program.structure[1]
        self.found: dict[int, Symbol] = {
            i: next(outputs) for i, kind in zip(self.wanted, kinds) if kind is Tensor
        }
        self.maker: dict[Symbol, Node] = {symbol: node for node in self.nodes for symbol in node.outputs}

    def _split(self) -> None:
        """Give the forward loop what its results need, and the backward loop all else, so that little is kept.

        What depends on constants only is cheap to have in both loops.
        """
        needed = set(prune(Graph(self.inputs, self.constants, self.nodes, self.forward_outputs)).nodes)
        varies = set(self.inputs) - self._constants
        self.forward_nodes: list[Node] = []
        self.backward_nodes: list[Node] = []
        for node in self.nodes:
            if node in needed:
                self.forward_nodes.append(node)
                if varies.intersection(node.inputs):
                    varies.update(node.outputs)
                    continue
            self.backward_nodes.append(node)
        self.forward_graph = Graph(self.inputs, self.constants, self.forward_nodes, self.forward_outputs)

    def _plan_constants(self, first_constant: int) -> None:
        """Decide for the gradient of each constant what the loop has to give and what is done after it."""
        self.sums: dict[int, list[Term]] = {}
        self.emitted: list[Symbol] = []
        for position, symbol in self.found.items():
            if position >= first_constant:
                self.sums[position] = self._terms(symbol)
        for terms in self.sums.values():
            for term in terms:
                self.emitted.extend(term.operands)

    def _terms(self, symbol: Symbol) -> list[Term]:
        """Write a per-step gradient as a sum of terms, each of which is one op over all times after the loop."""
        moves: list[Node] = []
        node = self.maker.get(symbol)
        while node is not None and node.op.kind is Kind.MOVEMENT and len(node.inputs) == 1:
            moves.append(node)
            symbol = node.inputs[0]
            node = self.maker.get(symbol)
        if (
            node is not None
            and node.op.name == "add"
            and node.inputs[0].shape == node.inputs[1].shape == symbol.shape
        ):
            terms = [term for operand in node.inputs for term in self._terms(operand)]
            return [Term(term.kind, term.operands, term.dims, [*moves, *term.moves]) for term in terms]
        if node is not None and node.op is matmul and all(len(s.shape) == 2 for s in node.inputs):
            return [self._product(node, moves)]
        if node is not None and node.op is sum_:
            return [Term("sum", node.inputs, node.attributes["dims"], moves, node.attributes["keepdim"])]
        return [Term("sum", (symbol,), (), moves)]

    def _product(self, node: Node, moves: list[Node]) -> Term:
        """Return the product of a left factor, which is mostly something transposed, and a right factor."""
        left, right = node.inputs
        maker = self.maker.get(left)
        if maker is not None and maker.op is permute and maker.attributes["dims"] == (1, 0):
            return Term("outer", (maker.inputs[0], right), (), moves)
        return Term("product", (left, right), (), moves)

    def _build_backward(self, first_constant: int) -> None:
        """Assemble the body of the backward loop, and the residuals that it needs from the forward one."""
        loop = self.loop
        carry_seeds = [self._seed_of(i) for i in self.float_carries]
        arrived = [seed for seed in self.seeds if seed not in carry_seeds]
        next_carry = [self.found.get(i) or self._zero(self.inputs[i]) for i in self.float_carries]
        slices = [s for i, s in self.found.items() if loop.carries <= i < first_constant]
        produced = {symbol for node in self.backward_nodes for symbol in node.outputs} | set(self.seeds)
        emitted = [s for s in dict.fromkeys([*slices, *self.emitted]) if s in produced and s not in arrived]
        outputs = [*next_carry, *emitted]
        pruned = prune(Graph([], self.constants, self.backward_nodes, outputs))
        needed = {s for node in pruned.nodes for s in node.inputs} | set(outputs) | set(self.emitted)
        known = (
            produced | set(self.constants) | self._constants | set(self.inputs[loop.carries : first_constant])
        )
        self.residuals = [
            s
            for s in dict.fromkeys([*self.inputs[: loop.carries], *self._forward_results()])
            if s in needed - known
        ]
        self.given = [*arrived, *self.inputs[loop.carries : first_constant], *self.residuals]
        inputs = [*carry_seeds, *self.given, *self.inputs[first_constant:]]
        body = Graph(inputs, pruned.constants, pruned.nodes, outputs)
        self.backward = Loop(body, len(carry_seeds), len(self.given), loop.length, not loop.reverse)

    def _forward_results(self) -> list[Symbol]:
        return [symbol for node in self.forward_nodes for symbol in node.outputs]

    def _seed_of(self, carry: int) -> Symbol:
        floats = [i for i, symbol in enumerate(self.loop.body.outputs) if dtypes.is_floating(symbol.dtype)]
        return self.seeds[floats.index(carry)]

    def _zero(self, like: Symbol) -> Symbol:
        symbol = Symbol(like.shape, like.dtype)
        self.constants[symbol] = np.zeros(like.shape, like.dtype)
        return symbol

    def gradients(
        self, count: int, carry: Sequence[Tensor], stacks: dict[Symbol, Tensor]
    ) -> list[Tensor | None]:
        """Return the gradient of each input of the forward loop."""
        pulled: list[Tensor | None] = [None] * count
        for position, gradient in zip(self.float_carries, carry):
            pulled[position] = gradient
        for position, symbol in self.found.items():
            if position in self.sums:
                terms = [term.over_time(stacks) for term in self.sums[position]]
                pulled[position] = sum(terms[1:], terms[0])
            elif position >= self.loop.carries:
                pulled[position] = stacks[symbol]
        return pulled
