"""What a user outside the repository gets: the built wheel in an empty environment, then ``jupyter lab``, nothing
configured.
"""

import json
import os
import signal
import subprocess
import sys
import time
import venv
import zipfile
from pathlib import Path

import httpx
import pytest

from zoe_hub import __version__

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "t" * 48


def run(*command, **options):
    """Run a command; its output, or a failure that shows it."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=900, check=False, **options
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", folder, ROOT)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """An environment with nothing but the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    run(
        folder / "bin" / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "-c",
        ROOT / "constraints.txt",
        f"jupyter-zoe[spark] @ file://{wheel}",
        cwd="/",
    )
    return folder


@pytest.fixture
def home(tmp_path):
    """A person who has never used any of it."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in ("PATH", "LANG", "JAVA_HOME") or name.endswith(("_CERT_FILE", "_CERT_DIR"))
    }
    return tmp_path, {**kept, "HOME": str(tmp_path), "JUPYTER_TOKEN": TOKEN, "JUPYTER_PREFER_ENV_PATH": "1"}


def test_the_wheel_holds_all_parts(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for part in (
        "zoe_hub/app/program.py",
        "zoe_hub/contract/openapi.json",
        "zoe_hub/frameworks/spark/framework.yaml",
        "zoe_hub/frameworks/spark/launch.py",
        "zoe_hub/images/recipes/base/Dockerfile",
        "jupyter_zoe/magics/__init__.py",
        "zoe_proxy/__init__.py",
    ):
        assert part in names, part
    assert any(name.startswith("zoe_hub/store/migrations/versions/") for name in names)
    for package in {name.partition("/")[0] for name in names if name.count("/") == 1 and name.endswith("__init__.py")}:
        assert f"{package}/py.typed" in names, package
    assert f"jupyter_zoe-{__version__}.dist-info/licenses/LICENSE" in names
    data = f"jupyter_zoe-{__version__}.data/data/"
    assert data + "share/jupyter/labextensions/jupyter-zoe/package.json" in names
    assert data + "share/jupyter/labextensions/jupyter-zoe/install.json" in names
    assert data + "etc/ipython/startup/50-jupyter-zoe.py" in names
    assert data + "etc/jupyter/jupyter_server_config.d/jupyter_zoe.json" in names
    assert not [name for name in names if "node_modules" in name or "__pycache__" in name or name.startswith("tests/")]


@pytest.mark.spark
@pytest.mark.timeout(1200)
def test_jupyter_lab_has_panel_magics_and_hub_with_nothing_configured(environment, home):
    folder, variables = home
    port = free_port()
    command = [
        str(environment / "bin" / "jupyter"),
        "lab",
        "--no-browser",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
    ]
    if os.geteuid() == 0:
        command.append("--allow-root")
    variables["PATH"] = f"{environment / 'bin'}:{variables['PATH']}"
    with (folder / "lab.log").open("wb") as log:
        server = subprocess.Popen(
            command, env=variables, cwd=folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"token {TOKEN}"}, timeout=60
        ) as http:
            answered(http, "/api/status", folder)
            page = http.get("/lab").text
            assert "jupyter-zoe" in page, "the panel is not in the page"
            ready = until(
                lambda: (seen := http.get("/zoe/status").json())["hub"] != "starting" and seen, "the hub is there"
            )
            assert ready["hub"] == "ready", ready
            shop = http.get("/zoe/api/v1/zapps").json()
            assert {"spark-cluster", "notebook", "python-job"} <= {each["name"] for each in shop["items"]}
            assert shop["problems"] == []
            output = in_kernel(
                environment,
                variables,
                folder,
                http,
                "%zoe attach spark --workers 1\nprint('rows', spark.range(1000).count())\n%zoe detach",
            )
            assert "rows 1000" in output, output
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)
        stop_hub(folder)


def in_kernel(environment, variables, folder, http, code):
    """Run code in a kernel of the server, with that environment's own client; what it printed."""
    session = (
        http.post(
            "/api/sessions",
            json={"path": "a.ipynb", "name": "a.ipynb", "type": "notebook", "kernel": {"name": "python3"}},
        )
        .raise_for_status()
        .json()
    )
    program = """
import sys
from jupyter_client.blocking import BlockingKernelClient
client = BlockingKernelClient(connection_file=sys.argv[1])
client.load_connection_file()
client.start_channels()
client.wait_for_ready(timeout=60)
def show(message):
    content = message["content"]
    trace = "\\n".join(content.get("traceback", []))
    print(content.get("text") or trace or content.get("data", {}).get("text/plain", ""))
reply = client.execute_interactive(sys.argv[2], output_hook=show, timeout=240)
print("status", reply["content"]["status"])
"""
    (connection,) = folder.rglob(f"kernel-{session['kernel']['id']}.json")
    output = run(environment / "bin" / "python", "-c", program, connection, code, env=variables)
    http.delete(f"/api/sessions/{session['id']}")
    return output


def answered(http, path, folder):
    """Wait until the server answers."""

    def asks():
        try:
            return http.get(path).status_code == 200
        except httpx.HTTPError:
            return False

    try:
        until(asks, "the server answers")
    except AssertionError as error:
        raise AssertionError((folder / "lab.log").read_text()[-3000:]) from error


def until(condition, what, timeout=90):
    """Wait until ``condition`` gives something."""
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.05)
    return found


def stop_hub(folder):
    """End the hub that JupyterLab has started."""
    for runtime in folder.rglob("hub.json"):
        pid = json.loads(runtime.read_text())["pid"]
        os.kill(pid, signal.SIGTERM)
        until(lambda pid=pid: not Path(f"/proc/{pid}").exists(), "the hub ends", 30)


def free_port():
    """A port that is free now."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
