"""How our processes end."""

import subprocess
import sys

import pytest

from labeling.processes import PACKAGES

IN_A_CALLBACK = """
import ctypes, signal, time

def work():
    call = ctypes.CFUNCTYPE(None)(lambda: signal.raise_signal(signal.SIGTERM))
    try:
        call()
        print("nothing came of it", flush=True)
        time.sleep(20)
    finally:
        print("closed", flush=True)
"""
APP = """
from labeling.processes import leave_on_sigterm

leave_on_sigterm()
work()
"""
COMMAND = """
from barlowmatch.stopping import Terminated, stops_raised

try:
    with stops_raised():
        work()
except Terminated as stopped:
    raise SystemExit(stopped.status)
"""


@pytest.mark.parametrize("how", [APP, COMMAND], ids=["app", "command"])
def test_a_signal_that_comes_within_a_callback_from_c_is_not_lost(how: str) -> None:
    """As libraries call back while they count their threads: what is raised there goes no further."""
    command = [sys.executable, "-c", IN_A_CALLBACK + how]
    done = subprocess.run(command, cwd=PACKAGES, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (143, "nothing came of it\nclosed\n")
    assert "Traceback" not in done.stderr
