"""Where processes run. ``base`` is the contract; every other module or package here implements it, independently."""
