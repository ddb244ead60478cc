"""The doctor: says why a training goes wrong, with evidence, stays silent when all is well, and proves its cure.

Read it in this order: `vital_signs` (what is measured in a step), `history` and `patient` (what it knows), `facts/`
(what it finds out), `consultation` (one look), `harm`, `checks/` (one cause each), `diagnosis` (which of them it is);
then its faces: `watch` (in `Trainer`), `attach` (in a loop of your own), `checklist`; `chart` is what the record keeps.
"""

from koubai.doctor.attach import attach
from koubai.doctor.checklist import checklist
from koubai.doctor.examine import examine
from koubai.doctor.finding import CAUSES, Finding
from koubai.doctor.watch import Doctor

__all__ = ["CAUSES", "Doctor", "Finding", "attach", "checklist", "examine"]
