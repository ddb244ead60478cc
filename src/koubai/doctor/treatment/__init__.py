"""Treatment: remedies that are tried out in short paired trials against the untreated training, and proven.

`training` is what is tried, `surgery` changes a model's layers, `menu` lists the remedies, `prescription` chooses some
for what was found, `treat` runs the trials and writes the proof.
"""

from koubai.doctor.treatment.menu import MENU, Remedy
from koubai.doctor.treatment.training import Training
from koubai.doctor.treatment.treat import Proof, Treated, treat

__all__ = ["MENU", "Proof", "Remedy", "Training", "Treated", "treat"]
