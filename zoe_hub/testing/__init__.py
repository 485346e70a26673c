"""Published suites and helpers for tests: contracts of backends and stores, the simulation, engines."""
