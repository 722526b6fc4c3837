"""The command line of a project: make it, bring things in, look at it, take things out."""

import importlib
import sys
from collections.abc import Sequence
from typing import Any

from barlowmatch.command_line.flags import read_flags
from barlowmatch.errors import InputError
from barlowmatch.files import paths_explained
from barlowmatch.leaving import drop_output
from barlowmatch.reporting import exit_status, reason
from barlowmatch.stopping import stops_raised
from labeling.configs import (
    BackupConfig,
    ChooseConfig,
    ExportConfig,
    ImportConfig,
    InitConfig,
    LaunchConfig,
    LauncherConfig,
    PeopleConfig,
    PreviewLabelsConfig,
    ProbeConfig,
    RoundConfig,
    StatsConfig,
    StoreLabelsConfig,
    UndoLabelsConfig,
    VerifyConfig,
)  # fmt: skip
from labeling.telling import MISTAKES

COMMANDS = {
    "init": InitConfig,
    "import": ImportConfig,
    "preview-labels": PreviewLabelsConfig,
    "store-labels": StoreLabelsConfig,
    "undo-labels": UndoLabelsConfig,
    "choose": ChooseConfig,
    "probe": ProbeConfig,
    "people": PeopleConfig,
    "backup": BackupConfig,
    "verify": VerifyConfig,
    "stats": StatsConfig,
    "export": ExportConfig,
    "launcher": LauncherConfig,
    "round": RoundConfig,
    "launch": LaunchConfig,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    It is 0; 1 where `verify` finds faults; 2 for bad input; 130 or 143 when asked to stop.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if not words or words[0] in ("-h", "--help"):
            print(usage(), flush=True)  # noqa: T201 - the command's output
            return 0 if words else 2
        if words[0] not in COMMANDS:
            raise InputError(f"{words[0]}: no such command; the commands are {', '.join(COMMANDS)}")
        config: Any = read_flags(COMMANDS[words[0]], words[1:], prog=f"python -m labeling {words[0]}")
        commands = importlib.import_module("labeling.cli.commands")
        with paths_explained(), stops_raised():
            status: int = getattr(commands, f"do_{words[0].replace('-', '_')}")(config)
            sys.stdout.flush()
    except MISTAKES as error:
        print(f"labeling: {error}", file=sys.stderr)  # noqa: T201 - the command's output
        return 2
    except BrokenPipeError:
        drop_output()
        return 0
    except KeyboardInterrupt as stop:
        print(f"labeling: {reason(stop)}", file=sys.stderr)  # noqa: T201 - the command's output
        return exit_status(stop)
    return status


def usage() -> str:
    """Return the help of the whole command line."""
    width = max(map(len, COMMANDS))
    summaries = [(name, (config.__doc__ or "").splitlines()[0]) for name, config in COMMANDS.items()]
    lines = [f"  {name:<{width}}  {summary}" for name, summary in summaries]
    head = ["usage: python -m labeling COMMAND [FLAGS]", ""]
    return "\n".join([*head, *lines, "", "python -m labeling COMMAND --help shows its flags"])
