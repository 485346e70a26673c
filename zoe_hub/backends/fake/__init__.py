"""A backend without processes, for simulations: the same contract in memory, in virtual time if the loop has it, with
faults.

What survives a "restart of the hub" is the ``FakeEngine``; ``FakeBackend(..., engine=engine)`` is one hub's connection
to it. A program is a little script in the command::

    ("sleep",)                        runs until it is told to end
    ("sleep", "5")  ("exit", "3")     ends after 5 seconds / at once with 3; a script that comes to its end exits with 0
    ("do", "print hello", "serve http zoe", "sleep 2", "exit 1")     several steps; the first word is the step

Steps: ``print TEXT``, ``print-env NAME``, ``print-file NAME``, ``spam BYTES``, ``serve PORT BODY`` (answers there as
long as the process lives), ``sleep [SECONDS]``, ``exit CODE``, ``crash SIGNAL``, ``ignore-term``, ``on-term CODE`` and
``on-usr1 CODE`` (exits with CODE at that signal), ``on NAME TEXT`` (prints TEXT at that signal). Any other first word
is a program that does not exist: exit 127. ``FakeEngine(interpret=...)`` turns other commands (of real definitions)
into scripts.

Used by the tests, by ``tests/simulation`` and by authors of policies. Never by a hub that people use.
"""

from zoe_hub.backends.fake.backend import FakeBackend
from zoe_hub.backends.fake.engine import FakeEngine, Faults
from zoe_hub.backends.fake.programs import interpret

__all__ = ["FakeBackend", "FakeEngine", "Faults", "interpret"]
