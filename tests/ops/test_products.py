"""Products of matrices and tensors: values against plain sums, gradients against numerical
differentiation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import koubai
from koubai import check_gradients
from koubai.functions.matrix_chain import multi_dot

SETTINGS = settings(max_examples=40, deadline=None, derandomize=True)


def values(*shape: int, seed: int = 0) -> koubai.Tensor:
    """Normal numbers in float64."""
    return koubai.from_numpy(np.random.default_rng([seed, *shape]).normal(size=shape))


def same_when_traced(function, *inputs):
    """Check that the traced program gives the bits of eager, and return the result."""
    eager = function(*inputs)
    assert koubai.trace(function, *inputs)(*inputs).numpy().tobytes() == eager.numpy().tobytes()
    return eager


@st.composite
def matmul_shapes(draw):
    """Two shapes that can be multiplied: vectors, matrices, or stacks whose leading dimensions broadcast."""
    m, k, n = (draw(st.integers(0, 4)) for _ in range(3))
    batch = draw(st.lists(st.integers(1, 3), max_size=2))
    left = [draw(st.sampled_from([length, 1])) for length in batch[draw(st.integers(0, len(batch))) :]]
    right = [draw(st.sampled_from([length, 1])) for length in batch[draw(st.integers(0, len(batch))) :]]
    a = draw(st.sampled_from([(k,), (*left, m, k)]))
    b = draw(st.sampled_from([(k,), (*right, k, n)]))
    return a, b


@SETTINGS
@given(matmul_shapes())
def test_matmul_broadcasts_like_numpy(shapes):
    a, b = (values(*shape, seed=seed) for seed, shape in enumerate(shapes))
    product = same_when_traced(koubai.matmul, a, b)
    np.testing.assert_allclose(product.numpy(), a.numpy() @ b.numpy(), rtol=1e-12, atol=1e-12)
    check_gradients(koubai.matmul, a, b, order=2)


def test_matmul_is_the_operator_on_both_sides():
    a, b = values(2, 3), values(3, 2)
    assert (a @ b).tolist() == (a.numpy() @ b).tolist() == (a.numpy() @ b.numpy()).tolist()


@pytest.mark.parametrize("dtype", [koubai.float16, koubai.float32, koubai.int64])
def test_the_element_type_is_kept(dtype):
    a = koubai.ones(2, 3, dtype=dtype)
    assert (a @ a.T).dtype == dtype
    assert koubai.einsum("ij,kj->ik", a, a).dtype == dtype


def test_matmul_names_the_sizes_that_do_not_fit():
    with pytest.raises(RuntimeError, match=r"float64\[2, 3\] and float64\[2, 3\].*\(3\) must equal.*\(2\)"):
        values(2, 3) @ values(2, 3)
    with pytest.raises(RuntimeError, match="do not broadcast"):
        values(2, 2, 3) @ values(3, 3, 2)
    with pytest.raises(RuntimeError, match=r"one element type.*\.to\(dtype\)"):
        values(2, 3) @ koubai.ones(3, 2)
    with pytest.raises(RuntimeError, match="at least one dimension"):
        koubai.matmul(values(2), koubai.tensor(1.0, dtype=koubai.float64))


def test_named_products_refuse_other_dimensions():
    matrix, vector, batch = values(2, 2), values(2), values(3, 2, 2)
    for function, operands in [
        (koubai.mm, (matrix, vector)),
        (koubai.mv, (matrix, matrix)),
        (koubai.bmm, (batch, matrix)),
        (koubai.dot, (matrix, vector)),
        (koubai.outer, (matrix, vector)),
    ]:
        with pytest.raises(RuntimeError, match=function.__name__):
            function(*operands)
    with pytest.raises(RuntimeError, match="same batch size"):
        koubai.bmm(batch, values(1, 2, 2))


def test_named_products_are_matmul():
    matrix, vector, batch = values(2, 2), values(2), values(3, 2, 2)
    assert koubai.mm(matrix, matrix).tolist() == (matrix @ matrix).tolist()
    assert koubai.mv(matrix, vector).tolist() == (matrix @ vector).tolist()
    assert koubai.bmm(batch, batch).tolist() == (batch @ batch).tolist()
    assert koubai.dot(vector, vector).item() == koubai.vdot(vector, vector).item() == (vector @ vector).item()
    assert koubai.outer(vector, vector).tolist() == koubai.ger(vector, vector).tolist()
    np.testing.assert_allclose(koubai.inner(batch, matrix).numpy(), np.inner(batch.numpy(), matrix.numpy()))
    np.testing.assert_allclose(koubai.kron(matrix, batch).numpy(), np.kron(matrix.numpy(), batch.numpy()))


@pytest.mark.parametrize(
    ("function", "shapes", "product"),
    [
        (koubai.addmm, [(4,), (3, 2), (2, 4)], lambda a, b: a @ b),
        (koubai.addmv, [(3,), (3, 2), (2,)], lambda a, b: a @ b),
        (koubai.addr, [(3, 2), (3,), (2,)], np.outer),
        (koubai.baddbmm, [(1, 3, 1), (5, 3, 2), (5, 2, 4)], lambda a, b: a @ b),
        (koubai.addbmm, [(3, 4), (5, 3, 2), (5, 2, 4)], lambda a, b: (a @ b).sum(0)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_sums_with_a_product(function, shapes, product):
    inputs = [values(*shape, seed=seed) for seed, shape in enumerate(shapes)]
    arrays = [tensor.numpy() for tensor in inputs]
    result = function(*inputs, beta=0.5, alpha=2)
    np.testing.assert_allclose(result.numpy(), 0.5 * arrays[0] + 2 * product(*arrays[1:]))
    check_gradients(lambda *tensors: function(*tensors, beta=0.5, alpha=2), *inputs, order=2)
    poisoned = function(inputs[0] * float("nan"), *inputs[1:], beta=0)
    np.testing.assert_allclose(poisoned.numpy(), product(*arrays[1:]), err_msg="beta=0 ignores the input")


EQUATIONS = [
    ("ij,jk->ik", [(2, 3), (3, 4)]),
    ("ij,jk", [(2, 3), (3, 4)]),
    ("ba,ca", [(2, 3), (4, 3)]),
    ("ii->i", [(3, 3)]),
    ("ii", [(3, 3)]),
    ("iij->ji", [(3, 3, 2)]),
    ("iii,i->i", [(2, 2, 2), (2,)]),
    ("...ij,...jk->...ik", [(5, 2, 3), (3, 4)]),
    ("...ij,...jk->...ik", [(5, 1, 2, 3), (4, 3, 2)]),
    ("i...->...", [(2, 3, 4)]),
    ("i...j->j", [(2, 3, 4)]),
    ("i,j->ij", [(2,), (3,)]),
    ("i,i->", [(3,), (3,)]),
    ("i,i,i->i", [(3,), (3,), (3,)]),
    (",ij->ji", [(), (2, 3)]),
    ("bn,anm,bm->ba", [(2, 3), (5, 3, 4), (2, 4)]),
    ("ab,bc,cd,de->ae", [(2, 3), (3, 4), (4, 5), (5, 2)]),
    ("bhqd,bhkd->bhqk", [(2, 2, 3, 4), (2, 2, 5, 4)]),
    ("ij,jk->ijk", [(2, 3), (3, 4)]),
    ("ij,kl->", [(2, 3), (4, 5)]),
    ("ij,jk->ik", [(2, 0), (0, 4)]),
]


@pytest.mark.parametrize(("equation", "shapes"), EQUATIONS, ids=[equation for equation, _ in EQUATIONS])
def test_einsum_is_the_sum_that_it_says(equation, shapes):
    tensors = [values(*shape, seed=seed) for seed, shape in enumerate(shapes)]
    result = same_when_traced(lambda *inputs: koubai.einsum(equation, *inputs), *tensors)
    arrays = [tensor.numpy() for tensor in tensors]
    if equation == "i...j->j":  # NumPy does not sum over an ellipsis by itself
        expected = arrays[0].sum((0, 1))
    else:
        expected = np.einsum(equation, *arrays)
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-12, atol=1e-12)
    check_gradients(lambda *inputs: koubai.einsum(equation, *inputs), *tensors, order=2)


@SETTINGS
@given(st.data())
def test_einsum_of_random_equations(data):
    sizes = {label: data.draw(st.integers(1, 3)) for label in "abcd"}
    terms = data.draw(st.lists(st.text("abcd", min_size=0, max_size=3), min_size=1, max_size=3))
    used = sorted(set("".join(terms)))
    output = "".join(data.draw(st.permutations(used)))[: data.draw(st.integers(0, 4))]
    tensors = [values(*(sizes[label] for label in term), seed=seed) for seed, term in enumerate(terms)]
    equation = f"{','.join(terms)}->{output}"
    result = koubai.einsum(equation, *tensors).numpy()
    np.testing.assert_allclose(
        result, np.einsum(equation, *(t.numpy() for t in tensors)), rtol=1e-10, atol=1e-10
    )
    check_gradients(lambda *inputs: koubai.einsum(equation, *inputs), *tensors)


def test_einsum_stretches_dimensions_of_size_one():
    a, b = values(2, 1), values(3, 4)
    assert koubai.einsum("ij,jk->ik", a, b).tolist() == pytest.approx(
        a.numpy() @ b.numpy().sum(0, keepdims=True)
    )


def test_einsum_by_numbers():
    a, b = values(2, 3), values(3, 4)
    assert koubai.einsum(a, [0, 1], b, [1, 2], [0, 2]).tolist() == koubai.einsum("ij,jk->ik", a, b).tolist()
    assert koubai.einsum(a, [..., 1], [1, ...]).tolist() == a.T.tolist()


@pytest.mark.parametrize(
    ("equation", "shapes", "message"),
    [
        ("ij,jk->ik", [(2, 3)], "names 2 operands"),
        ("ij->k", [(2, 3)], "'k' appears in no operand"),
        ("ij->ii", [(2, 3)], "twice in the result"),
        ("i1->i", [(2, 3)], "letters"),
        ("ijk->i", [(2, 3)], "names 3 dimensions"),
        ("i->i", [(2, 3)], "names 1 dimensions"),
        ("ij,jk->ik", [(2, 3), (4, 5)], "'j' is 3 in one operand and 4"),
        ("ii->i", [(2, 3)], "repeated on dimensions of different size"),
    ],
)
def test_einsum_explains_what_does_not_fit(equation, shapes, message):
    with pytest.raises(RuntimeError, match=message):
        koubai.einsum(equation, *(values(*shape) for shape in shapes))


@pytest.mark.parametrize(
    ("a", "b", "dims"),
    [
        ((2, 3, 4), (3, 4, 5), 2),
        ((2, 3), (4, 5), 0),
        ((2, 3, 4), (4, 2, 5), ([2, 0], [0, 1])),
        ((3,), (3,), [[0], [0]]),
    ],
)
def test_tensordot_is_numpys(a, b, dims):
    x, y = values(*a), values(*b)
    np.testing.assert_allclose(koubai.tensordot(x, y, dims).numpy(), np.tensordot(x.numpy(), y.numpy(), dims))
    check_gradients(lambda x, y: koubai.tensordot(x, y, dims), x, y)


def test_chains_are_multiplied_in_the_cheapest_order():
    matrices = [values(*shape) for shape in [(10, 100), (100, 5), (5, 50)]]
    program = koubai.trace(lambda *m: koubai.chain_matmul(*m), *matrices)
    products = [node.outputs[0].shape for node in program.graph.nodes if node.op.name == "matmul"]
    assert products == [(10, 5), (10, 50)]
    expected = np.linalg.multi_dot([m.numpy() for m in matrices])
    np.testing.assert_allclose(koubai.chain_matmul(*matrices).numpy(), expected)


def test_a_chain_may_begin_and_end_with_vectors():
    first, matrix, last = values(3), values(3, 4), values(4)
    assert multi_dot([first, matrix, last]).item() == pytest.approx((first @ matrix @ last).item())


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_matrix_power_is_the_repeated_product(n):
    a = values(2, 3, 3)
    np.testing.assert_allclose(
        koubai.matrix_power(a, n).numpy(), np.linalg.matrix_power(a.numpy(), n), atol=1e-12
    )
    check_gradients(lambda a: koubai.matrix_power(a, n), a)
