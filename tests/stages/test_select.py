"""`select` as a user runs it: from an embeddings folder to the request's files."""

import csv
from pathlib import Path

import numpy as np
import pytest

from barlowmatch.configs.select import SelectConfig
from barlowmatch.data.classes import ImageClass
from barlowmatch.embeddings.folder import EmbeddedFiles
from barlowmatch.embeddings.writer import EmbeddingsWriter
from barlowmatch.errors import InputError
from barlowmatch.events import Event, Said
from barlowmatch.stages.select import run
from tests.conftest import Command

ROWS = 400
STRANGE = ["=1+2.png", "+.png", "-x.png", "@a.png", "a,b.png", 'a"b.png', "bytes\udcff.png", "x\ny.png", "'=z.png"]

OWN_STRATEGY = '''
from barlowmatch.selection.base import Picks, Strategy
from barlowmatch.selection.configs import StrategyConfig
from dataclasses import dataclass
from typing import Annotated
from typing_extensions import Doc

@dataclass(frozen=True, kw_only=True)
class Mine(StrategyConfig):
    """How far to skip."""
    skip: Annotated[int, Doc("Images passed over.")] = 0

class First(Strategy[Mine]):
    """The first names."""
    name = "first"

    def choose(self, pool, budget, random, emit):
        places = range(self.config.skip, self.config.skip + budget)
        return Picks(list(places), [1.0] * budget, ["its name comes early"] * budget)
'''


