"""``python -m jupyter_zoe.cli``."""

import sys

from jupyter_zoe.cli import main

sys.exit(main())
