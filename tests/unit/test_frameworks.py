"""The frameworks and ZApps that come with Zoe; their small entry points run for real."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import jsonschema
import msgspec
import pytest
from packaging.requirements import Requirement

from zoe_hub.catalog import Catalog, check, default_folders
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.spec import ExecutionSpec
from zoe_hub.core.text import bind, references
from zoe_hub.language.expressions import evaluate

FRAMEWORKS = Path(__file__).parents[2] / "frameworks"
NEEDED = {"python-job": {"code": "print(1)"}, "spark-job": {"file": "/jobs/x.jar"}}


@pytest.fixture(scope="module")
def catalog():
    catalog = Catalog([FRAMEWORKS])
    catalog.load()
    assert catalog.problems == ()
    return catalog


def group(rendered, name):
    return rendered.spec.group(name)


def test_the_shop(catalog):
    assert set(catalog.frameworks) >= {"jupyter", "spark", "python-job", "spark-job"}
    assert set(catalog.zapps) >= {"notebook", "spark-cluster", "spark-notebook", "spark-job", "python-job"}
    assert default_folders() == (FRAMEWORKS,)
    assert check(FRAMEWORKS) == ()


def test_every_zapp_renders_and_its_schema_is_one(catalog):
    for name, view in catalog.zapps.items():
        jsonschema.Draft202012Validator.check_schema(view.parameters)
        rendered = catalog.render(name, NEEDED.get(name, {}))
        jsonschema.validate(rendered.spec.parameters, view.parameters)
        # survives being stored and read again
        assert msgspec.json.decode(msgspec.json.encode(rendered.spec), type=ExecutionSpec) == rendered.spec
        for each in rendered.spec.groups:
            assert not [found for found in references((*each.command, each.image)) if found.kind == "secret"]
        assert not [
            found for found in references(rendered.spec.outputs.values()) if found.kind not in ("endpoint", "address")
        ]
        assert view.icon.startswith("<svg")
        assert view.description
        assert all("title" in schema for schema in view.parameters["properties"].values())


def test_loading_is_quick(catalog):
    def seconds():
        begin = time.process_time()
        catalog.load()
        return time.process_time() - begin

    assert min(seconds() for _ in range(3)) < 0.15  # one may have to collect the garbage of all tests before it


def test_the_hub_does_not_import_what_is_heavy():
    code = (
        "import sys, zoe_hub.catalog as c; x = c.Catalog(); x.load(); assert x.zapps; print([m for m in ('jsonschema',"
        " 'tornado', 'sqlalchemy', 'pyspark') if m in sys.modules])"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], cwd=FRAMEWORKS.parent, capture_output=True, text=True, check=True, timeout=60
        ).stdout.strip()
        == "[]"
    )


def test_spark(catalog):
    rendered = catalog.render(
        "spark-cluster",
        {
            "workers": 3,
            "worker_memory": "2GiB",
            "worker_cores": 2,
            "conf": {"spark.sql.shuffle.partitions": "8", "spark.x": "a=b"},
        },
    )
    worker, connect = group(rendered, "worker"), group(rendered, "connect")
    assert (worker.count, worker.essential, worker.maximum) == (3, 1, 64)
    assert worker.environment["ZOE_SPARK_WORKER_MEMORY"] == str(2 * 2**30)
    assert worker.environment["ZOE_SPARK_WORKER_CORES"] == "2"
    assert worker.resources.cores == 2
    assert worker.resources.memory > 2 * 2**30
    assert (worker.drain.signal, worker.drain.group, worker.drain.port) == ("PWR", "", "ui")  # its own page
    assert evaluate(worker.drain.until, body={"executors": []}, host="h", port={"rpc": 1, "ui": 2}) is True
    assert evaluate(worker.drain.until, body={"executors": [{"id": 1}]}, host="h", port={"rpc": 1, "ui": 2}) is False
    assert connect.environment["ZOE_SPARK_CONF"] == "spark.sql.shuffle.partitions=8\nspark.x=a=b"
    assert connect.environment["SPARK_CONNECT_AUTHENTICATE_TOKEN"] == "⟦secret:connect⟧"
    assert all(not each.needs for each in rendered.spec.groups)  # all start at once
    assert all(each.environment["ZOE_SECRET_RPC"] == "⟦secret:rpc⟧" for each in rendered.spec.groups)
    assert all(
        port.headers == {"Authorization": "Bearer ⟦jws:pages⟧"}
        for each in rendered.spec.groups
        for port in each.ports
        if port.protocol == "http"
    )
    attach = rendered.spec.attach["python"]
    assert Requirement(attach.requires).specifier.contains("4.3.0")
    assert not Requirement(attach.requires).specifier.contains("4.4.0")
    assert (attach.variable, attach.secrets) == ("spark", ("connect",))  # the other secrets are not for kernels
    ast.parse(attach.code)
    assert catalog.zapps["spark-cluster"].scalable == ("worker",)
    assert catalog.attachable("spark") == "spark-cluster"
    for parameters, path in (
        ({"workers": "two"}, "/workers"),
        ({"workers": 0}, "/workers"),
        ({"worker_memory": "100MiB"}, "/worker_memory"),
        ({"conf": {"spark.x": "a\nspark.y=b"}}, "/conf/spark.x"),
        ({"conf": {"x": "y"}}, "/conf/x"),
    ):
        with pytest.raises(ZoeError) as caught:
            catalog.render("spark-cluster", parameters)
        assert (caught.value.code, [error.path for error in caught.value.errors]) == ("bad-parameter", [path])


def test_a_spark_worker_has_memory_for_the_python_process_of_each_core(catalog):
    reserve = [
        group(catalog.render("spark-cluster", {"worker_cores": cores}), "worker").resources.memory - 2**30
        for cores in (1, 2, 3, 8)
    ]
    assert [each // 2**20 for each in reserve] == [640, 640, 704, 1024]


@pytest.mark.parametrize(
    ("zapp", "name", "value"),
    [
        ("python-job", "data", ["s3://lake/" + "a" * 110] * 1000),
        ("python-job", "data", ["é" * 4000] * 16),  # the limit is in bytes
        ("python-job", "arguments", ["a" * 1000] * 900),
        ("python-job", "environment", {f"V{number}": "a" * 10_000 for number in range(90)}),
        ("spark-job", "data", ["s3://lake/" + "a" * 110] * 1000),
        ("spark-job", "arguments", ["a" * 1000] * 900),
        ("spark-job", "conf", {f"spark.x{number}": "a" * 4000 for number in range(32)}),
        ("spark-cluster", "conf", {f"spark.x{number}": "a" * 4000 for number in range(32)}),
    ],
)
def test_what_no_program_could_be_started_with_is_refused_at_once(catalog, zapp, name, value):
    with pytest.raises(ZoeError) as caught:
        catalog.render(zapp, {**NEEDED.get(zapp, {}), name: value})
    assert caught.value.code == "bad-parameter"
    assert [(error.path, "bytes altogether" in error.message) for error in caught.value.errors] == [(f"/{name}", True)]


def test_what_is_allowed_starts_a_program(catalog, tmp_path):
    most = {
        "data": ["a" * 1996] * 59,
        "arguments": ["é" * 12_000] * 33,
        "environment": {f"V{number}": "é" * 12_000 for number in range(33)},
    }
    code = "import os, sys; print(len(os.environ['ZOE_JOB_DATA']), len(sys.argv), len(os.environ['V32']))"
    done = run_job(catalog, tmp_path, {"code": code, **most})
    assert (done.returncode, done.stdout.split()) == (0, ["118000", "34", "12000"]), done.stderr


def test_notebook(catalog):
    notebook = group(catalog.render("notebook", {"kernels": ["python3", "ir"], "root": "/data"}), "notebook")
    assert json.loads(notebook.environment["ZOE_JUPYTER_KERNELS"]) == ["python3", "ir"]
    assert notebook.environment["ZOE_JUPYTER_ROOT"] == "/data"
    assert "ZOE_JUPYTER_ROOT" not in group(catalog.render("notebook", {}), "notebook").environment
    (web,) = notebook.ports
    assert (web.show, web.strip, web.headers) == (True, False, {"Authorization": "token ⟦secret:web⟧"})
    assert notebook.ready.path == "⟦path:web⟧api"
    with pytest.raises(ZoeError, match="name of a kernel"):
        catalog.render("notebook", {"kernels": ["--ServerApp.token="]})
    with pytest.raises(ZoeError) as caught:
        catalog.attachable("notebook")
    assert caught.value.code == "not-attachable"


def test_jupyter_says_when_notebooks_do_not_stay(tmp_path):
    (tmp_path / "jupyterlab.py").write_text("import sys; print(sys.argv[1:])")  # stands in for the server
    (tmp_path / "home").mkdir()
    (tmp_path / "private" / "work").mkdir(parents=True)
    given = {
        "ZOE_JUPYTER_BIND": "x",
        "ZOE_JUPYTER_PORT": "1",
        "ZOE_JUPYTER_BASE_URL": "/",
        "ZOE_FOLDER": str(tmp_path / "private"),
        "PYTHONPATH": str(tmp_path),
    }
    for home, root, stays in (
        ("home", "", True),
        ("private", "", False),
        ("nowhere", "", False),
        ("home", "private/work", False),
        ("private", "home", True),
    ):
        environment = {
            **os.environ,
            **given,
            "HOME": str(tmp_path / home),
            "ZOE_JUPYTER_ROOT": root and str(tmp_path / root),
        }
        done = subprocess.run(
            [sys.executable, str(FRAMEWORKS / "jupyter" / "launch.py")],
            check=True,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        *said, options = done.stdout.splitlines()
        assert "root_dir" in options
        assert ["are gone when" in line for line in said] == ([] if stays else [True]), (home, root)


def test_spark_notebook_wires_spark_into_jupyter(catalog):
    rendered = catalog.render("spark-notebook", {"workers": 1})
    assert [each.name for each in rendered.spec.groups] == ["notebook", "master", "worker", "connect"]
    notebook = group(rendered, "notebook")
    startup = notebook.files["startup.py"]
    assert "sc://⟦address:connect.grpc⟧" in startup
    assert "⟦secret:connect⟧" in startup
    assert notebook.files["spark_attach.py"] == rendered.spec.attach["python"].code
    ast.parse(bind(startup, lambda reference: "value"))
    assert rendered.spec.outputs["spark_remote"] == "sc://⟦endpoint:connect.grpc⟧"  # for kernels beside the hub


def test_spark_job(catalog):
    rendered = catalog.render(
        "spark-job", {"code": "print(1)", "arguments": ["--x", "y z"], "data": ["/d"], "worker_memory": "2GiB"}
    )
    job = group(rendered, "job")
    assert [each.name for each in rendered.spec.groups] == ["job", "master", "worker"]  # no Connect server
    assert job.command[2:] == ("--x", "y z")
    assert job.files == {"program.py": "print(1)"}
    assert job.environment["ZOE_SPARK_MASTER"] == "spark://⟦address:master.rpc⟧"
    assert job.environment["ZOE_SPARK_FOLDER"] == "⟦folder:spark⟧"
    assert job.environment["ZOE_SPARK_EXECUTOR_MEMORY"] == str(2 * 2**30)
    assert json.loads(job.environment["ZOE_JOB_DATA"]) == ["/d"]
    assert job.decides_result
    assert rendered.spec.ends
    assert catalog.zapps["spark-job"].ends
    assert rendered.spec.attach == {}
    for parameters in ({}, {"code": "x", "file": "/x.py"}, {"file": "/x.sh"}):
        with pytest.raises(ZoeError):
            catalog.render("spark-job", parameters)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"code": "x", "file": "y"},
        {"file": "x", "module": "y"},
        {"module": "a b"},
        {"code": "x", "environment": {"ZOE_FOLDER": "/"}},
        {"code": "x", "environment": {"A=B": "c"}},
    ],
)
def test_python_job_refuses(catalog, parameters):
    with pytest.raises(ZoeError) as caught:
        catalog.render("python-job", parameters)
    assert caught.value.code == "bad-parameter"


def test_long_programs_are_cut_in_what_is_shown(catalog):
    rendered = catalog.render("python-job", {"code": "#" * 100_000})
    assert len(group(rendered, "job").files["program.py"]) == 100_000
    assert len(rendered.spec.parameters["code"]) < 5000


def run_job(catalog, folder, parameters):
    """The job as a backend would run it."""
    job = group(catalog.render("python-job", parameters), "job")
    values = {"folder": str(FRAMEWORKS / "python-job")}
    command = [bind(part, lambda reference: values[reference.kind]) for part in job.command]
    for name, content in job.files.items():
        (folder / name).write_text(content)
    assert command[0] == "python"
    return subprocess.run(
        [sys.executable, *command[1:]],
        check=False,
        env={**os.environ, **job.environment, "ZOE_FOLDER": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        cwd=folder,
    )


def test_python_job_runs_code(catalog, tmp_path):
    code = """\
    import json, os, sys
    if __name__ == "__main__":
        mine = sorted(n for n in globals() if not n.startswith("__"))
        data = json.loads(os.environ["ZOE_JOB_DATA"])
        print(sys.argv[1:], data, os.environ["MINE"], os.path.basename(__file__), mine)
        sys.exit(7)
    """
    done = run_job(
        catalog,
        tmp_path,
        {
            "code": textwrap.dedent(code),
            "arguments": ["--help", "a b", ""],
            "data": ["/x"],
            "environment": {"MINE": "yes"},
        },
    )
    assert done.stdout == "['--help', 'a b', ''] ['/x'] yes program.py ['json', 'os', 'sys']\n"
    assert done.returncode == 7


def test_python_job_shows_the_programs_own_traceback(catalog, tmp_path):
    done = run_job(catalog, tmp_path, {"code": "def f():\n    raise ValueError('mine')\nf()\n"})
    assert done.returncode == 1
    assert done.stderr.count("File ") == 2
    assert "run.py" not in done.stderr
    assert done.stderr.endswith("ValueError: mine\n")


def test_python_job_runs_a_file_or_module_and_says_what_is_missing(catalog, tmp_path):
    (tmp_path / "helper.py").write_text("VALUE = 3")
    (tmp_path / "main.py").write_text("import helper, sys; print(helper.VALUE, sys.argv)")
    assert run_job(catalog, tmp_path, {"file": str(tmp_path / "main.py")}).stdout == f"3 ['{tmp_path}/main.py']\n"
    assert "usage" in run_job(catalog, tmp_path, {"module": "json.tool", "arguments": ["--help"]}).stdout
    missing = run_job(catalog, tmp_path, {"file": "/nowhere/x.py"})
    assert missing.returncode == 1
    assert "/nowhere/x.py cannot be read" in missing.stderr


def test_python_job_can_start_processes_of_its_own(catalog, tmp_path):
    code = """\
    import multiprocessing
    def double(x):
        return 2 * x
    if __name__ == "__main__":
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            print(pool.map(double, [1, 2]))
    """
    done = run_job(catalog, tmp_path, {"code": textwrap.dedent(code)})
    assert done.stdout == "[2, 4]\n", done.stderr


def test_a_new_framework_is_a_new_folder(tmp_path):
    """Beside the ones that come with Zoe: no change of code, attach included, and it can be attached to by its name."""
    for name in ("jupyter", "spark", "notebook"):
        shutil.copytree(FRAMEWORKS / name, tmp_path / name)
    catalog = Catalog([tmp_path])
    catalog.load()
    assert "store" not in catalog.frameworks
    folder = tmp_path / "store"
    folder.mkdir()
    (folder / "framework.yaml").write_text(
        textwrap.dedent("""\
        framework: store
        version: "1.2"
        kind: data-layer
        parameters:
          nodes: {type: integer, minimum: 1, default: 1, title: Nodes}
        secrets: {key: random}
        processes:
          node:
            image: "zoe/store:{{ version }}"
            command: [python, "{{ folder }}/serve.py", "{{ port.api }}"]
            environment: {KEY: "{{ secret('key') }}"}
            count: "{{ nodes }}"
            maximum: 5
            ports: {api: 9000}
        outputs: {url: "tcp://{{ node.api.endpoint }}"}
        attach:
          python: {variable: store, secrets: [key], code: "store = (outputs['url'], secrets['key'])"}
        """)
    )
    (folder / "zapp.yaml").write_text(
        "zapp: my-store\nversion: '1'\ntitle: Store\nframeworks: {store: {ask: [nodes]}}\n"
    )
    catalog.load()
    assert catalog.problems == ()
    name = catalog.attachable("store")
    assert name == "my-store"
    spec = catalog.render(name, {"nodes": 2}).spec
    outputs = {key: bind(text, lambda reference: "10.0.0.1:9000") for key, text in spec.outputs.items()}
    names = {"outputs": outputs, "secrets": dict.fromkeys(spec.attach["python"].secrets, "k")}
    exec(spec.attach["python"].code, names)
    assert names[spec.attach["python"].variable] == ("tcp://10.0.0.1:9000", "k")
    assert catalog.folder("store") == folder
    assert catalog.zapps[name].scalable == ("node",)
