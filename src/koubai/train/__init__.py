"""Training: the Trainer, the callbacks that hang on its events, metrics, and the record of a run on disk.

`Trainer(model, loss, optimizer).fit(train, validation, epochs)` trains; `RunRecord` keeps it on disk, to be
resumed to the same bits, and `replay` opens any of its steps again; `lr_find`, `overfit_batches` and
`compare_learning_rates` help to debug it.
"""

from koubai.train import metrics
from koubai.train.baseline import Baseline, Evaluation, Target
from koubai.train.checkpoint import DamagedCheckpoint
from koubai.train.checks import NonFiniteLoss
from koubai.train.debug_aids import Overfitting, compare_learning_rates, overfit_batches
from koubai.train.early_stopping import EarlyStopping, NoMoreImprovement
from koubai.train.events import EVENTS, Callback
from koubai.train.journal import STEP_COLUMNS
from koubai.train.lr_find import LearningRates, lr_find
from koubai.train.memory import OutOfMemory
from koubai.train.metrics import METRICS, Metric, make_metric
from koubai.train.monitor import Best, Monitor
from koubai.train.opened_step import OpenedLayer, OpenedParameter, OpenedStep
from koubai.train.progress import Progress
from koubai.train.record import RunRecord, list_runs
from koubai.train.record_error import RecordError
from koubai.train.recorder import Recorder
from koubai.train.rehearsal import Observer, Rehearsal
from koubai.train.replay import replay
from koubai.train.switch_optimizer import SwitchOptimizer
from koubai.train.trainer import Trainer

__all__ = [
    "EVENTS",
    "METRICS",
    "STEP_COLUMNS",
    "Baseline",
    "Best",
    "Callback",
    "DamagedCheckpoint",
    "EarlyStopping",
    "Evaluation",
    "LearningRates",
    "Metric",
    "Monitor",
    "NoMoreImprovement",
    "NonFiniteLoss",
    "Observer",
    "OpenedLayer",
    "OpenedParameter",
    "OpenedStep",
    "OutOfMemory",
    "Overfitting",
    "Progress",
    "RecordError",
    "Recorder",
    "Rehearsal",
    "RunRecord",
    "SwitchOptimizer",
    "Target",
    "Trainer",
    "compare_learning_rates",
    "list_runs",
    "lr_find",
    "make_metric",
    "metrics",
    "overfit_batches",
    "replay",
]
