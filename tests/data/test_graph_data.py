"""Graphs are read as they are written, and pickles are read only where they are plain data."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from koubai.data import cora, data_folder, graph_from_csv
from koubai.data.planetoid import read_plain_pickle

NODES = "name,size,weight,kind\n" + "".join(
    f"n{k},{k},{k / 2},{'' if k == 19 else 'ab'[k % 2]}\n" for k in range(20)
)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    nodes, edges = tmp_path / "nodes.csv", tmp_path / "edges.csv"
    nodes.write_text(NODES)
    edges.write_text("from,to\nn0,n1\nn1,n0\nn1,n2\nn5,n5\n")
    return nodes, edges


def test_csv_files_become_a_graph(files: tuple[Path, Path]) -> None:
    graph = graph_from_csv(*files, "kind")
    assert graph.edge_index.T.tolist() == [[0, 1], [1, 0], [1, 2], [2, 1]]
    assert graph.features[3].tolist() == [3, 1.5]
    assert graph.class_names == ("a", "b")
    assert graph.labels[[0, 1, 19]].tolist() == [0, 1, -1]
    parts = np.concatenate([graph.train, graph.validation, graph.test])
    assert sorted(parts) == list(range(19))


@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        (1, "from,to\nn0,n99\n", r"edges\.csv, line 2, column 'to': there is no node 'n99'"),
        (1, "from,to,how\nn0,n1,x\n", "a file of edges has two columns, this one has 3"),
        (0, NODES.replace("n3,", "n2,"), "line 5, column 'name': there are two nodes of this name"),
        (0, NODES.replace("n4,4,", "n4,four,"), r"line 6, column 'size': 'four' is no number"),
        (0, "name,kind\nn0,a\nn1,b\n", "too few nodes have a class|no columns of numbers"),
    ],
)
def test_what_is_wrong_in_a_file_is_told(
    files: tuple[Path, Path], file: int, text: str, problem: str
) -> None:
    files[file].write_text(text)
    with pytest.raises(ValueError, match=problem):
        graph_from_csv(*files, "kind")


class Harm:
    """What a hostile pickle would bring."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.system, ("touch harm",))


def test_a_hostile_pickle_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_bytes(pickle.dumps([Harm()], protocol=2))
    with pytest.raises(ValueError, match="no plain data"):
        read_plain_pickle(Path("file"))
    assert not Path("harm").exists()


def test_cora_is_what_its_paper_says() -> None:
    if not (data_folder() / "planetoid" / "ind.cora.x").is_file():
        pytest.skip("Cora is not in the data folder")
    graph = cora(progress=False)
    assert graph.features.shape == (2708, 1433)
    assert graph.edge_index.shape == (2, 2 * 5278)
    assert np.bincount(graph.labels[graph.train]).tolist() == [20] * 7
    assert (len(graph.validation), len(graph.test)) == (500, 1000)
    assert not set(graph.test) & set(graph.train)
    # as Kipf and Welling (2017), table 1
    assert len(graph.class_names) == 7
