"""The command line: which commands there are, and how their flags, presets and errors are handled."""

import difflib
import importlib
import os
import signal
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from barlowmatch.command_line.flags import read_line
from barlowmatch.command_line.next_commands import next_lines
from barlowmatch.configs.fields import need_inputs
from barlowmatch.configs.presets import PRESET_WORDS, PRESETS, as_said
from barlowmatch.configs.shared import Events
from barlowmatch.errors import InputError
from barlowmatch.events import Console, Emit, silent
from barlowmatch.files import paths_explained
from barlowmatch.leaving import drop_output, last_words
from barlowmatch.machine import launcher
from barlowmatch.reporting import Report, exit_status, reason, reported, written
from barlowmatch.stopping import Interrupted, Terminated, stops_raised

FIRST = (
    "preset", "dataset_folder", "manifest", "representations_path", "request", "labels", "transfer_path",
    "checkpoint_path", "strategy", "strategies", "budget", "budgets", "split", "out_path", "dest_path", "json",
    "minutes", "num_epochs", "batch_size", "views", "image_size",
)  # fmt: skip
"""Flags that most people want: help begins with them."""
_EVENTS: dict[str, Any] = {"events": Events}
MAIN_FIRST_SECONDS = 3.0
"""Time for the main process to fail and its launcher to end the others; nothing tells them that it has."""


@dataclass(frozen=True)
class Command:
    """A command: where its config and its work are. Both are imported when it is called, so that help is quick.

    Attributes:
        config: `module:Class` of its config.
        stage: module whose `run(config, emit)` does the work and returns its result.
        summary: one line of help.
        example: flags that help ends with.
        is_run: whether `run` opens a run folder; its start and end are told there.
        presents: whether the module has a `present(config, result)` that prints the result.
    """

    config: str
    stage: str
    summary: str
    example: str
    is_run: bool = False
    presents: bool = False


COMMANDS = {
    "inspect": Command(
        "inspect:InspectConfig", "inspect", "report what a dataset holds and what is wrong with it",
        "--dataset-folder photos", presents=True,
    ),
    "pretrain": Command(
        "training:PretrainConfig", "pretrain", "learn from all images without labels (Barlow Twins)",
        "--dataset-folder photos --preset quick --minutes 20 --checkpoint-path pretrained.pt", is_run=True,
    ),
    "train-classifier": Command(
        "training:ClassifyConfig", "classify", "train a classifier on the labeled images",
        "--dataset-folder photos-1 --preset quick --transfer-path pretrained.pt --checkpoint-path classifier.pt",
        is_run=True,
    ),
    "fixmatch": Command(
        "training:FixMatchConfig", "fixmatch", "fine-tune with pseudo-labels on all images (FixMatch)",
        "--dataset-folder photos-1 --preset quick --transfer-path classifier.run/best.pt --checkpoint-path fixmatch.pt",
        is_run=True,
    ),
    "embed": Command(
        "inference:EmbedConfig", "embed", "write the embedding of every image",
        "--dataset-folder photos --checkpoint-path pretrained.pt",
    ),
    "select": Command(
        "select:SelectConfig", "select", "choose the images whose labels would help most",
        "--strategy auto --budget 100",
    ),
    "simulate": Command(
        "simulate:SimulateConfig", "simulate", "try strategies on images whose labels are known",
        "--dataset-folder photos-1 --checkpoint-path pretrained.pt --budgets 10,20,40", presents=True,
    ),
    "find-suspects": Command(
        "find_suspects:FindSuspectsConfig", "find_suspects", "find labels that are probably wrong",
        "--representations-path representations --out-path suspects.csv",
    ),
    "create-dataset": Command(
        "create_dataset:CreateDatasetConfig", "create_dataset", "write the next round's dataset with the new labels",
        "--dataset-folder photos --labels labels.csv --out-path photos-1", presents=True,
    ),
    "evaluate": Command(
        "inference:EvaluateConfig", "evaluate", "measure a checkpoint on labeled images",
        "--dataset-folder photos-1 --checkpoint-path fixmatch.run/best.pt", presents=True,
    ),
    "predict": Command(
        "inference:PredictConfig", "predict", "name the class of every image of a folder",
        "--dataset-folder photos-1 --checkpoint-path fixmatch.run/best.pt --out-path predictions.csv",
    ),
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, 2 for bad input, 143 or 130 when asked to stop."""
    # Read when torch is loaded: its idle threads sleep, and leave the processor to those that make batches.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    words = list(sys.argv[1:] if arguments is None else arguments)
    console = Console() if launcher.is_main() else None
    try:
        if not words or words[0] in ("-h", "--help"):
            print(usage(), flush=True)  # noqa: T201 - the command's output
            return 0 if words else 2
        config, events = parse_line(words[0], words[1:])
        with written(events if launcher.is_main() else None, console or silent) as emit:
            status = run_command(words[0], config, emit)
            sys.stdout.flush()
            return status
    except InputError as error:
        return _refuse(str(error))
    except BrokenPipeError:
        drop_output()
        return 0
    finally:
        if console is not None:
            console.close()


def run_command(name: str, config: Any, emit: Emit) -> int:
    """Do the work of a command and return the exit status.

    Args:
        name: of the command.
        config: its parameters.
        emit: hears one start, what is told of the work, and one end.

    Raises:
        InputError: bad input.
    """
    command = COMMANDS[name]
    try:
        with reported(name, emit) as report, paths_explained():
            if not command.is_run:
                report.start()
            need_inputs(config, may_go_on=getattr(config, "wants_resume", False) or launcher.restarts() > 0)
            stage = _stage(command, report)
            with stops_raised():
                result = stage.run(config, report)
    except (Interrupted, KeyboardInterrupt) as stop:
        _say(reason(stop))
        return exit_status(stop)
    if command.presents and launcher.is_main():
        stage.present(config, result)
    if launcher.is_main() and launcher.is_by_hand():
        sys.stdout.flush()  # what was printed comes before
        for line in next_lines(name, config, result):
            tqdm.write(line, file=sys.stderr)
    return 0


def _stage(command: Command, report: Report) -> Any:
    """Return the module that does the work; who is asked to stop while that is imported tells so and leaves."""

    def tell(number: int) -> None:
        report.end(Terminated() if number == signal.SIGTERM else KeyboardInterrupt())

    with last_words(tell):
        return importlib.import_module(f"barlowmatch.stages.{command.stage}")


def usage() -> str:
    """Return the help of the whole command line."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "usage: python -m barlowmatch COMMAND [FLAGS]",
            "",
            *lines,
            "",
            "python -m barlowmatch COMMAND --help shows its flags",
            "--events FILE, with any of them, appends progress to that file as JSON lines",
        ]
    )


