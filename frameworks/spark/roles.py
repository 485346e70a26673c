"""What each Spark role is started with: a pure function from role and environment to command line, environment and
files.

Called by `launch.py`, which writes the files and executes the command, and by `appcds.py`, which starts a small cluster
the same way. No I/O here, so the unit tests read every command without a JVM.

Secrets travel in environment and 0600 files only: Master and Worker find the RPC secret in `_SPARK_AUTH_SECRET`, the
Worker hands it to executors the same way (Spark removes it from their command line), the driver insists on
`spark.authenticate.secret` in its configuration and gets it from its properties file. So do all three with the secret
of their pages.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from connect import PATIENCE_WITH_REPOSITORIES, PYTHON_FOLDER, connect_properties
from given import MIB, PAGES_FILTER, Given
from jvm import MODULE_OPTIONS, SCALA_VERSION, Java, Pyspark, SparkProblem
from quoting import properties_text, quoted_argument

ROLES = ("master", "worker", "connect")
SCRATCH = "tmp"
# Addresses that mean "every interface", which Spark's user interface binds to by itself.
ANY = ("0.0.0.0", "::", "[::]")  # noqa: S104

MAIN_CLASSES = {
    "master": "org.apache.spark.deploy.master.Master",
    "worker": "org.apache.spark.deploy.worker.Worker",
    "connect": "org.apache.spark.deploy.SparkSubmit",
}
# Seen at rest: Master and Worker live in 60-90 MB of heap, whatever the number of workers.
DAEMON_HEAP = 256 * MIB
DRIVER_HEAP = 640 * MIB

LOG4J = """\
# One line an event on standard output, which the backend keeps as the log of the process.
rootLogger.level = {level}
rootLogger.appenderRef.stdout.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_OUT
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{{yyyy-MM-dd HH:mm:ss.SSS}} %p %c{{1}}: %m%n%ex
# What tells a person how the cluster grows and shrinks; readiness waits for some of these lines.
logger.master.name = org.apache.spark.deploy.master.Master
logger.master.level = info
logger.worker.name = org.apache.spark.deploy.worker.Worker
logger.worker.level = info
logger.connect.name = org.apache.spark.sql.connect.service.SparkConnectServer
logger.connect.level = info
logger.executors.name = org.apache.spark.scheduler.cluster.StandaloneSchedulerBackend
logger.executors.level = info
# It names a missing native library at every start, which is the normal case and changes nothing.
logger.native.name = org.apache.hadoop.util.NativeCodeLoader
logger.native.level = error
"""


@dataclass(frozen=True)
class RoleLaunch:
    """All of one start. `files` are relative to the private folder and written with mode 0600."""

    argv: tuple[str, ...]
    environment: dict[str, str]
    files: dict[str, str]
    folders: tuple[str, ...]
    wait_for: str = ""
    given: Mapping[str, str] = field(default_factory=dict)  # the properties that the user gave


@dataclass(frozen=True)
class Archives:
    """AppCDS archives to use (role -> file; also `executor`) and to write when the process ends."""

    use: Mapping[str, str] = field(default_factory=dict)
    dump: Mapping[str, str] = field(default_factory=dict)

    def options(self, role: str) -> tuple[str, ...]:
        """The JVM flags for one role."""
        if role in self.use:
            # auto: a stale or broken archive is ignored; logging off: without a word about it.
            return (
                "-Xshare:auto",
                f"-XX:SharedArchiveFile={self.use[role]}",
                "-Xlog:disable",
                "-Xlog:all=error:stderr",
            )
        if role in self.dump:
            return (f"-XX:ArchiveClassesAtExit={self.dump[role]}", "-Xlog:disable", "-Xlog:all=error:stderr")
        return ()


def build(
    role: str,
    environment: Mapping[str, str],
    *,
    java: Java,
    pyspark: Pyspark,
    python: str,
    archives: Archives,
    cpus: int,
) -> RoleLaunch:
    """The start of one role; raises SparkProblem naming the variable that is missing or wrong."""
    if role not in ROLES:
        raise SparkProblem("role-unknown", f"{role!r} is not one of {', '.join(ROLES)}.")
    given = Given(environment)
    folder = given.text("ZOE_FOLDER")
    host = given.text("ZOE_HOST", "127.0.0.1")
    bind = given.text("ZOE_BIND", "127.0.0.1")
    properties = _common_properties(given, folder)
    users: dict[str, str] = given.configuration() if role == "connect" else {}
    wait_for = ""
    if role == "master":
        port, ui = given.port("RPC"), given.port("UI")
        arguments = ["--host", host, "--port", str(port), "--webui-port", str(ui)]
    elif role == "worker":
        port, ui = given.port("RPC"), given.port("UI")
        wait_for = given.address("ZOE_ADDRESS_MASTER_RPC")
        cores = given.number("ZOE_SPARK_WORKER_CORES", cpus, least=1)
        memory = given.worker_memory() // MIB
        arguments = ["--host", host, "--port", str(port), "--webui-port", str(ui)]
        arguments += ["--cores", str(cores), "--memory", f"{memory}m", "--work-dir", f"{folder}/work"]
        properties["spark.worker.ui.retainedExecutors"] = "50"
    else:
        wait_for = given.address("ZOE_ADDRESS_MASTER_RPC")
        properties |= connect_properties(
            given,
            users,
            folder=folder,
            host=host,
            bind=bind,
            pyspark=pyspark,
            executor_options=archives.options("executor"),
        )
        arguments = ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer"]
    properties_file = f"{folder}/conf/spark.properties"
    arguments += ["--properties-file", properties_file]
    if role == "worker":
        arguments.append(f"spark://{wait_for}")
    if role == "connect":
        arguments.append("spark-internal")
    heap = given.number("ZOE_SPARK_DRIVER_MEMORY", DRIVER_HEAP, least=256 * MIB) if role == "connect" else DAEMON_HEAP
    argv = (
        java.executable,
        *archives.options(role),
        *daemon_options(role, heap),
        # Vector instructions are for queries; Master and Worker start without that module and its warning.
        *(o for o in MODULE_OPTIONS if role == "connect" or not o.startswith("--add-modules")),
        # Repositories of packages that do not answer are told of, instead of waited for.
        *(PATIENCE_WITH_REPOSITORIES if "spark.jars.packages" in users else ()),
        f"-Djava.io.tmpdir={folder}/{SCRATCH}",
        f"-Dlog4j2.configurationFile=file:{folder}/conf/log4j2.properties",
        f"@{folder}/conf/classpath.args",
        MAIN_CLASSES[role],
        *arguments,
    )
    files = {
        "conf/spark.properties": properties_text(properties),
        "conf/log4j2.properties": LOG4J.format(level=given.text("ZOE_SPARK_LOG_LEVEL", "warn").lower()),
        # 280 jars are 25 KB of text: in a file of arguments the command stays readable in a list of processes.
        "conf/classpath.args": "-cp\n" + quoted_argument(":".join(pyspark.jars)) + "\n",
    }
    return RoleLaunch(
        argv,
        _environment(
            role,
            environment,
            given,
            folder=folder,
            host=host,
            bind=bind,
            java=java,
            pyspark=pyspark,
            python=python,
        ),
        files,
        ("conf", SCRATCH, "work", "warehouse"),
        wait_for,
        users,
    )


def daemon_options(role: str, heap: int) -> tuple[str, ...]:
    """Flags for Spark's daemons only: they start fast and stay small. Executors do the user's work and keep C2 and
    G1.
    """
    return (
        f"-Xmx{heap // MIB}m",
        "-Xss4m" if role == "connect" else "-Xss1m",
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        # No /tmp/hsperfdata_<user> file, which would also publish the command line.
        "-XX:-UsePerfData",
        "-XX:+ExitOnOutOfMemoryError",
    )


def _common_properties(given: Given, folder: str) -> dict[str, str]:
    properties = {
        # A port is given by the hub: taking the next free one instead would be a service nobody finds.
        "spark.port.maxRetries": "0",
        "spark.ui.showConsoleProgress": "false",
        # Behind a proxy that strips its prefix and tells it in X-Forwarded-Context: redirects become
        # "<prefix>/jobs/" instead of an absolute address of this process.
        "spark.ui.proxyRedirectUri": "/",
        "spark.ui.killEnabled": "true",
        "spark.master.rest.enabled": "false",
        "spark.decommission.enabled": "true",
        "spark.storage.decommission.enabled": "true",
        "spark.storage.decommission.rddBlocks.enabled": "true",
        "spark.storage.decommission.shuffleBlocks.enabled": "true",
        # Spark looks for blocks that are still there only every 30 s, and leaves no sooner than it has found none.
        "spark.storage.decommission.replicationReattemptInterval": "2s",
    }
    if given.text("ZOE_SECRET_RPC", ""):
        properties |= {"spark.authenticate": "true", "spark.network.crypto.enabled": "true"}
    if pages := given.text("ZOE_SECRET_PAGES", ""):
        properties |= {"spark.ui.filters": PAGES_FILTER, f"spark.{PAGES_FILTER}.param.secretKey": pages}
    return properties


def _environment(
    role: str,
    environment: Mapping[str, str],
    given: Given,
    *,
    folder: str,
    host: str,
    bind: str,
    java: Java,
    pyspark: Pyspark,
    python: str,
) -> dict[str, str]:
    """The caller's environment with Spark's variables set and everything that would change Spark from outside
    removed.
    """
    foreign = (
        "SPARK_",
        "PYSPARK_",
        "_SPARK_",
        "_JAVA_",
        "JAVA_TOOL_",
        "JDK_JAVA_",
        "ZOE_SECRET_",
        "HADOOP_CONF",
        "YARN_",
    )
    result = {name: value for name, value in environment.items() if not name.startswith(foreign)}
    result.pop("CLASSPATH", None)
    result |= {
        "JAVA_HOME": java.home,
        "SPARK_HOME": pyspark.home,
        # Without it executors fail with "Cannot find any build directories".
        "SPARK_SCALA_VERSION": SCALA_VERSION,
        # A folder that does not exist: no configuration of another Spark is read, and an empty place in the class path
        # keeps the archive of executors valid.
        "SPARK_CONF_DIR": f"{folder}/no-conf",
        # The variable and not spark.local.dir: the worker decides for executors, and the property makes the driver
        # warn.
        "SPARK_LOCAL_DIRS": f"{folder}/{SCRATCH}",
        "SPARK_LOCAL_HOSTNAME": host,
        "SPARK_PUBLIC_DNS": host,
        "PYSPARK_PYTHON": python,
        "PYSPARK_DRIVER_PYTHON": python,
        "PYTHONPATH": os.pathsep.join(filter(None, (PYTHON_FOLDER, environment.get("PYTHONPATH")))),
        "TMPDIR": f"{folder}/{SCRATCH}",
    }
    if bind not in ANY:
        result["SPARK_LOCAL_IP"] = bind
    secret = given.text("ZOE_SECRET_RPC", "")
    if secret and role != "connect":
        result["_SPARK_AUTH_SECRET"] = secret
    if role == "connect":
        token = given.text("SPARK_CONNECT_AUTHENTICATE_TOKEN", "")
        if token:
            result["SPARK_CONNECT_AUTHENTICATE_TOKEN"] = token
    return result
