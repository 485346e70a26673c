"""What ``make run`` shows, as a test: the tour notebook through JupyterLab's server, on each backend, nothing left
behind.
"""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]


def ours():
    """Processes of kernels, hubs and Spark that belong to a tour."""
    found = []
    for process in psutil.process_iter():
        try:
            if "/zoe-tour-" in process.environ().get("ZOE_DATA", "") + process.environ().get("ZOE_FOLDER", ""):
                found.append(process.pid)
        except psutil.Error:
            continue
    return set(found)


@pytest.mark.spark
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("backend", ["local", pytest.param("docker", marks=pytest.mark.docker)])
def test_the_tour_runs_and_leaves_nothing_behind(backend):
    before = ours()
    done = subprocess.run(
        [sys.executable, str(ROOT / "binder" / "run_tour.py"), "--backend", backend],
        capture_output=True,
        text=True,
        timeout=1700,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert ours() <= before
    for step in (
        "attach Spark with 1 worker",
        "scale to 3 workers",
        "query again in the same session",
        "a Python function on the workers",
        "detach",
    ):
        assert re.search(rf"^ +[\d.]+ s  {re.escape(step)}$", done.stdout, re.MULTILINE), step
    assert re.search(r"flights +336,776 rows", done.stdout)
    notebook = nbformat.read(ROOT / "build" / "tour" / "tour.ipynb", as_version=4)
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs), "no plot"
    assert not any(output.output_type == "error" for output in outputs)
    text = (ROOT / "build" / "tour" / "tour.html").read_text() + done.stdout
    assert "zoe_" not in re.sub(r"zoe_(hub|proxy|data)", "", text), "a token in the page"
