"""Prints what a test run covered, by package: lines and branches. Called by ``make test`` after the tests.

Shown for people to look at where tests are missing; there is no threshold, since a number that has to be kept invites
tests that prove nothing. File by file it is in ``build/coverage/html``.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from coverage import Coverage
from coverage.exceptions import NoDataError

ROOT = Path(__file__).resolve().parents[1]
COUNTS = ("covered_lines", "num_statements", "covered_branches", "num_branches")


def package(file: str) -> str:
    """``zoe_hub.store`` for a file anywhere in it; ``zoe_hub`` for its own modules."""
    return ".".join(Path(file).parent.parts[:2])


def table(files: dict[str, Any]) -> list[str]:
    """The lines to print.

    :param files: of coverage's JSON report
    """
    sums: dict[str, Counter[str]] = {}
    for file, found in files.items():
        for name in (package(file), "all"):
            sums.setdefault(name, Counter()).update({each: found["summary"][each] for each in COUNTS})
    lines = [f"{'covered by tests':24}{'lines':>16}{'branches':>16}"]
    for name, counts in sorted(sums.items(), key=lambda item: (item[0] == "all", item[0])):
        covered, lines_of, taken, branches = (counts[each] for each in COUNTS)
        lines.append(f"{name:24}{share(covered, lines_of)}{share(taken, branches)}")
    return lines


def share(part: int, whole: int) -> str:
    """``  91 % of  1200``."""
    return f"{100 * part // whole if whole else 100:>5} % of{whole:>6}"


def main() -> int:
    """Combine what all processes measured, and print it; the exit code."""
    coverage = Coverage(config_file=str(ROOT / "pyproject.toml"))
    report = ROOT / "build" / "coverage" / "report.json"
    try:
        coverage.combine()
        coverage.json_report(outfile=str(report))
        coverage.html_report(directory=str(report.with_name("html")))
    except NoDataError:
        print("Nothing was measured.", file=sys.stderr)
        return 1
    print("\n".join(table(json.loads(report.read_text(encoding="utf-8"))["files"])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
