"""Fill the disk of a project while somebody labels: `python -m tests.faults.full_disk FOLDER`, a small disk of its own.

Prints JSON: how many labels were acknowledged before, how many refused with 507 while it was full, how many of those
went through when there was space again, and what of the acknowledged ones is missing in the end.
"""

import json
import sys
import uuid
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from labeling.project import Project, ProjectFolder
from labeling.server.application import build_app
from storage.checks import find_faults
from storage.database import open_writer, transaction
from storage.settings import put_setting
from tests.storage.building import build, is_stored


def fill(path: Path) -> None:
    """Take the last byte of the disk."""
    with path.open("wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


def main() -> None:
    folder = Path(sys.argv[1]) / "project"
    ProjectFolder(folder).make()
    db = open_writer(folder / "project.db")
    scene = build(db, images=100)
    with transaction(db):
        put_setting(db, "id", "x")
    db.close()
    with Project(folder) as project, TestClient(build_app(project, pages=False), base_url="http://127.0.0.1") as http:
        http.post("/api/people/me", json={"name": "Ann"})

        def say(event: dict[str, Any]) -> int:
            return http.post("/api/labels", json={"client": "tab", "events": [event]}).status_code

        def event() -> dict[str, Any]:
            own = str(uuid.uuid4())
            return {"uuid": own, "kind": "label", "image": scene.images[0], "class": 0, "source": "browse"}

        acknowledged, refused = [], []
        for round_number in range(3):
            for _ in range(20):
                one = event()
                assert say(one) == 200
                acknowledged.append(one["uuid"])
            fill(folder / "filler")
            for _ in range(400):
                one = event()
                status = say(one)
                if status == 507:
                    refused.append(one)
                    if len(refused) % 5 == 0:
                        break
                else:
                    assert status == 200, status
                    acknowledged.append(one["uuid"])
            readable = http.get("/api/progress").status_code
            assert readable == 200, f"round {round_number}: reading must go on"
            (folder / "filler").unlink()
            for one in refused[-5:]:
                assert say(one) == 200, "with space again the same event goes through"
                acknowledged.append(one["uuid"])
        with project.reading() as reader:
            missing = [own for own in acknowledged if not is_stored(reader, own)]
            doubled = reader.execute("SELECT count(*) FROM label_event").fetchone()[0] - len(acknowledged)
            faults = find_faults(reader)
    print(json.dumps({
        "acknowledged": len(acknowledged), "refused": len(refused), "missing": len(missing), "doubled": doubled,
        "faults": faults,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
