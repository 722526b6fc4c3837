"""Processes are told from others of the same number, and known again whatever becomes of the clock."""

import subprocess
import sys
import time

import psutil
import pytest

from barlowmatch.processes import born, lives


def test_a_process_is_known_again_until_it_ends() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    birth = born(process.pid)

    assert birth is not None
    assert born(process.pid) == birth
    assert lives(process.pid, birth)
    assert lives(process.pid, psutil.Process(process.pid).create_time()), "as earlier versions noted it"
    assert not lives(process.pid, born(psutil.Process().pid))
    assert not lives(process.pid, time.time() - 1000)
    assert not lives(process.pid, None)
    assert not lives(None, birth)
    process.kill()
    until_dead = psutil.wait_procs([psutil.Process(process.pid)], timeout=10)
    assert until_dead[1] == [] or born(process.pid) is None, "a zombie does not live"
    process.communicate()
    assert born(process.pid) is None
    assert not lives(process.pid, birth)


@pytest.mark.skipif(not psutil.LINUX, reason="elsewhere the kernel notes when a process began")
def test_a_correction_of_the_clock_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = psutil.Process().create_time()
    birth, booted = born(psutil.Process().pid), psutil.boot_time()
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: booted + 60)

    assert psutil.Process().create_time() == pytest.approx(before + 60), "psutil's word moves with the clock"
    assert born(psutil.Process().pid) == birth
