"""The server's side of the probe: starts its process when somebody labels, and notices when it has ended."""

import os
import subprocess
import sys
import threading
import time

from labeling.embeddings.newest import newest_embeddings
from labeling.project import Project

IDLE_SECONDS = 180
"""The process ends when nobody has labeled for so long."""
_PATIENCE = 5.0
"""Seconds it has to end by itself."""
_AGAIN = 10.0
"""Seconds between two attempts to start it: without embeddings there is nothing to start."""
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_NICE = 5


class Probing:
    """Keeps the probe of a project running while people label.

    Args:
        project: the open project.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._process: subprocess.Popen[bytes] | None = None
        self._tried = -_AGAIN
        self._starting = threading.Lock()

    @property
    def due(self) -> bool:
        """Whether `start` has anything to do: cheap enough to ask at every label."""
        rests = self._process is None or self._process.poll() is not None
        return rests and time.monotonic() - self._tried >= _AGAIN

    def start(self) -> None:
        """Start the process where it does not run and there are embeddings; too slow for the event loop."""
        with self._starting:
            if not self.due:
                return
            self._tried = time.monotonic()
            with self._project.reading() as db:
                if newest_embeddings(self._project.paths, db) is None:
                    return
            command = [
                sys.executable, "-m", "labeling", "probe", "--project", str(self._project.paths.folder),
                "--idle", str(IDLE_SECONDS), "--nice", str(_NICE),
            ]  # fmt: skip
            self._project.paths.cache.mkdir(exist_ok=True)  # people may delete it
            with (self._project.paths.cache / "probe.log").open("wb") as log:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                    env=os.environ | _ONE_THREAD,
                )  # fmt: skip

    def stop(self) -> None:
        """End the process."""
        with self._starting:
            if self._process is not None and self._process.poll() is None:
                self._process.terminate()
                try:
                    self._process.wait(_PATIENCE)
                except subprocess.TimeoutExpired:  # it writes whole transactions, so it may be ended at any moment
                    self._process.kill()
                    self._process.wait()
