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
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jvm import MODULE_OPTIONS, SCALA_VERSION, Java, Pyspark, SparkProblem
from sizes import check_sizes

ROLES = ("master", "worker", "connect")
MIB = 1024 * 1024
SCRATCH = "tmp"
# Holds the module that executors start Python with.
PYTHON_FOLDER = str(Path(__file__).resolve().parent / "python")
# Addresses that mean "every interface", which Spark's user interface binds to by itself.
ANY = ("0.0.0.0", "::", "[::]")  # noqa: S104

MAIN_CLASSES = {
    "master": "org.apache.spark.deploy.master.Master",
    "worker": "org.apache.spark.deploy.worker.Worker",
    "connect": "org.apache.spark.deploy.SparkSubmit",
}
# Lets a request pass whose header "Authorization: Bearer JWS" is signed with the secret that it is given as
# "secretKey".
PAGES_FILTER = "org.apache.spark.ui.JWSFilter"
# Seen at rest: Master and Worker live in 60-90 MB of heap, whatever the number of workers.
DAEMON_HEAP = 256 * MIB
DRIVER_HEAP = 640 * MIB
WORKER_MEMORY = 1024 * MIB
# Spark refuses executors below 450 MiB of heap (1.5 times its reserved 300 MiB).
SMALLEST_EXECUTOR = 450 * MIB

PATIENCE_WITH_REPOSITORIES = (
    "-Dsun.net.client.defaultConnectTimeout=10000",  # milliseconds
    "-Dsun.net.client.defaultReadTimeout=30000",
)
FILES = ("spark.jars", "spark.files", "spark.archives", "spark.submit.pyFiles")

