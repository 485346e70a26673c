"""What the hub remembers. ``base`` is the contract, ``sql`` the implementation."""
