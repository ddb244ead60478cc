"""The doctor: says why a training goes wrong, with evidence, stays silent when all is well, and proves its cure.

Read it in this order: `vital_signs` (what is measured in a step), `history` and `patient` (what it knows), `facts/`
(what it finds out), `consultation` (one look), `harm`, `checks/` (one cause each), `diagnosis` (which of them it is);
then its faces: `watch` (in `Trainer`), `attached/` (in a loop of your own), `checklist`, `cure` with `treatment/`
(remedies, tried and proven), `experiments/` (on request); `chart` and `proof_file` are what the record keeps.
"""

from koubai.doctor.attached.attach import attach
from koubai.doctor.checklist import checklist
from koubai.doctor.cure import treat
from koubai.doctor.examine import examine
from koubai.doctor.experiments import Sensitivity, more_data, sensitivity
from koubai.doctor.finding import CAUSES, Finding
from koubai.doctor.looking import is_looking
from koubai.doctor.treatment import Proof, Training
from koubai.doctor.watch import Doctor

__all__ = [
    "CAUSES",
    "Doctor",
    "Finding",
    "Proof",
    "Sensitivity",
    "Training",
    "attach",
    "checklist",
    "examine",
    "is_looking",
    "more_data",
    "sensitivity",
    "treat",
]
