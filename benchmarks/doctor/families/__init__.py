"""`FAMILIES`: faults that have no published case, and published ones in other networks, with healthy twins."""

from doctor.families.generalisation import GENERALISATION
from doctor.families.handwork import HANDWORK
from doctor.families.images import IMAGES
from doctor.families.memory import MEMORY
from doctor.families.sequences import SEQUENCES
from doctor.families.tables import TABLES
from doctor.families.wiring import WIRING

__all__ = ["FAMILIES"]

FAMILIES = [*GENERALISATION, *WIRING, *MEMORY, *IMAGES, *SEQUENCES, *TABLES, *HANDWORK]
