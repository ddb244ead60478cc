"""Cora, a graph of papers that cite each other, as the Planetoid paper cut it (Yang, Cohen, Salakhutdinov 2016).

Its files are pickles, which could run any code when they are read. They are read by an unpickler that knows
nothing but arrays, lists and dictionaries, and refuses all else.
"""

from __future__ import annotations

import pickle
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koubai.data.download import RemoteFile, fetch
from koubai.data.graph_data import GraphData, undirected

_ADDRESS = "https://github.com/kimiyoung/planetoid/raw/master/data/"
_FILES = {  # size in bytes and SHA-256
    "x": (22119, "23cfa55d91c6f624233f5eb7b6e3f141f1bd2b2ae39608a63cf5d084bb27baab"),
    "y": (4054, "94465c14eb53e04ca262198dcbb2521ee8af60fb3f3d546cd6ca24a511b0e7d1"),
    "tx": (148025, "b9afbaa4a400df991f6f02ef677e1e44da55ffc04801fd02f9e673987829226a"),
    "ty": (28135, "41f5ac76596a1699cc33f53084a2419e92961c42bb75f36fc38e616d348532ad"),
    "allx": (257305, "9419ba2f26f5c35243db64aba110e0f35a04851609e0dc5433450676ca6b8543"),
    "ally": (47959, "2b998f5cc7fedc86e7f97ca2498f47a1ffc1462c29e2d578b23bf3f62b6e7d71"),
    "graph": (59847, "58f13302f39dde8852dad6fe6d15b89b077b6d7f837626bce671ef80344b383d"),
    "test.index": (5000, "297ce89af2b51a6a194181c7dbe1796c6a1cf9cd9349a88383b1b1e227867875"),
}
_CLASSES = (
    "Theory",
    "Reinforcement Learning",
    "Genetic Algorithms",
    "Neural Networks",
    "Probabilistic Methods",
    "Case Based",
    "Rule Learning",
)
_TRAIN, _VALIDATION = 140, 500  # 20 papers of each class, and the 500 after them


def cora(progress: bool = True) -> GraphData:
    """2,708 papers on machine learning in 7 classes; 5,278 citations; 1,433 words that a paper has or has not.

    140 papers to learn from, 500 for validation, 1,000 for the test. Features are divided by their sum in each
    row, as in the papers that report results on it.

    Args:
        progress: show a progress bar while downloading.

    Raises:
        DownloadError: when the files are not in the data folder and cannot be had.
        ValueError: when a file holds anything but arrays, lists and dictionaries.
    """
    parts = {name: fetch(_remote(name), progress) for name in _FILES}
    order = np.loadtxt(parts.pop("test.index"), dtype=np.int64)
    read = {name: read_plain_pickle(path) for name, path in parts.items()}
    features = np.concatenate([read["allx"].dense(), read["tx"].dense()])
    one_hot = np.concatenate([read["ally"], read["ty"]])
    for rows in (features, one_hot):  # the test part's rows are in the order of test.index
        rows[order] = rows[np.sort(order)]
    edges = [(node, other) for node, others in read["graph"].items() for other in others]
    return GraphData(
        name="cora",
        features=features / np.maximum(features.sum(axis=1, keepdims=True), 1),
        edge_index=undirected(edges),
        labels=one_hot.argmax(axis=1),
        class_names=_CLASSES,
        node_names=tuple(map(str, range(len(features)))),
        train=np.arange(_TRAIN),
        validation=np.arange(_TRAIN, _TRAIN + _VALIDATION),
        test=np.sort(order),
    )


def read_plain_pickle(path: Path) -> Any:
    """Read a pickle of arrays, sparse matrices, lists and dictionaries.

    Raises:
        ValueError: when it holds anything else.
    """
    with path.open("rb") as file:
        return _PlainUnpickler(file, encoding="latin1").load()


class _SparseMatrix:
    """What SciPy's csr_matrix keeps of itself in a pickle."""

    data: NDArray[Any]
    indices: NDArray[Any]
    indptr: NDArray[Any]
    _shape: tuple[int, int]

    def dense(self) -> NDArray[np.float32]:
        """All its numbers, zeros too (rows, columns)."""
        rows = np.repeat(np.arange(self._shape[0]), np.diff(self.indptr))
        whole = np.zeros(self._shape, np.float32)
        whole[rows, self.indices] = self.data
        return whole


def _empty_array(kind: type, shape: tuple[int, ...], typecode: Any) -> NDArray[Any]:
    """NumPy's `_reconstruct`, which makes the array that a pickle then fills."""
    return np.ndarray.__new__(np.ndarray, shape, typecode)


_PLAIN: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _empty_array,
    ("scipy.sparse.csr", "csr_matrix"): _SparseMatrix,
    ("collections", "defaultdict"): defaultdict,
    ("__builtin__", "list"): list,  # as Python 2 called it
}


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """The few things that a plain pickle may name."""
        plain = _PLAIN.get((module, name))
        if plain is None:
            raise ValueError(f"the file names {module}.{name}, which is no plain data; it is not read")
        return plain


def _remote(name: str) -> RemoteFile:
    size, sha256 = _FILES[name]
    return RemoteFile(f"planetoid/ind.cora.{name}", sha256, size, (f"{_ADDRESS}ind.cora.{name}",))
