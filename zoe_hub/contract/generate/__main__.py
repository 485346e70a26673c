"""``python -m zoe_hub.contract.generate [--check]``."""

from __future__ import annotations

import sys

from zoe_hub.contract.generate import main

sys.exit(main())
