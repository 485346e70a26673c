"""Runs the benchmarks: one line each on the terminal, ``name figure target met|missed``, and JSON in
``build/bench.json``.

``run.py [NAME ...]`` runs some of them. Each ``bench_*.py`` beside this file has ``run()``, which measures our side and
its baseline in the same run and gives ``name``, ``figure``, ``unit``, ``target`` and, where more than the target
counts, ``met``. Called by ``make bench``; never by the tests, since a figure depends on what else the machine does.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import sys
import time
import traceback
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
OUT = HERE.parent.parent / "build" / "bench.json"


def main(names: list[str]) -> int:
    """Run the benchmarks called ``names``, or all; 1 if one could not be measured."""
    sys.path.insert(0, str(HERE))
    results: list[dict[str, Any]] = []
    broken = 0
    for path in sorted(HERE.glob("bench_*.py")):
        name = path.stem.removeprefix("bench_").replace("_", "-")
        if names and name not in names:
            continue
        begun = time.monotonic()
        try:
            result = load(path).run()
        except Exception:
            traceback.print_exc()
            print(f"{name:16} could not be measured", flush=True)
            broken += 1
            continue
        least = result.get("at_least", False)
        met = result.get("met", result["figure"] >= result["target"] if least else result["figure"] <= result["target"])
        result |= {"met": bool(met), "took_seconds": round(time.monotonic() - begun, 1)}
        results.append(result)
        sign = ">=" if least else "<="
        print(
            f"{result['name']:16} {result['figure']:>8g} {result['unit']:4} {sign} {result['target']:g}"
            f" {'met' if met else 'missed'}",
            flush=True,
        )
    OUT.parent.mkdir(exist_ok=True)
    about = {"cores": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()}
    OUT.write_text(json.dumps({"machine": about, "results": results}, indent=2) + "\n")
    return 1 if broken else 0


def load(path: Path) -> Any:
    """The module of a benchmark."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
