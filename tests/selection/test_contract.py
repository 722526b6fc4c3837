"""What every strategy must do, whatever it is."""

import dataclasses

import numpy as np
import pytest

from barlowmatch.configs.fields import parameters
from barlowmatch.errors import InputError
from barlowmatch.events import Event, Progress
from barlowmatch.selection import vectors
from barlowmatch.selection.catalog import CATALOG
from barlowmatch.selection.loading import create_strategy
from barlowmatch.selection.pool import Pool
from tests.selection.scenes import Scene, clustered

pytestmark = pytest.mark.parametrize("name", CATALOG)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return clustered(400, 16, classes=5, labeled=40)


def test_picks_are_different_unlabeled_and_explained(name: str, scene: Scene) -> None:
    pool = scene.pool
    selection = create_strategy(name).select(pool, 60, seed=3)
    assert len(set(selection.rows.tolist())) == len(selection) == 60
    assert (scene.labels[selection.rows] == -1).all()
    assert list(selection.files) == [scene.files[row] for row in selection.rows]
    assert np.isfinite(selection.scores).all()
    assert all(reason and "\n" not in reason for reason in selection.reasons)


def test_a_seed_gives_the_same_picks_whatever_the_order_of_rows(name: str, scene: Scene) -> None:
    order = np.random.default_rng(5).permutation(len(scene.points))
    first = create_strategy(name).select(scene.pool, 30, seed=1)
    again = create_strategy(name).select(scene.in_order(order), 30, seed=1)
    assert first.files == again.files
    assert first.reasons == again.reasons
    np.testing.assert_array_equal(first.scores, again.scores)


@pytest.mark.parametrize("budget", [0, 361])
def test_a_budget_outside_the_pool_is_refused(name: str, scene: Scene, budget: int) -> None:
    with pytest.raises(InputError, match=f"--budget {budget}: must be 1 to 360"):
        create_strategy(name).select(scene.pool, budget)


def test_one_image_and_all_images(name: str, scene: Scene) -> None:
    one = scene.in_order(np.concatenate([np.flatnonzero(scene.labels >= 0), np.flatnonzero(scene.labels < 0)[:1]]))
    assert len(create_strategy(name).select(one, 1)) == 1
    everything = create_strategy(name).select(scene.pool, 360)
    assert sorted(everything.rows) == np.flatnonzero(scene.labels < 0).tolist()


@pytest.mark.parametrize("exact", [True, False])
def test_copies_and_zero_vectors(name: str, exact: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = clustered(120, 8, classes=3, labeled=12)
    if not exact:
        monkeypatch.setattr(vectors, "EXACT_NUMBERS", 0)
    scene.points[20:60] = scene.points[10]
    scene.points[60:80] = 0
    scene.probabilities[20:60] = scene.probabilities[10]
    for budget in (15, len(scene.pool)):
        assert len(set(create_strategy(name).select(scene.pool, budget).rows.tolist())) == budget


def test_all_images_alike(name: str) -> None:
    scene = clustered(50, 8, classes=3, labeled=12)
    scene.points[:] = scene.points[0]
    scene.probabilities[:] = 1 / 3
    assert len(create_strategy(name).select(scene.pool, 20)) == 20


def test_without_labels_it_works_or_names_the_way_out(name: str, scene: Scene) -> None:
    pool = Pool.from_arrays(scene.points, np.full(len(scene.points), -1))
    if CATALOG[name].needs in ((), ("embeddings",)):
        assert len(create_strategy(name).select(pool, 10)) == 10
        return
    with pytest.raises(InputError, match="--strategy auto"):
        create_strategy(name).select(pool, 10)


def test_nan_is_refused_by_name(name: str, scene: Scene) -> None:
    points = scene.points.copy()
    row = int(np.flatnonzero(scene.labels < 0)[7])
    points[row, 3] = np.nan
    with pytest.raises(InputError, match=f"{scene.files[row]}: its embedding holds NaN"):
        create_strategy(name).select(Pool.from_arrays(points, scene.labels, files=scene.files), 5)


def test_progress_is_told(name: str, scene: Scene) -> None:
    events: list[Event] = []
    create_strategy(name).select(scene.pool, 50, emit=events.append)
    for event in events:
        assert not isinstance(event, Progress) or 0 <= event.done <= event.total


def test_parameters_have_help_and_are_parsed(name: str, scene: Scene) -> None:
    cls = CATALOG[name].config
    assert dataclasses.is_dataclass(cls)
    for parameter in parameters(cls):
        assert parameter.help.endswith(".")
        with pytest.raises(InputError, match="--parameters"):
            create_strategy(name, [f"{parameter.name}=many"])
        if parameter.range is not None:
            with pytest.raises(InputError, match=f"^--parameters {parameter.flag[2:]}=-7: must be "):
                create_strategy(name, [f"{parameter.name}=-7"])
    with pytest.raises(InputError, match="no such parameter"):
        create_strategy(name, ["nonsense=1"])


def test_what_is_asked_for_already_is_not_asked_for_again(name: str, scene: Scene) -> None:
    asked = np.flatnonzero(scene.labels < 0)[::3]
    pool = scene.besides(asked)
    assert len(pool) == 240
    assert set(create_strategy(name).select(pool, 240).rows.tolist()) == set(np.flatnonzero(scene.labels < 0)) - set(
        asked.tolist()
    )