# Keys this program sets itself. Letting options of a user replace them would break the cluster or open it.
OWN_KEYS = (
    "spark.authenticate",
    "spark.connect.authenticate",
    "spark.connect.grpc.binding",
    "spark.blockManager.port",
    "spark.driver.bindAddress",
    "spark.driver.blockManager.port",
    "spark.driver.host",
    "spark.driver.memory",
    "spark.driver.port",
    "spark.executor.extraClassPath",
    "spark.executor.memory",
    "spark.master",
    "spark.metrics.namespace",
    "spark.network.crypto",
    "spark.plugins.internal",
    "spark.port.maxRetries",
    "spark.redaction",
    "spark.ui.filters",
    f"spark.{PAGES_FILTER}",
    "spark.ui.port",
    "spark.ui.proxyRedirectUri",
    "spark.ui.reverseProxy",
)

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
    given = _Given(environment)
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
        memory = given.number("ZOE_SPARK_WORKER_MEMORY", WORKER_MEMORY, least=SMALLEST_EXECUTOR) // MIB
        arguments = ["--host", host, "--port", str(port), "--webui-port", str(ui)]
        arguments += ["--cores", str(cores), "--memory", f"{memory}m", "--work-dir", f"{folder}/work"]
        properties["spark.worker.ui.retainedExecutors"] = "50"
    else:
        wait_for = given.address("ZOE_ADDRESS_MASTER_RPC")
        properties |= _connect_properties(
            given, users, folder=folder, host=host, bind=bind, pyspark=pyspark, archives=archives
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


def missing_files(users: Mapping[str, str], exists: Callable[[str], bool]) -> tuple[str, str] | None:
    """The first local file that a property names and that is not there: property and file. Spark itself leaves out jars
    that are missing, with a line in its log.
    """
    for key in FILES:
        for each in filter(None, (part.strip() for part in users.get(key, "").split(","))):
            scheme, colon, path = each.partition(":")
            if colon and scheme != "file":
                continue
            path = (path.removeprefix("//") if colon else each).partition("#")[0]
            if not exists(path):
                return key, path
    return None


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


def _common_properties(given: _Given, folder: str) -> dict[str, str]:
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


def _connect_properties(
    given: _Given, users: Mapping[str, str], *, folder: str, host: str, bind: str, pyspark: Pyspark, archives: Archives
) -> dict[str, str]:
    check_sizes(users, given.number("ZOE_SPARK_WORKER_CORES", 0, least=0))
    worker_memory = given.number("ZOE_SPARK_WORKER_MEMORY", WORKER_MEMORY, least=SMALLEST_EXECUTOR)
    memory = given.number("ZOE_SPARK_EXECUTOR_MEMORY", worker_memory, least=SMALLEST_EXECUTOR)
    properties = {
        "spark.app.name": given.text("ZOE_SPARK_APP_NAME", "Zoe"),
        "spark.master": f"spark://{given.address('ZOE_ADDRESS_MASTER_RPC')}",
        "spark.submit.deployMode": "client",
        "spark.driver.host": host,
        "spark.driver.bindAddress": bind,
        "spark.ui.port": str(given.port("UI")),
        "spark.metrics.namespace": "zoe",  # the names under which the definition looks for its activity
        "spark.connect.progress.reportInterval": "300ms",  # so that bars move
        # How long a session lives is for Zoe to decide, which knows whether its notebook is still there.
        "spark.connect.session.manager.defaultSessionTimeout": "-1",
        # A query whose kernel is gone is ended by the kernel's successor; one whose kernel sleeps has as long as this.
        "spark.connect.execute.manager.detachedTimeout": "1h",
        # Notebooks that share a cluster take turns; each session has a pool of its own.
        "spark.scheduler.mode": "FAIR",
        "spark.connect.grpc.binding.address": bind,
        "spark.connect.grpc.binding.port": str(given.port("GRPC")),
        "spark.executor.memory": f"{memory // MIB}m",
        # The same jars in the same order on every machine: an archive is only valid for the class path it was made
        # with, and "jars/*" expands in the order of the folder, which differs between file systems.
        "spark.executor.extraClassPath": ":".join(pyspark.jars),
        "spark.executor.logs.rolling.strategy": "size",
        "spark.executor.logs.rolling.maxSize": str(16 * MIB),
        "spark.executor.logs.rolling.maxRetainedFiles": "3",
        "spark.sql.warehouse.dir": f"file:{folder}/warehouse",
        "spark.stage.ignoreDecommissionFetchFailure": "true",
        "spark.python.daemon.module": "zoe_spark_python",
        "spark.executorEnv.PYTHONPATH": PYTHON_FOLDER,
        **users,
    }
    for name, key in (("DRIVER", "spark.driver.port"), ("BLOCKS", "spark.driver.blockManager.port")):
        if given.text(f"ZOE_PORT_{name}", ""):
            properties[key] = str(given.port(name))
    if given.text("ZOE_SECRET_RPC", ""):
        properties["spark.authenticate.secret"] = given.text("ZOE_SECRET_RPC")
    options = " ".join(map(java_option, ("-XX:-UsePerfData", *archives.options("executor"))))
    further = properties.get("spark.executor.defaultJavaOptions", "")
    properties["spark.executor.defaultJavaOptions"] = f"{options} {further}".strip()
    return properties


def _environment(
    role: str,
    environment: Mapping[str, str],
    given: _Given,
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


def properties_text(properties: Mapping[str, str]) -> str:
    """A Java properties file; whatever is in a value stays in that value."""

    def escaped(text: str) -> str:
        text = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
        text = "".join(c if " " <= c <= "~" else f"\\u{ord(c):04x}" for c in text)
        return "\\" + text if text.startswith(" ") else text

    return "".join(f"{key}={escaped(value)}\n" for key, value in sorted(properties.items()))


def java_option(text: str) -> str:
    """One option in a property that Spark splits as a shell does: a folder's name may have blanks in it."""
    return quoted_argument(text) if set(text) & set(" \t\"'\\") else text


def quoted_argument(text: str) -> str:
    """One argument in a file of arguments of the `java` command."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class _Given:
    """Reads the environment; a missing or wrong variable is a SparkProblem that names it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def text(self, name: str, default: str | None = None) -> str:
        value = self._environment.get(name, "") or default
        if value is None:
            raise SparkProblem(
                "environment-missing", f"{name} is not set; the hub passes it to every process it starts."
            )
        if "\n" in value or "\0" in value:
            raise SparkProblem("environment-wrong", f"{name} has a line break in it.")
        return value

    def number(self, name: str, default: int, *, least: int) -> int:
        value = self.text(name, str(default))
        if not value.isascii() or not value.isdigit() or int(value) < least:
            raise SparkProblem(
                "environment-wrong", f"{name} is {value!r}; a whole number of at least {least} is needed."
            )
        return int(value)

    def port(self, name: str) -> int:
        variable = f"ZOE_PORT_{name}"
        value = self.text(variable)
        if not value.isascii() or not value.isdigit() or not 0 < int(value) < 65536:
            raise SparkProblem("environment-wrong", f"{variable} is {value!r}, which is not a port.")
        return int(value)

    def address(self, name: str) -> str:
        value = self.text(name)
        host, colon, port = value.rpartition(":")
        if not host or not colon or not port.isdigit():
            raise SparkProblem("environment-wrong", f"{name} is {value!r}; host:port is needed.")
        return value

    def configuration(self) -> dict[str, str]:
        """ZOE_SPARK_CONF: one `key=value` a line, as the user gave them."""
        result: dict[str, str] = {}
        for given in self._environment.get("ZOE_SPARK_CONF", "").splitlines():
            line = given.strip()
            if not line or line.startswith("#"):
                continue
            key, equals, value = line.partition("=")
            key = key.strip()
            if not equals or not key.startswith("spark.") or any(c.isspace() or c in ":\\" for c in key):
                raise SparkProblem("configuration-wrong", f"{line!r} is not of the form spark.some.key=value.")
            if any(key == own or key.startswith(own + ".") for own in OWN_KEYS):
                raise SparkProblem("configuration-wrong", f"{key} is set by Zoe and cannot be given; leave it out.")
            result[key] = value.strip()
        return result
