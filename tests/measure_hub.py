"""Measures what a hub covers that a test has started as a program. Run when such a hub starts, before anything of Zoe:
``binder/ensure.py coverage`` puts a line for it into the environment.

Only hubs are measured: kernels, Spark's Python and users' jobs would start more slowly, and tell of code that is not
Zoe's. Hence not by coverage's own variable, which every Python of the environment would obey, those that a hub starts
included. A hub that is killed tells nothing.
"""

import os

import coverage

os.environ["COVERAGE_PROCESS_START"] = os.environ["HUB_COVERAGE_CONFIG"]
coverage.process_startup()
del os.environ["COVERAGE_PROCESS_START"]
