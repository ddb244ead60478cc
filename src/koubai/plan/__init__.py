"""Says what a training will need and take before it is begun: memory, time, cost; and what more data would bring.

Read in this order: `workload` and `examples` (what is planned), `apart` and `pilot` (a short training, measured),
`recomputation` and `memory`, `prediction`, `claim`, `planner` (all of it together), `named` (by a name); then what the
data say: `power_law`, `growth` (more data), `outlook` (more epochs), `depth`, `risk`, `study`.
"""

from koubai.plan.claim import Claim
from koubai.plan.depth import Depths, depths, gradient_reach
from koubai.plan.growth import Growth, growth
from koubai.plan.memory import Footprint
from koubai.plan.outlook import Outlook, outlook
from koubai.plan.pilot import Pilot
from koubai.plan.planner import Plan, plan
from koubai.plan.power_law import Forecast, PowerLaw, forecast
from koubai.plan.prediction import Prediction
from koubai.plan.risk import Risk, risk

__all__ = [
    "Claim",
    "Depths",
    "Footprint",
    "Forecast",
    "Growth",
    "Outlook",
    "Pilot",
    "Plan",
    "PowerLaw",
    "Prediction",
    "Risk",
    "depths",
    "forecast",
    "gradient_reach",
    "growth",
    "outlook",
    "plan",
    "risk",
]