def find_command(name: str) -> Command:
    """Return a command by name.

    Raises:
        InputError: there is none; the line names the nearest.
    """
    if name in COMMANDS:
        return COMMANDS[name]
    near = difflib.get_close_matches(name, COMMANDS, n=1)
    hint = f"did you mean {near[0]}?" if near else f"the commands are {', '.join(COMMANDS)}"
    raise InputError(f"{name}: no such command; {hint}")


def config_class(command: Command) -> type:
    """Return the config class of a command."""
    module, name = command.config.split(":")
    cls: type = getattr(importlib.import_module(f"barlowmatch.configs.{module}"), name)
    return cls


def parse_config(name: str, words: Sequence[str]) -> Any:
    """Return the config that the flags of a command describe.

    Raises:
        InputError: as `parse_line`.
        SystemExit: after printing help.
    """
    return parse_line(name, words)[0]


def parse_line(name: str, words: Sequence[str]) -> tuple[Any, Path | None]:
    """Return the config that the flags of a command describe, and the file of `--events`.

    `--preset NAME` sets the defaults; the last of repeated flags wins, and those of a list all add to it.

    Raises:
        InputError: an unknown flag (the nearest is named), a value of the wrong kind or outside its range.
        SystemExit: after printing help.
    """
    command, prog = find_command(name), f"python -m barlowmatch {name}"
    cls = config_class(command)
    presets = PRESETS.get(cls, {})
    preset, rest = _take_preset(name, list(words), presets)
    default = as_said(presets[preset](), rest) if preset else None
    description = "\n".join([cls.__doc__ or "", *_recipes(presets)])
    config, beside = read_line(
        cls, rest, prog=prog, default=default, description=description, example=f"{prog} {command.example}",
        also=_EVENTS, first=FIRST,
    )  # fmt: skip
    return config, beside["events"]


def _recipes(presets: Collection[str]) -> list[str]:
    """Return what help says of a command's recipes: a head and a line for each, nothing where there are none."""
    if not presets:
        return []
    width = max(map(len, presets))
    lines = [f"  {name:<{width}}  {PRESET_WORDS[name]}" for name in presets]
    head = (
        "--preset NAME is a recipe: it sets the defaults, and flags win over it. --preset NAME --help shows the "
        "defaults of that one."
    )
    return ["", head, *lines]


def _take_preset(name: str, words: list[str], presets: dict[str, Any]) -> tuple[str | None, list[str]]:
    preset, rest = None, []
    position = 0
    while position < len(words):
        word = words[position]
        if word == "--preset" or word.startswith("--preset="):
            has_value = "=" in word
            preset = word.split("=", 1)[1] if has_value else (words[position + 1 : position + 2] or [""])[0]
            position += 1 if has_value else 2
            if preset not in presets:
                known = f"the presets are {', '.join(presets)}" if presets else f"{name} has no presets"
                raise InputError(f"--preset {preset}: {known}")
        else:
            rest.append(word)
            position += 1
    return preset, rest


def _refuse(message: str) -> int:
    """Say what is wrong with the input and return the exit status.

    Of several processes the main one says it first, and the launcher ends the others before they repeat it; the first
    to fail, ending at once, would have the main one ended before it said anything.
    """
    if not launcher.is_main():
        time.sleep(MAIN_FIRST_SECONDS)
    print(f"barlowmatch: {message}", file=sys.stderr, flush=True)  # noqa: T201 - the command's output
    return 2


def _say(message: str) -> None:
    if launcher.is_main():
        print(f"barlowmatch: {message}", file=sys.stderr)  # noqa: T201 - the command's output
