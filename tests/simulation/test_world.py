"""The world of a simulation: who is asked for, who judges, and life's imperfections."""

from pathlib import Path

import numpy as np
import pytest

from barlowmatch.data.classes import ImageClass
from barlowmatch.embeddings.folder import EmbeddedFiles, Embeddings, read_embeddings
from barlowmatch.embeddings.writer import EmbeddingsWriter
from barlowmatch.errors import InputError
from barlowmatch.selection.catalog import CATALOG
from barlowmatch.simulation.learners import Neighbours, Probe
from barlowmatch.simulation.protocol import Protocol, run_trial
from barlowmatch.simulation.world import JUNK, World, build_world
from barlowmatch.simulation.yardsticks import Inverted

CLASSES, ROWS = 5, 1500


def embedded(folder: Path, test: bool = True) -> Embeddings:
    """Return 1,500 embeddings in five clusters, 300 of them test images."""
    random = np.random.default_rng(0)
    truth = random.integers(CLASSES, size=ROWS)
    vectors = 2 * np.eye(16)[truth] + 0.7 * random.normal(size=(ROWS, 16))
    splits = ["test" if test and row < 300 else "train" for row in range(ROWS)]
    table = EmbeddedFiles(
        [f"{split}/{row:04d}.png" for row, split in enumerate(splits)], splits, [f"c{c}" for c in truth], [""] * ROWS
    )
    classes = [ImageClass(place, f"c{place}") for place in range(CLASSES)]
    with EmbeddingsWriter(
        folder, table, dimension=16, classes=classes, checkpoint="x", with_probabilities=False
    ) as writer:
        writer.write(np.arange(ROWS), vectors)
    return read_embeddings(folder)


@pytest.fixture(scope="module")
def embeddings(tmp_path_factory: pytest.TempPathFactory) -> Embeddings:
    return embedded(tmp_path_factory.mktemp("home") / "e")


@pytest.fixture(scope="module")
def world(embeddings: Embeddings) -> World:
    return build_world(embeddings, embeddings.labels)


def test_test_images_are_never_in_the_pool(embeddings: Embeddings, world: World) -> None:
    assert len(world.files) == 1200
    assert all(file.startswith("train/") for file in world.files)
    assert all(file.startswith("test/") for file in world.test_files)
    trial = run_trial(world, "k-center", 0, PROTOCOL, Probe(world))
    assert not [file for step in trial.steps for file in step.files if file.startswith("test/")]


def test_without_a_test_split_a_fifth_is_held_out(tmp_path: Path) -> None:
    embeddings = embedded(tmp_path / "e", test=False)
    world = build_world(embeddings, embeddings.labels)
    assert (len(world.files), len(world.test_files)) == (1200, 300)
    assert not set(world.files) & set(world.test_files)


def test_life_is_imperfect(embeddings: Embeddings) -> None:
    world = build_world(embeddings, embeddings.labels, imbalance=10, junk=0.03, label_noise=0.05)
    sizes = np.sort(np.bincount(world.truth[world.truth >= 0], minlength=CLASSES))
    assert sizes[-1] / sizes[0] == pytest.approx(10, rel=0.2)
    assert (world.truth == JUNK).sum() == round(0.03 * len(world.files))
    told = world.truth != JUNK
    assert (world.answers[told] != world.truth[told]).mean() == pytest.approx(0.05, abs=0.01)
    assert (world.answers[~told] == JUNK).all()
    again = build_world(embeddings, embeddings.labels, imbalance=10, junk=0.03, label_noise=0.05)
    assert again.fingerprint == world.fingerprint
    assert build_world(embeddings, embeddings.labels, seed=1, imbalance=10).fingerprint != world.fingerprint


def test_labels_to_hide_are_needed(embeddings: Embeddings) -> None:
    with pytest.raises(InputError, match="a simulation needs labels to hide"):
        build_world(embeddings, np.where(embeddings.labels == 0, 0, -1))


PROTOCOL = Protocol(budgets=(10, 20, 40), pool_share=0.8, start="own", seed=0)


def test_a_repetition_shares_its_images_and_first_draw(world: World) -> None:
    learner = Probe(world)
    trials = {
        name: run_trial(world, name, 1, PROTOCOL, learner) for name in ("random", "kmeans", "margin", "typiclust")
    }
    first = {name: trial.steps[0].files for name, trial in trials.items()}
    assert first["kmeans"] == first["margin"] == first["random"] != first["typiclust"]
    assert [trials[name].steps[0].chosen_by for name in trials] == ["random", "random", "random", "typiclust"]
    assert trials["kmeans"].steps[0].accuracy == trials["margin"].steps[0].accuracy
    other = run_trial(world, "random", 2, PROTOCOL, learner)
    assert other.steps[0].files != first["random"]
    assert (
        run_trial(world, "kmeans", 1, PROTOCOL, learner).to_dict()["steps"][2]["files"]
        == trials["kmeans"].steps[2].files
    )


def test_budgets_are_kept_and_no_image_is_asked_for_twice(world: World) -> None:
    trial = run_trial(world, "badge", 0, PROTOCOL, Neighbours(world))
    assert [len(step.files) for step in trial.steps] == [10, 10, 20]
    files = [file for step in trial.steps for file in step.files]
    assert len(set(files)) == 40
    assert trial.steps[-1].accuracy > 0.7


def test_the_oracle_fills_classes_evenly(world: World) -> None:
    trial = run_trial(world, "balanced-oracle", 0, PROTOCOL, Probe(world))
    truth = dict(zip(world.files, world.truth.tolist(), strict=True))
    assert np.bincount([truth[file] for file in trial.steps[0].files]).tolist() == [2] * CLASSES
    assert trial.steps[0].classes_seen == CLASSES


def test_junk_costs_a_label_and_teaches_nothing(embeddings: Embeddings) -> None:
    world = build_world(embeddings, embeddings.labels, junk=0.9)
    trial = run_trial(world, "random", 0, PROTOCOL, Probe(world))
    assert [len(step.files) for step in trial.steps] == [10, 10, 20]
    clean = build_world(embeddings, embeddings.labels)
    assert trial.steps[-1].accuracy < run_trial(clean, "random", 0, PROTOCOL, Probe(clean)).steps[-1].accuracy


@pytest.mark.parametrize("name", [*CATALOG, Inverted.name])
def test_a_first_draw_of_junk_alone_is_followed_by_another_at_random(embeddings: Embeddings, name: str) -> None:
    world = build_world(embeddings, embeddings.labels, junk=1)
    protocol = Protocol(budgets=(2, 4), pool_share=0.1, start="random", seed=0)
    trial = run_trial(world, name, 0, protocol, Probe(world))
    alone = name in CATALOG and CATALOG[name].needs == ("embeddings",)
    assert [step.chosen_by for step in trial.steps] == ["random", name if alone else "random"]
