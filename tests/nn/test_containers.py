"""Containers hold modules and parameters like lists and dictionaries, and register them."""

from collections import OrderedDict

import pytest

import koubai
from koubai import nn


def tens(*factors: float) -> list[nn.Module]:
    """Layers that multiply by their factors."""

    class Times(nn.Module):
        def __init__(self, factor):
            super().__init__()
            self.factor = factor

        def forward(self, x):
            return x * self.factor

        def extra_repr(self):
            return str(self.factor)

    return [Times(factor) for factor in factors]


def factors(row) -> list[float]:
    return [module.factor for module in row]


def test_sequential_runs_in_order_and_takes_names():
    named = nn.Sequential(OrderedDict(zip("ab", tens(2, 3))))
    assert named(koubai.tensor(1.0)).item() == 6
    assert [name for name, _ in named.named_children()] == ["a", "b"]
    assert named.b is named[1]
    assert nn.Sequential()(5) == 5


@pytest.mark.parametrize("kind", [nn.Sequential, lambda *modules: nn.ModuleList(modules)])
def test_rows_behave_like_lists(kind):
    row = kind(*tens(1, 2, 3))
    assert len(row) == 3
    assert factors(row) == [1, 2, 3]
    assert row[-1].factor == 3
    assert factors(row[1:]) == [2, 3]
    assert type(row[1:]) is type(row)
    row[0] = tens(9)[0]
    row.insert(1, tens(8)[0])
    row.append(tens(7)[0]).extend(tens(6, 5))
    row += tens(4)
    assert factors(row) == [9, 8, 2, 3, 7, 6, 5, 4]
    assert row.pop(1).factor == 8
    del row[0]
    del row[-2:]
    assert factors(row) == [2, 3, 7, 6]
    assert [name for name, _ in row.named_children()] == ["0", "1", "2", "3"]
    assert factors(row + tens(1)) == [2, 3, 7, 6, 1]
    with pytest.raises(IndexError, match=r"index 9 is out of range for a .* of 4 modules"):
        row[9]


def test_a_list_prints_equal_neighbours_once():
    layers = nn.ModuleList([nn.Linear(1, 1), nn.Linear(1, 1), nn.Identity()])
    assert repr(layers) == (
        "ModuleList(\n  (0-1): 2 x Linear(in_features=1, out_features=1, bias=True)\n  (2): Identity()\n)"
    )


def test_module_dict_behaves_like_a_dictionary():
    table = nn.ModuleDict({"a": tens(1)[0]})
    table["b"] = tens(2)[0]
    table.update([("c", tens(3)[0])])
    assert list(table) == list(table.keys()) == ["a", "b", "c"]
    assert factors(table.values()) == [1, 2, 3]
    assert dict(table.items())["b"] is table["b"]
    assert "a" in table
    assert table.pop("a").factor == 1
    del table["b"]
    assert len(table) == 1
    table.clear()
    assert len(table) == 0


def test_parameters_in_a_list_are_registered():
    row = nn.ParameterList([koubai.ones(1), nn.Parameter(koubai.zeros(2))])
    row.append(koubai.ones(3))
    row += [koubai.ones(4)]
    row[0] = koubai.ones(5)
    assert [name for name, _ in row.named_parameters()] == ["0", "1", "2", "3"]
    assert [len(parameter) for parameter in row] == [5, 2, 3, 4]
    assert len(row[1:]) == 3
    assert "(0): Parameter (5,) float32" in repr(row)
    with pytest.raises(TypeError, match="expected a Parameter or a Tensor, got int"):
        row.append(3)


def test_parameters_under_names_are_registered():
    table = nn.ParameterDict({"a": koubai.ones(1)})
    table["b"] = nn.Parameter(koubai.ones(2))
    assert list(table.state_dict()) == ["a", "b"]
    assert [len(parameter) for parameter in table.values()] == [1, 2]
    assert "b" in table
    del table["a"]
    assert len(table.pop("b")) == 2
    assert len(table) == 0
