"""What `frameworks/spark/launch.py` starts, read from the pure functions that build it: no JVM, no pyspark needed."""

from __future__ import annotations

import json
import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

FRAMEWORK = Path(__file__).resolve().parents[2] / "frameworks" / "spark"
sys.path.insert(0, str(FRAMEWORK))

import appcds  # noqa: E402
import jvm  # noqa: E402
import roles  # noqa: E402
from jvm import Java, Pyspark, SparkProblem  # noqa: E402
from quoting import properties_text  # noqa: E402
from roles import Archives, RoleLaunch, build  # noqa: E402

JAVA = Java("/opt/jdk/bin/java", "/opt/jdk", "17.0.15+6", "/opt/jdk/lib/server/libjvm.so")
PYSPARK = Pyspark("/opt/pyspark", "4.3.0", ("/opt/pyspark/jars/slf4j-api-2.jar", "/opt/pyspark/jars/a b.jar"))
ENVIRONMENT = {
    "PATH": "/usr/bin",
    "ZOE_FOLDER": "/run/zoe/w0",
    "ZOE_HOST": "w0.ex1",
    "ZOE_BIND": "0.0.0.0",
    "ZOE_PORT_RPC": "7000",
    "ZOE_PORT_UI": "7001",
    "ZOE_PORT_GRPC": "15002",
    "ZOE_PORT_DRIVER": "7002",
    "ZOE_PORT_BLOCKS": "7003",
    "ZOE_ADDRESS_MASTER_RPC": "master.ex1:7077",
    "ZOE_SECRET_RPC": "rpc-secret",
    "ZOE_SECRET_PAGES": "pages-secret",
    "SPARK_CONNECT_AUTHENTICATE_TOKEN": "connect-token",
}


def launch(role: str, archives: Archives | None = None, **extra: str) -> RoleLaunch:
    return build(
        role,
        ENVIRONMENT | extra,
        java=JAVA,
        pyspark=PYSPARK,
        python="/opt/python",
        archives=archives or Archives(),
        cpus=2,
    )


def properties(one: RoleLaunch) -> dict[str, str]:
    return dict(line.split("=", 1) for line in one.files["conf/spark.properties"].splitlines())


@pytest.mark.parametrize("role", roles.ROLES)
def test_no_secret_is_in_a_command(role: str) -> None:
    one = launch(role)
    assert not any(secret in " ".join(one.argv) for secret in ("rpc-secret", "pages-secret", "connect-token"))
    assert properties(one)["spark.authenticate"] == "true"
    # In a file only where Spark insists: the driver. In the environment only of those who need it.
    assert ("rpc-secret" in one.files["conf/spark.properties"]) is (role == "connect")
    assert "spark.org.apache.spark.ui.JWSFilter.param.secretKey=pages-secret" in one.files["conf/spark.properties"]
    assert (one.environment.get("_SPARK_AUTH_SECRET") == "rpc-secret") is (role != "connect")
    assert ("connect-token" in one.environment.values()) is (role == "connect")
    assert "ZOE_SECRET_RPC" not in one.environment


def test_the_worker_offers_what_it_is_given_to_the_master_it_is_given() -> None:
    one = launch("worker", ZOE_SPARK_WORKER_CORES="3", ZOE_SPARK_WORKER_MEMORY=str(2**31))
    words = one.argv[one.argv.index(roles.MAIN_CLASSES["worker"]) :]
    assert words[1:9] == ("--host", "w0.ex1", "--port", "7000", "--webui-port", "7001", "--cores", "3")
    assert words[9:11] == ("--memory", "2048m")
    assert words[-1] == "spark://master.ex1:7077"
    assert one.wait_for == "master.ex1:7077"
    assert one.environment["PYSPARK_PYTHON"] == "/opt/python"


def test_connect_listens_where_it_is_told_and_asks_for_every_core() -> None:
    found = properties(launch("connect"))
    assert found["spark.connect.grpc.binding.address"] == "0.0.0.0"
    assert found["spark.connect.grpc.binding.port"] == "15002"
    assert found["spark.driver.host"] == "w0.ex1"
    assert found["spark.driver.port"] == "7002"
    assert found["spark.driver.blockManager.port"] == "7003"
    assert not {"spark.cores.max", "spark.executor.cores", "spark.blockManager.port"} & found.keys()
    assert found["spark.decommission.enabled"] == "true"


def test_only_daemons_give_up_the_optimizing_compiler() -> None:
    for role in roles.ROLES:
        assert "-XX:TieredStopAtLevel=1" in launch(role).argv
    options = properties(launch("connect"))["spark.executor.defaultJavaOptions"]
    assert "Tiered" not in options
    assert "-Xmx" not in options


