"""What a role finds in its environment: read and checked in one place, so that what is missing or wrong is told by the
variable's name, before a JVM is started.

Pure. Used by `roles.py` and `connect.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

from jvm import SparkProblem

MIB = 1024 * 1024
WORKER_MEMORY = 1024 * MIB
# Spark refuses executors below 450 MiB of heap (1.5 times its reserved 300 MiB).
SMALLEST_EXECUTOR = 450 * MIB

# Lets a request pass whose header "Authorization: Bearer JWS" is signed with the secret that it is given as
# "secretKey".
PAGES_FILTER = "org.apache.spark.ui.JWSFilter"

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


class Given:
    """Reads the environment; a missing or wrong variable is a SparkProblem that names it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def text(self, name: str, default: str | None = None) -> str:
        """A text without line breaks; without a default it has to be there."""
        value = self._environment.get(name, "") or default
        if value is None:
            raise SparkProblem(
                "environment-missing", f"{name} is not set; the hub passes it to every process it starts."
            )
        if "\n" in value or "\0" in value:
            raise SparkProblem("environment-wrong", f"{name} has a line break in it.")
        return value

    def number(self, name: str, default: int, *, least: int) -> int:
        """A whole number."""
        value = self.text(name, str(default))
        if not value.isascii() or not value.isdigit() or int(value) < least:
            raise SparkProblem(
                "environment-wrong", f"{name} is {value!r}; a whole number of at least {least} is needed."
            )
        return int(value)

    def port(self, name: str) -> int:
        """A port of this process, by the name that the definition gives it."""
        variable = f"ZOE_PORT_{name}"
        value = self.text(variable)
        if not value.isascii() or not value.isdigit() or not 0 < int(value) < 65536:
            raise SparkProblem("environment-wrong", f"{variable} is {value!r}, which is not a port.")
        return int(value)

    def worker_memory(self) -> int:
        """Bytes that a worker has for executors."""
        return self.number("ZOE_SPARK_WORKER_MEMORY", WORKER_MEMORY, least=SMALLEST_EXECUTOR)

    def address(self, name: str) -> str:
        """`host:port` of a peer."""
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
