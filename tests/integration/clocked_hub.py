"""A hub whose time of day is another one than the machine's: ``python clocked_hub.py FILE OPTIONS...``, started by
``test_hub_clock``. FILE holds the seconds by which it is ahead, and is read at each look at the clock.
"""

from __future__ import annotations

import sys
from pathlib import Path

from msgspec.structs import replace

from zoe_hub.app import main
from zoe_hub.controllers.kit import clock

AHEAD = Path(sys.argv[1])
of_this_machine = clock.system_reading


def reading() -> clock.Reading:
    found = of_this_machine()
    return replace(found, wall=found.wall + float(AHEAD.read_text()))


if __name__ == "__main__":
    clock.system_reading = reading
    main(sys.argv[2:])
