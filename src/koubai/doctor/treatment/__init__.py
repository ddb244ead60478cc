"""Treatment: remedies that are tried out in short paired trials against the untreated training, and proven.

`training` is what is tried, `surgery` changes a model's layers, `menu` lists the remedies, `prescription` chooses some
for what was found, `treat` runs the trials, `proof` is what they showed, with `changes` in numbers.
"""

from koubai.doctor.treatment.menu import MENU, Remedy
from koubai.doctor.treatment.proof import Coming, Proof, Treated, Trial
from koubai.doctor.treatment.training import Training
from koubai.doctor.treatment.treat import treat, treating

__all__ = ["MENU", "Coming", "Proof", "Remedy", "Training", "Treated", "Trial", "treat", "treating"]