@pytest.fixture(scope="module")
def representations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return 400 embeddings: 60 labeled ones, 40 of validation, the rest to request, some with strange names."""
    random = np.random.default_rng(0)
    truth = random.integers(3, size=ROWS)
    vectors = np.eye(16)[truth] + 0.3 * random.normal(size=(ROWS, 16))
    splits = ["train"] * 60 + ["val"] * 40 + ["unlabeled"] * 300
    files = [f"{split}/{row}.png" for row, split in enumerate(splits)]
    files[-len(STRANGE) :] = STRANGE
    labels = [f"class {truth[row]}" if row < 100 else "" for row in range(ROWS)]
    table = EmbeddedFiles(files, splits, labels, [""] * ROWS)
    folder = tmp_path_factory.mktemp("home") / "representations"
    classes = [ImageClass(place, f"class {place}") for place in range(3)]
    with EmbeddingsWriter(
        folder, table, dimension=16, classes=classes, checkpoint="c0ffee", with_probabilities=False
    ) as writer:
        writer.write(np.arange(ROWS), vectors)
    return folder


def requested(folder: Path) -> list[dict[str, str]]:
    with (folder / "request.csv").open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        return list(csv.DictReader(file))


def test_the_seeds_bare_command(barlowmatch: Command, representations: Path) -> None:
    done = barlowmatch("select", cwd=representations.parent)
    assert done.returncode == 0, done.stderr
    rows = requested(representations.parent / "label_request")
    assert len(rows) == 9  # 2.5 % of the 360 images outside val
    assert [row["rank"] for row in rows] == [str(rank) for rank in range(1, 10)]
    assert {row["strategy"] for row in rows} == {"kmeans"}
    assert not [row for row in rows if row["file"].startswith(("train/", "val/"))]
    scores = [float(row["score"]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert "requesting 9 images, 2.5% of 360 as in the paper" in done.stderr
    assert "kmeans: 3 clusters of 60 labeled images (one a class)" in done.stderr


def test_every_name_survives_and_none_is_a_formula(tmp_path: Path, representations: Path) -> None:
    run(SelectConfig(representations_path=representations, dest_path=tmp_path, strategy="random", budget=300))
    rows = requested(tmp_path)
    assert not [row for row in rows if row["file"].startswith(("=", "+", "-", "@"))]
    with (tmp_path / "request_1.csv").open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        bare = [row[0] for row in csv.reader(file)]
    assert bare == [row["file"] for row in rows]

    from barlowmatch.data.tables import read_table, unguard

    assert set(STRANGE) <= set(read_table(tmp_path / "request.csv").need(["file"]))
    assert set(STRANGE) <= set(map(unguard, bare))


def test_the_rounds_number_names_the_seeds_file(tmp_path: Path, representations: Path) -> None:
    run(SelectConfig(representations_path=representations, dest_path=tmp_path, budget=4, round=12))
    assert len((tmp_path / "request_12.csv").read_text().splitlines()) == 4


def test_a_list_that_was_there_is_kept(tmp_path: Path, representations: Path) -> None:
    config = SelectConfig(representations_path=representations, dest_path=tmp_path, strategy="random", budget=4)
    (tmp_path / "request_1.csv").write_text("my own list\n")

    run(config)
    run(config)

    assert (tmp_path / "request_1.csv.bak").read_text() == "my own list\n"
    assert not (tmp_path / "request_1.csv.bak2").exists(), "the same request again replaces nothing"
    assert len((tmp_path / "request_1.csv").read_text().splitlines()) == 4


def test_blocks_from_the_disk_give_the_same_request(tmp_path: Path, representations: Path) -> None:
    for memory in (6.0, 0.0):
        for strategy in ("kmeans", "k-center", "typiclust", "maxherding", "badge"):
            config = SelectConfig(
                representations_path=representations, dest_path=tmp_path / f"{strategy}-{memory}",
                strategy=strategy, budget=50, memory=memory,
            )  # fmt: skip
            run(config)
    for strategy in ("kmeans", "k-center", "typiclust", "maxherding", "badge"):
        assert requested(tmp_path / f"{strategy}-6.0") == requested(tmp_path / f"{strategy}-0.0"), strategy


def test_a_strategy_of_ones_own(tmp_path: Path, representations: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(OWN_STRATEGY)
    config = SelectConfig(
        representations_path=representations, dest_path=tmp_path, strategy_file=path, parameters=("skip=2",), budget=3
    )
    assert run(config)["strategy"] == "first"
    assert len(requested(tmp_path)) == 3


def test_the_documents_strategy_of_ones_own_runs(tmp_path: Path, representations: Path) -> None:
    document = Path(__file__).parents[2] / "docs" / "selection.md"
    example = document.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    (tmp_path / "my.py").write_text(example)
    config = SelectConfig(
        representations_path=representations, dest_path=tmp_path / "out", strategy_file=tmp_path / "my.py", budget=3
    )
    assert run(config)["strategy"] == "loneliest"
    assert len(requested(tmp_path / "out")) == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("return Picks(list(places)", "return Picks([5] * budget"), "first: chose an image twice"),
        (("[1.0] * budget", "[float('nan')] * budget"), "first: gave pick 1 of 3 a score of NaN"),
        (('name = "first"', "pass"), "First must set `name`"),
        (("class First(Strategy[Mine])", "class First"), "defines 0 strategies"),
        (("from dataclasses", "import nonexistent\nfrom dataclasses"), "fails when read"),
    ],
)
def test_a_wrong_strategy_file_is_answered_in_one_line(
    tmp_path: Path, representations: Path, change: tuple[str, str], said: str
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(OWN_STRATEGY.replace(*change))
    config = SelectConfig(
        representations_path=representations, dest_path=tmp_path / "out", strategy_file=path, budget=3
    )
    with pytest.raises(InputError, match=said):
        run(config)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"strategy": "nearest"}, "--strategy nearest: no such strategy; there are auto, badge"),
        ({"budget": 301}, "--budget 301: must be 1 to 300"),
        ({"parameters": ("cluster=3",)}, "did you mean clusters"),
        ({"parameters": ("clusters=0",)}, "clusters=0: must be a whole number 1 to"),
        (
            {"parameters": ("iterations=5", "clusters=x")},
            "--parameters clusters=x: must be a whole number 1 to 100,000, such as clusters=4",
        ),
        ({"representations_path": Path("nowhere")}, "nowhere: no such folder"),
    ],
)
def test_mistakes_are_answered_in_one_line(
    tmp_path: Path, representations: Path, options: dict[str, object], said: str
) -> None:
    values = {"representations_path": representations, "dest_path": tmp_path / "out", "budget": 3, **options}
    with pytest.raises(InputError, match=said) as complaint:
        run(SelectConfig(**values))  # type: ignore[arg-type]
    assert "\n" not in str(complaint.value)
    assert not (tmp_path / "out").exists()


def test_what_was_decided_is_said(tmp_path: Path, representations: Path) -> None:
    events: list[Event] = []
    run(
        SelectConfig(representations_path=representations, dest_path=tmp_path, budget=20, strategy="auto"),
        events.append,
    )
    said = [event.message for event in events if isinstance(event, Said)]
    assert any(message.startswith("auto: 20 uncertain images that stand for many") for message in said)


def test_probabilities_of_validation_images_that_are_none_are_named(tmp_path: Path) -> None:
    labels = ["a", "b"] * 40
    splits = ["train"] * 10 + ["val"] * 70
    table = EmbeddedFiles([*map(str, range(90))], [*splits, *["unlabeled"] * 10], [*labels, *[""] * 10], [""] * 90)
    with EmbeddingsWriter(
        tmp_path / "e", table, dimension=4, classes=[ImageClass(0, "a"), ImageClass(1, "b")], checkpoint="",
        with_probabilities=True,
    ) as writer:  # fmt: skip
        writer.write(np.arange(90), np.random.default_rng(0).normal(size=(90, 4)), np.full((90, 2), 0.5))
    shares = np.lib.format.open_memmap(tmp_path / "e" / "probabilities.npy")
    shares[30] = np.nan
    shares.flush()
    config = SelectConfig(
        representations_path=tmp_path / "e", dest_path=tmp_path / "r", strategy="uherding", budget=2
    )  # fmt: skip
    with pytest.raises(InputError, match=r"^30: its class probabilities sum to nan, not to 1; embed it again"):
        run(config)


def test_earlier_requests_are_not_asked_for_again_whatever_their_names(tmp_path: Path, representations: Path) -> None:
    common = {"representations_path": representations, "strategy": "random"}
    first, second = tmp_path / "first", tmp_path / "second"
    run(SelectConfig(**common, dest_path=first, budget=290))
    run(SelectConfig(**common, dest_path=second, budget=10, asked=(first / "request.csv",)))
    asked, others = ({row["file"] for row in requested(folder)} for folder in (first, second))
    assert len(asked | others) == 300

    (first / "labels.csv").write_text("file,label\nunlabeled/100.png,a\nelsewhere.png,b\n")
    events: list[Event] = []
    run(SelectConfig(**common, dest_path=second, budget=299, asked=(first / "labels.csv",)), events.append)
    told = [event.message for event in events if isinstance(event, Said) and event.level == "warning"]
    assert told == [f"{first / 'labels.csv'}: 1 of its images are not among the embeddings, elsewhere.png first"]
    (first / "labels.csv").write_text("file\nelsewhere.png\n")
    with pytest.raises(InputError, match=r"--asked .*labels\.csv: elsewhere\.png and all its others are not among"):
        run(SelectConfig(**common, dest_path=second, budget=10, asked=(first / "labels.csv",)))
