"""Modules register what is assigned to them, and can be walked, switched, copied and printed."""

import copy

import pytest

import koubai
from koubai import nn


class Block(nn.Module):
    """Two layers, a parameter and a buffer of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 3)
        self.second = nn.Linear(3, 2, bias=False)
        self.scale = nn.Parameter(koubai.ones(2))
        self.register_buffer("seen", koubai.zeros(1))
        self.register_buffer("cache", koubai.zeros(1), persistent=False)

    def forward(self, x):
        return self.second(self.first(x)) * self.scale


def test_assigned_parameters_buffers_and_modules_are_found_by_name():
    block = Block()
    assert [name for name, _ in block.named_parameters()] == [
        "scale",
        "first.weight",
        "first.bias",
        "second.weight",
    ]
    assert [name for name, _ in block.named_buffers()] == ["seen", "cache"]
    assert [name for name, _ in block.named_modules()] == ["", "first", "second"]
    assert [name for name, _ in block.named_children()] == ["first", "second"]
    assert [name for name, _ in block.named_parameters("block", recurse=False)] == ["block.scale"]


def test_paths_lead_to_their_values():
    outer = nn.Sequential(Block())
    assert outer.get_submodule("0.first") is outer[0].first
    assert outer.get_submodule("") is outer
    assert outer.get_parameter("0.first.weight") is outer[0].first.weight
    assert outer.get_buffer("0.seen") is outer[0].seen
    with pytest.raises(AttributeError, match=r"Block has no layer 'third' \(on the path '0.third'\)"):
        outer.get_submodule("0.third")
    with pytest.raises(AttributeError, match="Linear has no parameter 'gain'"):
        outer.get_parameter("0.first.gain")


def test_a_shared_parameter_is_one_parameter():
    block = Block()
    block.again = block.first
    block.tied = block.scale
    assert len(list(block.parameters())) == 4
    assert len(list(block.named_parameters(remove_duplicate=False))) == 7
    assert len(list(block.modules())) == 3
    twin = copy.deepcopy(block)
    assert twin.again is twin.first
    assert twin.tied is twin.scale
    assert twin.scale is not block.scale


def test_assigning_moves_a_name_from_one_kind_to_another():
    block = Block()
    block.seen = nn.Parameter(koubai.zeros(1))
    assert "seen" in dict(block.named_parameters())
    assert "seen" not in dict(block.named_buffers())
    block.first = None
    assert block.first is None
    assert "first.weight" not in dict(block.named_parameters())
    del block.second
    assert not hasattr(block, "second")


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [("scale", koubai.ones(2), "Parameter"), ("first", 3, "Module"), ("seen", "text", "Tensor")],
)
def test_a_registered_name_takes_only_its_kind(name, value, kind):
    with pytest.raises(TypeError, match=f"to '{name}' of Block: it holds a {kind}"):
        setattr(Block(), name, value)


def test_a_buffer_takes_any_tensor_and_buffers_assign_themselves():
    block = Block()
    block.seen = koubai.ones(1)
    assert block.get_buffer("seen").item() == 1
    block.count = nn.Buffer(koubai.tensor([4.0]), persistent=False)
    assert "count" in dict(block.named_buffers())
    assert "count" not in block.state_dict()


def test_registering_checks_names_and_kinds():
    block = Block()
    with pytest.raises(KeyError, match="must not contain a dot"):
        block.register_parameter("a.b", nn.Parameter(koubai.ones(1)))
    with pytest.raises(KeyError, match="already has an attribute 'forward'"):
        block.register_buffer("forward", koubai.ones(1))
    with pytest.raises(TypeError, match="must be a Parameter or None, got Tensor"):
        block.register_parameter("weight", koubai.ones(1))
    with pytest.raises(TypeError, match="module name must be a string, got int"):
        block.add_module(1, nn.Identity())


def test_assigning_before_init_is_refused():
    class Hasty(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.Identity()

    with pytest.raises(AttributeError, match=r"call super\(\).__init__\(\) in Hasty"):
        Hasty()


def test_an_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'Block' object has no attribute 'wieght'"):
        _ = Block().wieght


def test_modes_reach_all_layers():
    model = nn.Sequential(Block(), nn.Dropout())
    assert model.eval() is model
    assert not any(module.training for module in model.modules())
    model.train()
    assert all(module.training for module in model.modules())
    with pytest.raises(ValueError, match="True or False, got 'yes'"):
        model.train("yes")


def test_freezing_and_forgetting_gradients():
    block = Block()
    block(koubai.ones(1, 2)).sum().backward()
    block.zero_grad(set_to_none=False)
    assert all(float(parameter.grad.abs().sum()) == 0 for parameter in block.parameters())
    block.zero_grad()
    assert all(parameter.grad is None for parameter in block.parameters())
    block.first.requires_grad_(False)
    assert [name for name, p in block.named_parameters() if p.requires_grad] == ["scale", "second.weight"]


def test_apply_visits_children_before_their_owner():
    visited = []
    nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.Identity())).apply(
        lambda m: visited.append(type(m).__name__)
    )
    assert visited == ["Linear", "Identity", "Sequential", "Sequential"]


def test_conversion_keeps_parameters_and_converts_only_floating_tensors():
    norm = nn.BatchNorm1d(2)
    weight = norm.weight
    norm(koubai.ones(2, 2) * koubai.tensor([[1.0], [2.0]])).sum().backward()
    assert norm.double() is norm
    assert norm.weight is weight
    assert {t.dtype for t in (norm.weight, norm.weight.grad, norm.running_mean)} == {koubai.float64}
    assert norm.num_batches_tracked.dtype == koubai.int64
    assert norm.float().weight.dtype == koubai.float32
    assert norm.half().weight.dtype == koubai.float16
    assert norm.to(koubai.zeros(1, dtype=koubai.float64)).weight.dtype == koubai.float64
    assert norm.to("cpu", koubai.float32).weight.dtype == koubai.float32
    assert norm.cpu() is norm


def test_conversion_refuses_other_devices_and_integers():
    with pytest.raises(RuntimeError, match="no device 'tpu:0'"):
        nn.Linear(1, 1).to("tpu:0")
    with pytest.raises(RuntimeError, match="no device 'tpu'"):
        nn.Linear(1, 1, device="tpu")
    with pytest.raises(TypeError, match="floating-point dtype, not to int64"):
        nn.Linear(1, 1).to(koubai.int64)


def test_a_layer_trains_on_in_its_new_dtype():
    layer = nn.Linear(2, 1).double()
    layer(koubai.ones(1, 2, dtype=koubai.float64)).sum().backward()
    assert layer.weight.grad.dtype == koubai.float64


def test_deepcopy_is_independent():
    block = Block()
    twin = copy.deepcopy(block)
    with koubai.no_grad():
        twin.scale.fill_(7)
        twin.seen.fill_(7)
    assert block.scale.tolist() == [1, 1]
    assert block.seen.tolist() == [0]
    assert twin.scale.requires_grad


def test_the_printed_form_shows_the_tree():
    assert repr(nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.Identity()))) == (
        "Sequential(\n"
        "  (0): Linear(in_features=2, out_features=3, bias=True)\n"
        "  (1): Sequential(\n"
        "    (0): Identity()\n"
        "  )\n"
        ")"
    )


def test_a_module_without_forward_says_so():
    with pytest.raises(NotImplementedError, match=r"Module has no forward\(\)"):
        nn.Module()(1)