def test_archives_are_used_without_a_word_and_never_required() -> None:
    assert not any("Shared" in word for word in launch("master").argv)
    found = launch("connect", Archives(use={"connect": "/c/connect.jsa", "executor": "/c/executor.jsa"}))
    assert "-XX:SharedArchiveFile=/c/connect.jsa" in found.argv
    assert "-Xshare:auto" in found.argv
    assert "-XX:SharedArchiveFile=/c/executor.jsa" in properties(found)["spark.executor.defaultJavaOptions"]


@pytest.mark.parametrize("folder", ["/home/ada lovelace/.cache", "/home/o'neil/a\"b\\c", "/plain"])
def test_a_folder_with_a_blank_stays_one_option_of_executors(folder: str) -> None:
    path = f"{folder}/executor.jsa"
    for archives, flag in (
        (Archives(use={"executor": path}), "-XX:SharedArchiveFile="),
        (Archives(dump={"executor": path}), "-XX:ArchiveClassesAtExit="),
    ):
        text = launch("connect", archives).files["conf/spark.properties"]
        (line,) = (each for each in text.splitlines() if each.startswith("spark.executor.defaultJavaOptions="))
        value = line.partition("=")[2].replace("\\\\", "\\")  # as a properties file is read
        assert f"{flag}{path}" in shlex.split(value)


def test_the_class_path_is_a_list_in_a_file() -> None:
    one = launch("master")
    assert "@/run/zoe/w0/conf/classpath.args" in one.argv
    assert one.files["conf/classpath.args"] == '-cp\n"' + ":".join(PYSPARK.jars) + '"\n'


def test_another_spark_on_the_machine_changes_nothing() -> None:
    one = launch(
        "worker", SPARK_CONF_DIR="/etc/spark", SPARK_DAEMON_JAVA_OPTS="-Dx", JAVA_TOOL_OPTIONS="-Dy", HOME="/h"
    )
    assert one.environment["SPARK_CONF_DIR"] == "/run/zoe/w0/no-conf"
    assert not {"SPARK_DAEMON_JAVA_OPTS", "JAVA_TOOL_OPTIONS"} & one.environment.keys()
    assert one.environment["HOME"] == "/h"


def test_bound_to_loopback_the_user_interface_is_too() -> None:
    assert launch("master", ZOE_BIND="127.0.0.1").environment["SPARK_LOCAL_IP"] == "127.0.0.1"
    assert "SPARK_LOCAL_IP" not in launch("master").environment


def test_options_of_the_user_are_taken() -> None:
    found = properties(launch("connect", ZOE_SPARK_CONF="spark.sql.shuffle.partitions=4\n\n# note\nspark.x = a=b "))
    assert found["spark.sql.shuffle.partitions"] == "4"
    assert found["spark.x"] == "a=b"


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("ZOE_PORT_RPC", "", "environment-missing"),
        ("ZOE_PORT_RPC", "70000", "environment-wrong"),
        ("ZOE_FOLDER", "", "environment-missing"),
        ("ZOE_HOST", "a\nb", "environment-wrong"),
        ("ZOE_ADDRESS_MASTER_RPC", "master", "environment-wrong"),
        ("ZOE_SPARK_WORKER_CORES", "two", "environment-wrong"),
        ("ZOE_SPARK_WORKER_CORES", "0", "environment-wrong"),
        ("ZOE_SPARK_WORKER_MEMORY", "1000", "environment-wrong"),
    ],
)
def test_a_wrong_input_is_named(name: str, value: str, code: str) -> None:
    with pytest.raises(SparkProblem) as found:
        launch("worker", **{name: value})
    assert found.value.code == code
    assert name in str(found.value)


@pytest.mark.parametrize(
    "line", ["spark.authenticate=false", "spark.authenticate.secret=x", "spark.ui.port=1", "nonsense", "java.home=/x"]
)
def test_an_option_that_would_open_or_break_the_cluster_is_refused(line: str) -> None:
    with pytest.raises(SparkProblem) as found:
        launch("connect", ZOE_SPARK_CONF=line)
    assert found.value.code == "configuration-wrong"


@given(st.dictionaries(st.from_regex(r"spark\.[a-z]{1,8}", fullmatch=True), st.text(max_size=30), max_size=4))
def test_a_value_never_becomes_a_second_property(values: dict[str, str]) -> None:
    lines = properties_text(values).split("\n")
    assert len(lines) == len(values) + 1
    assert all(line.isascii() and line.isprintable() for line in lines)


@pytest.mark.parametrize(
    ("version", "major"), [("17.0.15+6-Debian-1", 17), ("1.8.0_402", 8), ("25", 25), ("", 0), ("x", 0)]
)
def test_java_versions(version: str, major: int) -> None:
    assert jvm.java_major(version) == major


def fake_java(folder: Path, version: str) -> Path:
    (folder / "bin").mkdir(parents=True)
    java = folder / "bin" / "java"
    java.write_text("#!/bin/sh\nexit 1\n")
    java.chmod(0o755)
    (folder / "release").write_text(f'IMPLEMENTOR="Test"\nJAVA_VERSION="{version}"\n')
    return java


