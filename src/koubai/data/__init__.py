"""Data sets, batches, scaling, splits and augmentation.

Names follow `torch.utils.data`, and torchvision's transforms for images. All chance comes from a
`koubai.Generator`.
"""

from koubai.data.bundled import breast_cancer, diabetes, digits, iris, wine
from koubai.data.catalogue import DATASETS, Card, load
from koubai.data.cifar import cifar10
from koubai.data.collate import default_collate, default_convert
from koubai.data.csv_dataset import CSVDataset, from_csv
from koubai.data.dataset import ConcatDataset, Dataset, IterableDataset, Subset, TensorDataset
from koubai.data.download import DownloadError, RemoteFile, data_folder, fetch
from koubai.data.downloaded import fashion_mnist, mnist
from koubai.data.fsdd import Recordings, spoken_digits
from koubai.data.idx import read_idx
from koubai.data.image import (
    Cutout,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
    RandomRotation,
    RandomShift,
    RandomVerticalFlip,
)
from koubai.data.labelled import LabelledData
from koubai.data.loader import DataLoader
from koubai.data.mixing import Mixup, mixup
from koubai.data.normalize import MinMaxScale, Scaler, Standardize, scaler_from_state
from koubai.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from koubai.data.schema import Schema, infer_schema
from koubai.data.split import random_split, stratified_indices, stratified_split
from koubai.data.table import Table, read_csv
from koubai.data.text import (
    CHARACTERS,
    WORDS,
    Paraphrase,
    RandomDeletion,
    RandomSwap,
    SynonymReplacement,
    Tokenizer,
)
from koubai.data.transform import Compose, Transform
from koubai.data.wav import read_sound, resample

__all__ = [
    "CHARACTERS",
    "DATASETS",
    "WORDS",
    "BatchSampler",
    "CSVDataset",
    "Card",
    "Compose",
    "ConcatDataset",
    "Cutout",
    "DataLoader",
    "Dataset",
    "DownloadError",
    "IterableDataset",
    "LabelledData",
    "MinMaxScale",
    "Mixup",
    "Paraphrase",
    "RandomCrop",
    "RandomDeletion",
    "RandomErasing",
    "RandomHorizontalFlip",
    "RandomRotation",
    "RandomSampler",
    "RandomShift",
    "RandomSwap",
    "RandomVerticalFlip",
    "Recordings",
    "RemoteFile",
    "Sampler",
    "Scaler",
    "Schema",
    "SequentialSampler",
    "Standardize",
    "Subset",
    "SubsetRandomSampler",
    "SynonymReplacement",
    "Table",
    "TensorDataset",
    "Tokenizer",
    "Transform",
    "WeightedRandomSampler",
    "breast_cancer",
    "cifar10",
    "data_folder",
    "default_collate",
    "default_convert",
    "diabetes",
    "digits",
    "fashion_mnist",
    "fetch",
    "from_csv",
    "infer_schema",
    "iris",
    "load",
    "mixup",
    "mnist",
    "random_split",
    "read_csv",
    "read_idx",
    "read_sound",
    "resample",
    "scaler_from_state",
    "spoken_digits",
    "stratified_indices",
    "stratified_split",
    "wine",
]
