"""Whether values on their way forwards and gradients on their way back keep their size: initialisation, activation."""

from __future__ import annotations

import numpy as np

from koubai.doctor.checks.check import Evidence, check, found
from koubai.doctor.consultation import Consultation
from koubai.doctor.facts.anatomy import SATURATING, Layer, examine_layers
from koubai.doctor.framework import Array
from koubai.i18n import N_, _

_VANISHED = 1e-3  # of the last layer's gradient; healthy nets stay within two orders (Glorot and Bengio 2010)
_FADING = 1e-2
_DEAD = 0.9  # share of a layer's units
_EXPLOSIVE = ("Exponential", "Exp")
_DEEP = 12  # the shallowest net that degradation was shown for had 20 layers, with normalisation
_LARGE_GAIN = 3.0  # times He's: after three layers values have grown by 27
_SMALL_GAIN = 0.25  # times He's; what remains after three layers is a hundredth (tanh and the like want 0.7)
_LOUD = 3.0  # times the loss of a constant answer, which is where a good start lies


def _gradient_sizes(c: Consultation) -> list[tuple[str, float]]:
    """Return root mean squares of the weights' gradients, in the order of the layers; the median over the training."""
    names = {id(p): n for n, p in c.patient.model.named_parameters()}
    found_ones = []
    for layer in c.anatomy.weighted:
        name = names.get(id(layer.weight), "")
        count = float(np.prod(layer.weight.shape))
        seen = [s.parameters[name].gradient for s in c.history.signs if name in s.parameters]
        if not seen and name in c.anatomy.gradients:
            seen = [float(np.sqrt((c.anatomy.gradients[name].astype(np.float64) ** 2).sum()))]
        if seen:
            found_ones.append((layer.path, float(np.median(seen)) / np.sqrt(count)))
    return found_ones


@check("vanishing_gradient")
def vanishing_gradient(c: Consultation) -> Evidence | None:
    """Early layers get a gradient that is a tiny share of the last layer's."""
    through_time = _fades_through_time(c)
    if through_time is not None:
        return through_time
    sizes = _gradient_sizes(c)
    if len(sizes) < 3 or not sizes[-1][1] or not all(np.isfinite(size) for _path, size in sizes):
        return None
    path, smallest = min(sizes[:-1], key=lambda pair: pair[1])
    ratio = smallest / sizes[-1][1]
    if not 0 < ratio < _FADING:
        return None
    return found(
        0.92 if ratio < _VANISHED else 0.6,
        _("the gradient of {path} is {ratio:.1e} of the last layer's").format(path=path, ratio=ratio),
        _(
            "use the ReLU family with He initialisation, normalisation between layers, or residual connections"
        ),
        code="nn.ReLU()   # nn.init.kaiming_normal_(weight)",
        withdrawn_if=_("the early layers learn all the same"),
        layer=path,
        numbers={N_("ratio"): ratio},
        curve=[size for _path, size in sizes],
        curve_name=_("gradient from the first to the last layer"),
    )


