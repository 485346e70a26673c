"""Spark's Python daemon with the packages of this environment instead of those in ``pyspark.zip``. Executors run it,
see ``connect.py``.

Spark puts ``pyspark.zip`` first on Python's path. Modules from an archive are compiled anew at each start: 0.9 s for
the daemon and 2 s for the first function on each executor, instead of 0.25 s and 0.8 s. The environment's own pyspark
is the same version, since Spark's jars come from it.
"""

import os
import sys

_ARCHIVES = ("pyspark.zip", "-src.zip")  # the second is py4j's


def without_archives(paths: list[str]) -> list[str]:
    """Python's path without the archives that Spark adds."""
    return [path for path in paths if not path.endswith(_ARCHIVES)]


if __name__ == "__main__":
    sys.path[:] = without_archives(sys.path)
    os.environ["PYTHONPATH"] = os.pathsep.join(without_archives(os.environ.get("PYTHONPATH", "").split(os.pathsep)))
    from pyspark.daemon import manager

    manager()
