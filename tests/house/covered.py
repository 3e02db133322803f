"""What `make coverage` measured, by room: branches and lines together, in percent."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from tests.house.imports import ROOT, module_of, room


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder, "coverage.json")
        subprocess.run([sys.executable, "-m", "coverage", "json", "-q", "-o", found], check=True)
        files = json.loads(found.read_text())["files"]
    rooms: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for name, measured in files.items():
        said = measured["summary"]
        module = module_of(ROOT / name)
        for where in (module.partition(".")[0], room(module)):
            rooms[where][0] += said["covered_lines"] + said["covered_branches"]
            rooms[where][1] += said["num_statements"] + said["num_branches"]
    for where, (covered, every) in sorted(rooms.items()):
        print(f"{where:28} {100 * covered / every if every else 100:5.1f} %")


if __name__ == "__main__":
    main()