def _fades_through_time(c: Consultation) -> Evidence | None:
    """Judge a recurrent net: the gradient for the inputs of early times against that for the last ones."""
    recurrent = next((x for x in c.anatomy.layers if x.kind in ("RNN", "LSTM", "GRU")), None)
    gradient = c.anatomy.input_gradient
    if recurrent is None or gradient is None or gradient.ndim != 3 or gradient.shape[1] < 8:
        return None
    sizes = np.sqrt((gradient.astype(np.float64) ** 2).mean((0, 2)))  # (T,)
    early, late = float(sizes[: len(sizes) // 4].mean()), float(sizes[-2:].mean())
    if not np.isfinite(sizes).all() or not late or early / late > _VANISHED:
        return None
    return found(
        0.9 if recurrent.kind == "RNN" else 0.7,  # gates can learn to stay open
        _("the gradient for the first quarter of the times is {ratio:.1e} of that for the last").format(
            ratio=early / late
        ),
        _("use LSTM or GRU with a forget bias of 1, orthogonal recurrent weights, shorter sequences"),
        code="nn.LSTM(…)   # nn.init.orthogonal_(rnn.weight_hh_l0)",
        withdrawn_if=_("what matters stands at the end of the sequences"),
        layer=recurrent.path,
        numbers={N_("ratio"): early / late},
        curve=sizes.tolist(),
        curve_name=_("gradient from the first to the last time"),
    )


@check("hidden_activation")
def hidden_activation(c: Consultation) -> Evidence | None:
    """Hidden activations let gradients fade, or values explode."""
    hidden = [layer for layer in c.anatomy.layers[:-1] if layer.weight is None]
    explosive = [layer for layer in hidden if layer.kind in _EXPLOSIVE]
    if explosive and not np.isfinite(c.answers).all():
        return _activation(
            0.9,
            explosive[0],
            _("{kind} grows faster than any weight can hold").format(kind=explosive[0].kind),
        )
    fading = vanishing_gradient.look(c)
    saturating = [layer for layer in hidden if layer.kind in SATURATING]
    if fading and len(saturating) >= 2 and _fades_forwards(c) is None:
        symptom = _(
            "{count} layers of {kind}, whose slope is below 1 nearly everywhere, stand behind each other"
        ).format(count=len(saturating), kind=saturating[0].kind)
        return _activation(fading["confidence"] - 0.02, saturating[0], symptom)
    return None


def _activation(confidence: float, layer: Layer, symptom: str) -> Evidence:
    return found(
        confidence,
        symptom,
        _("use ReLU or one of its family between the layers"),
        code="nn.ReLU()",
        withdrawn_if=_("the same net with ReLU trains no better"),
        layer=layer.path,
    )


@check("exploding_gradient")
def exploding_gradient(c: Consultation) -> Evidence | None:
    """Values or gradients grow from layer to layer until they are no numbers any more."""
    if c.history.steps > 1:
        return None  # it began well: the updates are to blame
    broken = next((layer for layer in c.anatomy.layers if not np.isfinite(layer.output).all()), None)
    if broken is None or not np.isfinite(broken.input).all():
        return None
    return found(
        0.95,
        _("{path} gives values that are not finite in the first step, before any update").format(
            path=broken.path
        ),
        _("use activations that do not grow so fast, normalise between layers, clip gradients at 1.0"),
        code="clip_norm=1.0",
        withdrawn_if=_("the inputs are not finite themselves"),
        layer=broken.path,
        step=1,
        curve=[float(np.nan_to_num(np.abs(layer.output).max(), posinf=1e38)) for layer in c.anatomy.layers],
        curve_name=_("largest output of each layer"),
    )


@check("dying_relu")
def dying_relu(c: Consultation) -> Evidence | None:
    """Nearly all units of a ReLU layer are 0 for every sample, so that nothing flows back."""
    for layer in c.anatomy.layers:
        if layer.kind not in ("ReLU", "ReLU6") or layer.output.ndim < 2:
            continue
        dead = float(
            (layer.output == 0).reshape(len(layer.output), layer.output.shape[1], -1).all((0, 2)).mean()
        )
        if dead >= _DEAD:
            return found(
                0.9,
                _("{dead:.0%} of the units of {path} are 0 for every sample").format(
                    dead=dead, path=layer.path
                ),
                _("use a leaky ReLU, a lower learning rate, and He initialisation"),
                code="nn.LeakyReLU(0.01)",
                withdrawn_if=_("other samples wake the units"),
                layer=layer.path,
                numbers={N_("share of dead units"): dead},
            )
    return None


@check("init")
def init(c: Consultation) -> Evidence | None:
    """Initial weights are all alike, or far larger or smaller than their layers need."""
    for layer in c.anatomy.weighted[:-1]:
        weight = c.patient.framework.array(layer.weight)
        if weight.shape[0] > 1 and np.allclose(weight, weight[:1], rtol=1e-3, atol=0):
            symptom = _("all units of {path} have the same weights, so they will learn the same").format(
                path=layer.path
            )
            return _drawn_badly(0.93, symptom, layer.path)
    if not c.history.signs or not c.history.losses:
        return None
    faded = _fades_forwards(c)
    if faded is not None:
        return faded
    name, gain = max(_gains(c), key=lambda pair: pair[1], default=("", 0.0))
    first = c.history.losses[0]
    if gain < _LARGE_GAIN or first < _LOUD * max(c.constant_loss, 1e-6):
        return None
    symptom = _(
        "the first loss is {first:.3g}, where a constant answer has {constant:.3g}: "
        "{name} began with {gain:.1f} times He's size"
    ).format(first=first, constant=c.constant_loss, name=name, gain=gain)
    return _drawn_badly(0.93, symptom, name.rpartition(".")[0] or None)


def _fades_forwards(c: Consultation) -> Evidence | None:
    """Judge weights that are too small: from layer to layer less of what tells samples apart is left."""
    gains = [(name, gain) for name, gain in _gains(c) if gain < _SMALL_GAIN]
    spreads = [float(layer.output.std(0).mean()) for layer in c.anatomy.weighted]
    if len(gains) < 3 or len(spreads) < 3 or not spreads[-1] < _VANISHED * spreads[0]:
        return None
    name, gain = gains[0]
    symptom = _(
        "from the first to the last layer the differences between samples shrink to {share:.1e}: "
        "{name} began with {gain:.1e} times He's size"
    ).format(share=spreads[-1] / spreads[0], name=name, gain=gain)
    return {
        **_drawn_badly(0.93, symptom, name.rpartition(".")[0] or None),
        "curve": spreads,
        "curve_name": _("differences between samples from the first to the last layer"),
    }


def _gains(c: Consultation) -> list[tuple[str, float]]:
    """Return how the first weights compare with He's: their standard deviation over sqrt(2 / fan_in)."""
    first = c.history.signs[0].parameters
    shapes = {n: tuple(p.shape) for n, p in c.patient.model.named_parameters()}
    wide = {n: shape for n, shape in shapes.items() if len(shape) >= 2 and n in first}
    return [(n, first[n].weight / np.sqrt(np.prod(s)) / np.sqrt(2 / np.prod(s[1:]))) for n, s in wide.items()]


def _drawn_badly(confidence: float, symptom: str, layer: str | None) -> Evidence:
    return found(
        confidence,
        symptom,
        _("draw the weights at random: He for the ReLU family, Xavier for tanh and sigmoid"),
        code="nn.init.kaiming_normal_(layer.weight)",
        withdrawn_if=_("other weights do no better"),
        layer=layer,
        step=1,
    )


@check("missing_nonlinearity")
def missing_nonlinearity(c: Consultation) -> Evidence | None:
    """Several layers with weights, but what the last one gets is a straight function of the inputs."""
    weighted = c.anatomy.weighted
    if len(weighted) < 2 or c.features is None or not _is_straight(c):
        return None
    better = c.neighbours - max(c.skill, 0.0)
    return found(
        0.95 if better > 0.1 else 0.6,
        _(
            "{count} layers with weights make one straight line together: "
            "the model reaches a skill of {skill:.2f}, a simple one {reference:.2f}"
        ).format(count=len(weighted), skill=c.skill, reference=c.reference),
        _("put a ReLU behind every layer but the last"),
        code="nn.Linear(…), nn.ReLU(), nn.Linear(…)",
        withdrawn_if=_("the data are straight: then one layer does as well"),
        layer=weighted[0].path,
    )


def _is_straight(c: Consultation) -> bool:
    """Whether what goes into the last layer with weights is a straight function of inputs, however large they are."""
    if c.driven is None or c.features is None:
        return False
    strong = examine_layers(c.patient, c.driven).weighted[-1].input
    return _fits_a_line(c.features, c.anatomy.weighted[-1].input) and _fits_a_line(
        c.patient.framework.array(c.driven.inputs[0]), strong
    )


def _fits_a_line(x: Array, y: Array) -> bool:
    x = np.c_[x.reshape(len(x), -1), np.ones(len(x))].astype(np.float64)
    y = y.reshape(len(y), -1).astype(np.float64)
    if len(x) != len(y) or len(x) <= 2 * x.shape[1] or not np.isfinite(y).all():
        return False
    left = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    spread = ((y - y.mean(0)) ** 2).sum()
    return bool(spread > 0 and (left**2).sum() < 1e-4 * spread)


@check("depth")
def depth(c: Consultation) -> Evidence | None:
    """Many layers with neither residual connections nor normalisation (He et al. 2016, section 1: degradation)."""
    plain = len(c.anatomy.weighted)
    helped = any(layer.kind.endswith("Norm") or "Norm" in layer.kind for layer in c.anatomy.layers)
    if plain < _DEEP or helped or not np.isfinite(c.answers).all():
        return None
    return found(
        0.75,
        _(
            "{count} layers with weights stand behind each other without residual connections or normalisation"
        ).format(count=plain),
        _("put connections around pairs of layers, or take layers away"),
        code="nn.Residual(nn.Sequential(nn.Linear(n, n), nn.ReLU(), nn.Linear(n, n)))",
        withdrawn_if=_("half of the layers do no better"),
        numbers={N_("layers"): plain},
    )
