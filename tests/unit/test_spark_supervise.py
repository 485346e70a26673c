"""What a Connect server's own output says about properties that do not work, and that it is said in one line."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

FRAMEWORK = Path(__file__).resolve().parents[2] / "frameworks" / "spark"
sys.path.insert(0, str(FRAMEWORK))

from connect import missing_files  # noqa: E402
from jvm import EXIT_CONFIGURATION  # noqa: E402
from supervise import MOST_REMOVED, Diagnosis  # noqa: E402

STARTED = "2026-11-26 19:02:30.999 INFO SparkConnectServer: Spark Connect server started at: 127.0.0.1:46163"
THROWN = 'Exception in thread "main" '
INVALID = (
    "Caused by: org.apache.spark.SparkIllegalArgumentException: [INVALID_CONF_VALUE.TYPE_MISMATCH] The value 'many' in"
    " the config \"spark.sql.shuffle.partitions\" is invalid. It should be a/an 'int' value. SQLSTATE: 22022"
)
REMOVED = (
    "2026-11-26 19:02:10.543 INFO StandaloneSchedulerBackend: Executor app-1/{} removed: Command exited with code 1"
)
REGISTERED = (
    "INFO StandaloneSchedulerBackend$StandaloneDriverEndpoint: Registered executor NettyRpcEndpointRef(x) with ID 0"
)


def diagnosed(given: dict[str, str], *lines: str) -> Diagnosis:
    diagnosis = Diagnosis(given)
    for line in (STARTED, *lines, "\tat org.apache.spark.deploy.SparkSubmit.main(SparkSubmit.scala)"):
        diagnosis.line(line)
    return diagnosis


@pytest.mark.parametrize(
    ("given", "line", "words"),
    [
        (
            {"spark.files": "/nope.txt"},
            THROWN + "java.io.FileNotFoundException: File file:/nope.txt does not exist",
            "spark.files=/nope.txt does not work. FileNotFoundException: File file:/nope.txt does not exist",
        ),
        (
            {"spark.jars.packages": "org.nope:nope:1.0,org.real:real:1"},
            THROWN + "java.lang.RuntimeException: [unresolved dependency: org.nope#nope;1.0: not found]",
            "org.nope:nope:1.0: not found, in none of the repositories",
        ),
        (
            {"spark.ui.showConsoleProgress": "true", "spark.serializer": "no.such.Class"},
            THROWN + "java.lang.ClassNotFoundException: no.such.Class",
            "spark.serializer=no.such.Class does not work",
        ),
        (
            {"spark.executor.cores": "abc"},
            THROWN + "org.apache.spark.SparkException: Executor cores must be a positive number",
            "spark.executor.cores=abc does not work",
        ),
    ],
)
def test_a_server_that_does_not_start_names_the_property(given: dict[str, str], line: str, words: str) -> None:
    diagnosis = diagnosed(given, line)
    assert diagnosis.problem is not None
    assert words in str(diagnosis.problem)
    assert str(diagnosis.problem).startswith("configuration-wrong: ")
    assert not diagnosis.is_hopeless, "it has ended by itself"


def test_the_cause_of_an_error_may_name_the_property() -> None:
    given, cause = (
        {"spark.extraListeners": "no.such.Class"},
        "Caused by: java.lang.ClassNotFoundException: no.such.Class",
    )
    line = THROWN + "org.apache.spark.SparkException: Exception when registering SparkListener"
    assert "spark.extraListeners=no.such.Class" in str(diagnosed(given, line, "\tat x", cause).problem)
    assert diagnosed(given, cause).problem is None, "of another error, which somebody has dealt with"


def test_a_server_in_which_no_session_can_live_is_hopeless() -> None:
    diagnosis = diagnosed({"spark.sql.shuffle.partitions": "many"}, INVALID)
    assert diagnosis.is_hopeless
    assert diagnosis.problem is not None
    assert "spark.sql.shuffle.partitions=many does not work" in str(diagnosis.problem)
    assert "It should be a/an 'int' value." in str(diagnosis.problem)
    assert "SQLSTATE" not in str(diagnosis.problem)


@pytest.mark.parametrize(
    "given",
    [{}, {"spark.sql.shuffle.partitions": "8"}, {"spark.sql.ansi.enabled": "many"}],
    ids=["nothing given", "another value", "another property"],
)
def test_what_a_session_sets_for_itself_ends_nobody_elses(given: dict[str, str]) -> None:
    assert diagnosed(given, INVALID).problem is None


BEGUN = "2026-11-26 19:02:27.614 INFO SparkConnectServer: Starting Spark session."


@pytest.mark.parametrize(
    ("given", "lines", "words"),
    [
        (
            {"spark.executor.instances": "many"},
            [THROWN + "org.apache.spark.SparkException: Number of executors must be a positive number"],
            "(spark.executor.instances) SparkException: Number of executors must be a positive number",
        ),
        (
            {"spark.eventLog.enabled": "true"},
            [BEGUN, THROWN + "java.io.FileNotFoundException: File file:/tmp/spark-events does not exist"],
            "(spark.eventLog.enabled) FileNotFoundException: File file:/tmp/spark-events does not exist",
        ),
        (
            {"spark.sql.extensions": "no.such.Class"},
            [BEGUN, "WARN SparkSession: Cannot use no.such.Class to configure session extensions."],
            "spark.sql.extensions=no.such.Class does not work. There is no class no.such.Class.",
        ),
    ],
)
def test_a_failure_that_names_no_property_may_be_theirs(given: dict[str, str], lines: list[str], words: str) -> None:
    diagnosis = diagnosed(given, *lines)
    diagnosis.end()
    assert words in str(diagnosis.problem)


def test_a_failure_of_another_kind_is_nobodys_fault() -> None:
    """A port that is taken, say: the next start may find it free."""
    line = THROWN + "java.net.BindException: Address already in use: Service 'SparkUI' failed"
    diagnosis = diagnosed({"spark.sql.shuffle.partitions": "8"}, BEGUN, line)
    diagnosis.end()
    assert diagnosis.problem is None


def test_executors_that_end_at_once_one_after_the_other_are_told() -> None:
    given = {"spark.executor.extraJavaOptions": "-Xmx1k", "spark.sql.ansi.enabled": "true"}
    some = [REMOVED.format(number) for number in range(MOST_REMOVED - 1)]
    assert diagnosed(given, *some).problem is None
    assert diagnosed(given, *some, REGISTERED, *some).problem is None, "some have worked meanwhile"
    assert diagnosed({"spark.sql.ansi.enabled": "true"}, *some, *some).problem is None, "nobody knows why"
    assert "spark.executor.extraJavaOptions=-Xmx1k does not work" in str(diagnosed(given, *some, *some[:1]).problem)


def test_files_that_are_not_there_are_found_before_anything_starts() -> None:
    there = {"/data/a.jar", "/data/b.zip"}
    given = {
        "spark.jars": "/data/a.jar, file:///data/a.jar,hdfs://x/y.jar",
        "spark.archives": "/data/b.zip#env",
        "spark.submit.pyFiles": "https://example.org/lib.py",
    }
    assert missing_files(given, there.__contains__) is None
    assert missing_files({**given, "spark.files": "file:/no/c.txt"}, there.__contains__) == ("spark.files", "/no/c.txt")


SUPERVISE = """
import os, sys
sys.path.insert(0, sys.argv[1])
from roles import RoleLaunch
from supervise import supervise
argv = (sys.executable, "-u", "-c", sys.argv[2])
sys.exit(supervise(RoleLaunch(argv, dict(os.environ), {}, ()), {"spark.sql.shuffle.partitions": "many"}))
"""


def supervised(program: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SUPERVISE, str(FRAMEWORK), program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("import sys; print('up'); print('no newline', end='', file=sys.stderr); sys.exit(5)", 5),
        ("print('up\\nno newline', end=''); import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 137),
    ],
)
def test_output_and_exit_code_are_the_servers(program: str, code: int) -> None:
    process = supervised(program)
    out, err = process.communicate(timeout=60)
    assert (out, err, process.returncode) == ("up\nno newline", "", code)


def test_a_hopeless_server_is_ended_and_told_of_in_one_line() -> None:
    process = supervised(f"import time; print({INVALID!r}); time.sleep(60)")
    out, err = process.communicate(timeout=60)
    assert process.returncode == EXIT_CONFIGURATION
    assert out == INVALID + "\n"
    assert err.startswith("configuration-wrong: spark.sql.shuffle.partitions=many does not work. ")
    assert err.count("\n") == 1


def test_signals_reach_the_server_and_it_does_not_outlive_its_supervisor() -> None:
    waits = (
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('bye'), sys.exit(143)))\n"
        "print(os.getpid())\ntime.sleep(60)"
    )
    process = supervised(waits)
    assert process.stdout is not None
    process.stdout.readline()
    process.terminate()
    assert process.communicate(timeout=60)[0] == "bye\n"
    assert process.returncode == 143
    process = supervised(waits)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    assert process.stdout.read() == "", "the other end of the pipe is closed, which only the server had open"
    process.wait(60)
