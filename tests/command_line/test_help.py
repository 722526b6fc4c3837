"""Help: what a newcomer reads of a command."""

import re
import shlex
from pathlib import Path

import pytest

from barlowmatch.cli import COMMANDS, config_class, parse_config
from barlowmatch.configs.fields import parameters
from barlowmatch.configs.presets import PRESET_WORDS
from barlowmatch.configs.training import ClassifyConfig, FixMatchConfig, PretrainConfig
from barlowmatch.selection.catalog import CATALOG


def test_every_parameter_of_every_command_has_help() -> None:
    for name in COMMANDS:
        for parameter in parameters(type(parse_config(name, []))):
            assert parameter.help.endswith("."), (name, parameter.name)


def helped(name: str, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    """Return the help of a command, the box and the breaks of its lines taken out."""
    with pytest.raises(SystemExit) as end:
        parse_config(name, [*more, "--help"])
    assert end.value.code == 0
    return " ".join(re.sub("[│╭╰╮╯─]", " ", capsys.readouterr().out).split())


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_how_to_call_a_command_and_never_that_nothing_is_the_default(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = helped(name, capsys)
    assert said.startswith(f"usage: python -m barlowmatch {name} ")
    assert "--events PATH Append progress" in said
    assert "None" not in said
    assert all(parameter.flag in said for parameter in parameters(config_class(COMMANDS[name])))


def test_help_tells_units_bounds_recipes_and_strategies(capsys: pytest.CaptureFixture[str]) -> None:
    assert "(default: 6.0; 0 to 1,000,000 GB)" in helped("select", capsys)
    pretrain = helped("pretrain", capsys)
    assert "(8 to 1,024 px)" in pretrain
    assert "(above 0, at most 1,000,000 min)" in pretrain
    assert all(f"{name} {about}" in pretrain for name, about in PRESET_WORDS.items())
    assert "--preset {paper,small-images,laptop,quick}" in pretrain
    assert "(default: 20; 1 to 100,000 epochs)" in helped("pretrain", capsys, "--preset", "quick")
    select = helped("select", capsys)
    assert all(name in select for name in CATALOG)
    assert "purity=0.95 (0 to 1)" in select


def test_help_names_the_usual_batches() -> None:
    told = {parameter.name: parameter.help for parameter in parameters(PretrainConfig)}["batch_size"]
    assert told.endswith("default at most 256, in train-classifier and fixmatch 64.")
    assert PretrainConfig.usual_batch == 256
    assert ClassifyConfig.usual_batch == FixMatchConfig.usual_batch == 64


FRAME = ("│", "╭", "╰")


def page(name: str, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the lines of a command's help on a terminal of so many columns."""
    monkeypatch.setenv("COLUMNS", str(width))
    with pytest.raises(SystemExit):
        parse_config(name, ["--help"])
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_the_terminal_and_ends_with_an_example_to_copy(
    name: str, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    *lines, head, example = page(name, width, capsys, monkeypatch)
    assert max(map(len, lines)) <= width
    assert len({len(line) for line in lines if line.startswith(FRAME)}) == 1
    assert not re.search(r"\d,[\s│]*\n[\s│]*\d", "\n".join(lines)), "a number is broken"
    assert (head, example) == ("example:", f"  python -m barlowmatch {name} {COMMANDS[name].example}")
    text = "\n".join(lines)
    assert "\n\n\n" not in text
    assert not re.search("True|False|trained learner", text)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_begins_with_what_the_example_needs(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = page(name, 120, capsys, monkeypatch)
    flags = [found[1] for line in lines if (found := re.match(r"│ (--[a-z-]+)", line))]
    words = shlex.split(COMMANDS[name].example)
    parse_config(name, words)
    assert set(words) & set(flags) <= set(flags[:9])


def test_the_examples_are_those_of_the_readme() -> None:
    text = re.sub(" +", " ", (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8"))
    walk = text.split("## On the command line")[1].split("```")[1].splitlines()
    shown = [line for line in walk if line.startswith("python ")]
    examples = {name: f"python -m barlowmatch {name} {command.example}" for name, command in COMMANDS.items()}
    first = list({line.split()[3]: line for line in reversed(shown)}.values())[::-1]  # a second round says other paths
    assert first == [examples[line.split()[3]] for line in first]
    assert len(first) == 9
