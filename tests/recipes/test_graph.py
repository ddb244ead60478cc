"""The recipe "graph" learns what neighbours tell, on a small graph of one's own and on Cora."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from koubai.data import data_folder
from koubai.recipes import RECIPES, Outcome, Training
from koubai.recipes.graph import NodePredictor
from koubai.recipes.predictor import AnswerOptions

RECIPE = RECIPES["graph"]


@pytest.fixture(scope="module")
def communities(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Three groups that know each other; features alone tell little, neighbours much."""
    folder, rng = tmp_path_factory.mktemp("graph"), np.random.default_rng(0)
    kinds = np.arange(120) % 3
    features = rng.normal(size=(120, 4)) + 0.5 * np.eye(3, 4)[kinds]
    rows = (f"n{k},{','.join(f'{x:.3f}' for x in features[k])},{'abc'[kinds[k]]}" for k in range(120))
    (folder / "nodes.csv").write_text("name,w,x,y,z,label\n" + "\n".join(rows))
    pairs = [
        (a, b)
        for a in range(120)
        for b in range(a)
        if rng.random() < (0.15 if kinds[a] == kinds[b] else 0.01)
    ]
    (folder / "edges.csv").write_text("a,b\n" + "\n".join(f"n{a},n{b}" for a, b in pairs))
    return {"nodes": folder / "nodes.csv", "edges": folder / "edges.csv", "epochs": 60, "hidden": 16}


@pytest.mark.parametrize("model", ["gcn", "gat", "sage"])
def test_neighbours_are_learnt_from(communities: dict[str, Any], model: str) -> None:
    trained = Training(RECIPE, RECIPE.settings(model=model, **communities))
    trained.fit()
    assert trained.judge().result > 0.8


def test_a_run_answers_for_nodes_by_name(communities: dict[str, Any], tmp_path: Path) -> None:
    trained = Training(RECIPE, RECIPE.settings(**communities))
    trained.fit()
    trained.describe(tmp_path)
    outcome = trained.judge()
    outcome.save(tmp_path)
    assert Outcome.load(tmp_path).metrics == outcome.metrics
    predictor = NodePredictor.load(tmp_path)
    (table,) = predictor.answer(trained.model, "n1, n2", AnswerOptions())
    assert [row[:1] for row in table.rows] == [("n1",), ("n2",)]
    assert table.rows[0][1].startswith("b ")
    with pytest.raises(ValueError, match="no node 'x'"):
        predictor.answer(trained.model, "n1,x", AnswerOptions())


def test_one_file_needs_the_other() -> None:
    with pytest.raises(ValueError, match="both --nodes and --edges"):
        RECIPE.settings(nodes=Path("nodes.csv"))


def test_cora_in_a_few_epochs() -> None:
    if not (data_folder() / "planetoid" / "ind.cora.x").is_file():
        pytest.skip("Cora is not in the data folder")
    trained = Training(RECIPE, RECIPE.settings(epochs=60, hidden=16, lr=0.03))
    trained.fit()
    outcome = trained.judge()
    assert outcome.result > 0.76
    assert outcome.baseline["accuracy"] == pytest.approx(0.714, abs=0.01)