def test_java_is_found_in_java_home_then_on_path(tmp_path: Path) -> None:
    new, other = fake_java(tmp_path / "new", "21.0.1"), fake_java(tmp_path / "other", "17.0.2")
    both = {"JAVA_HOME": str(tmp_path / "new"), "PATH": str(other.parent)}
    assert jvm.find_java(both).executable == str(new)
    assert jvm.find_java(both | {"JAVA_HOME": "/nowhere"}).major == 17
    with pytest.raises(SparkProblem) as missing:
        jvm.find_java({"PATH": str(tmp_path)})
    assert missing.value.code == "java-missing"
    old = fake_java(tmp_path / "old", "11.0.2")
    with pytest.raises(SparkProblem) as too_old:
        jvm.find_java({"PATH": str(old.parent)})
    assert too_old.value.code == "java-too-old"
    assert "11.0.2" in str(too_old.value)


def test_the_commands_say_what_is_missing(tmp_path: Path) -> None:
    environment = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    program = [sys.executable, str(FRAMEWORK / "launch.py")]
    told = subprocess.run([*program, "check"], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 3
    codes = [problem["code"] for problem in json.loads(told.stdout)["problems"]]
    assert "java-missing" in codes
    told = subprocess.run(
        [*program, "master"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert told.returncode == jvm.EXIT_CONFIGURATION, "another start would end the same"
    assert told.stderr.startswith("java-missing: ")
    assert told.stderr.count("\n") == 1
    told = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 2


def archive_set(tmp_path: Path) -> tuple[Java, Pyspark, Path, dict[str, str]]:
    executable = fake_java(tmp_path / "jdk", "17.0.2")
    jar = tmp_path / "a.jar"
    jar.write_bytes(b"jar")
    java = Java(str(executable), str(tmp_path / "jdk"), "17.0.2", str(executable))
    pyspark = Pyspark(str(tmp_path), "4.3.0", (str(jar),))
    environment = {"ZOE_CACHE": str(tmp_path / "cache")}
    found = appcds.folder_of_sets(environment) / appcds.key(java, pyspark)
    found.mkdir(parents=True)
    for role in appcds.ARCHIVED:
        (found / f"{role}.jsa").write_bytes(appcds.MAGIC.to_bytes(4, sys.byteorder) + b"rest")
    appcds._seal(found)
    return java, pyspark, found, environment


def test_a_set_is_found_by_all_it_depends_on(tmp_path: Path) -> None:
    java, pyspark, _, environment = archive_set(tmp_path)
    assert set(appcds.archives_for(environment, java, pyspark).use) == set(appcds.ARCHIVED)
    assert not appcds.archives_for(environment | {"ZOE_SPARK_ARCHIVE": "off"}, java, pyspark).use
    Path(pyspark.jars[0]).write_bytes(b"another jar")
    assert not appcds.archives_for(environment, java, pyspark).use


def test_a_broken_archive_is_not_used(tmp_path: Path) -> None:
    java, pyspark, found, environment = archive_set(tmp_path)
    for role in ("master", "connect"):
        (found / f"{role}.jsa").chmod(0o644)
    (found / "master.jsa").write_bytes(b"\0" * 100)
    (found / "worker.jsa").unlink()
    # Of the same size, but written later: damage inside an archive would crash the JVM.
    os.utime(found / "connect.jsa", (1e9, 1e9))
    assert set(appcds.archives_for(environment, java, pyspark).use) == {"executor"}
    (found / appcds.INDEX).chmod(0o644)
    (found / appcds.INDEX).write_text("{")
    assert not appcds.archives_for(environment, java, pyspark).use


def test_an_archive_that_is_not_complete_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(SparkProblem) as missing:
        appcds._seal(tmp_path)
    assert missing.value.code == "archive-failed"
    for role in appcds.ARCHIVED:
        (tmp_path / f"{role}.jsa").write_bytes(b"\0" * 8)
    with pytest.raises(SparkProblem):
        appcds._seal(tmp_path)


def test_old_sets_go_and_the_current_one_stays(tmp_path: Path) -> None:
    _, _, current, _ = archive_set(tmp_path)
    for age in range(1, 6):
        other = current.parent / f"set-{age}"
        other.mkdir()
        os.utime(other, (1e9 - age, 1e9 - age))
    os.utime(current, (1, 1))
    appcds._prune(current.parent, current.name)
    assert sorted(path.name for path in current.parent.iterdir()) == sorted([current.name, "set-1", "set-2"])


def test_files_are_private_even_where_they_were_not(tmp_path: Path) -> None:
    import importlib.util

    spec = importlib.util.spec_from_file_location("spark_launch", FRAMEWORK / "launch.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path / "w0"
    (folder / "conf").mkdir(parents=True)
    (folder / "conf" / "spark.properties").touch(mode=0o644)
    module.prepare(folder, launch("connect"))
    assert stat.S_IMODE((folder / "conf" / "spark.properties").stat().st_mode) == 0o600
