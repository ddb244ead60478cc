"""Data sets, batches, scaling, splits and augmentation.

Names follow `torch.utils.data`, and torchvision's transforms for images. All chance comes from a
`koubai.Generator`.
"""

from koubai.data.aozora import AozoraWork, aozora, read_aozora
from koubai.data.bundled import breast_cancer, diabetes, digits, iris, wine
from koubai.data.catalogue import DATASETS, Card, load
from koubai.data.cifar import cifar10
from koubai.data.collate import default_collate, default_convert
from koubai.data.corpora import ParallelTexts, names, shakespeare, small_parallel_enja
from koubai.data.csv_dataset import CSVDataset, from_csv
from koubai.data.dataset import ConcatDataset, Dataset, IterableDataset, Subset, TensorDataset
from koubai.data.download import DownloadError, RemoteFile, data_folder, fetch
from koubai.data.downloaded import fashion_mnist, mnist
from koubai.data.fsdd import Recordings, spoken_digits
from koubai.data.graph_data import GraphData, graph_from_csv
from koubai.data.headlines import Headlines, headlines_from_csv, made_up_news, xl_sum
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
from koubai.data.labelled_texts import LabelledTexts, ag_news, imdb, texts_from_csv
from koubai.data.language_identification import language_identification
from koubai.data.loader import DataLoader
from koubai.data.log_lines import LogLines, log_lines
from koubai.data.mixed import MixedColumns
from koubai.data.mixing import Mixup, mixup
from koubai.data.nab import LabelledSeries, nab, nab_series, timed_series
from koubai.data.name_origins import name_origins
from koubai.data.normalize import MinMaxScale, Scaler, Standardize, scaler_from_state
from koubai.data.planetoid import cora
from koubai.data.ratings import Ratings, movielens, ratings_from_csv, synthetic_ratings
from koubai.data.records import Records, adult, california_housing, penguins
from koubai.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from koubai.data.schema import Schema, infer_schema
from koubai.data.sequences import Sequences, planted_motif, sequences_from_csv
from koubai.data.series import Series, airline_passengers, minimum_temperatures, series_from_csv, sunspots
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
from koubai.data.vocabulary import Vocabulary
from koubai.data.wav import read_sound, resample
from koubai.data.windows import RandomWindows, windows

__all__ = [
    "CHARACTERS",
    "DATASETS",
    "WORDS",
    "AozoraWork",
    "BatchSampler",
    "CSVDataset",
    "Card",
    "Compose",
    "ConcatDataset",
    "Cutout",
    "DataLoader",
    "Dataset",
    "DownloadError",
    "GraphData",
    "Headlines",
    "IterableDataset",
    "LabelledData",
    "LabelledSeries",
    "LabelledTexts",
    "LogLines",
    "MinMaxScale",
    "MixedColumns",
    "Mixup",
    "ParallelTexts",
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
    "RandomWindows",
    "Ratings",
    "Recordings",
    "Records",
    "RemoteFile",
    "Sampler",
    "Scaler",
    "Schema",
    "Sequences",
    "SequentialSampler",
    "Series",
    "Standardize",
    "Subset",
    "SubsetRandomSampler",
    "SynonymReplacement",
    "Table",
    "TensorDataset",
    "Tokenizer",
    "Transform",
    "Vocabulary",
    "WeightedRandomSampler",
    "adult",
    "ag_news",
    "airline_passengers",
    "aozora",
    "breast_cancer",
    "california_housing",
    "cifar10",
    "cora",
    "data_folder",
    "default_collate",
    "default_convert",
    "diabetes",
    "digits",
    "fashion_mnist",
    "fetch",
    "from_csv",
    "graph_from_csv",
    "headlines_from_csv",
    "imdb",
    "infer_schema",
    "iris",
    "language_identification",
    "load",
    "log_lines",
    "made_up_news",
    "minimum_temperatures",
    "mixup",
    "mnist",
    "movielens",
    "nab",
    "nab_series",
    "name_origins",
    "names",
    "penguins",
    "planted_motif",
    "random_split",
    "ratings_from_csv",
    "read_aozora",
    "read_csv",
    "read_idx",
    "read_sound",
    "resample",
    "scaler_from_state",
    "sequences_from_csv",
    "series_from_csv",
    "shakespeare",
    "small_parallel_enja",
    "spoken_digits",
    "stratified_indices",
    "stratified_split",
    "sunspots",
    "synthetic_ratings",
    "texts_from_csv",
    "timed_series",
    "windows",
    "wine",
    "xl_sum",
]
