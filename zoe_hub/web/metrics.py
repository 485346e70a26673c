"""Measurements for Prometheus. Counted here in plain numbers; ``prometheus_client`` is loaded when somebody first asks.

``web.base`` counts requests, ``web.operations.system`` says what else there is to read and renders. The registry is the
hub's own, so several hubs live in one process.
"""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class MetricReading(NamedTuple):
    """Something that is read at the moment of a scrape."""

    name: str
    text: str  # what it is, for people
    values: float | Mapping[str, float]  # by label, if there is one
    label: str = ""
    kind: Literal["gauge", "counter"] = "gauge"


class Metrics:
    """What the web counts."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self._times: dict[str, list[int]] = {}
        self._sums: Counter[str] = Counter()
        self._registry: Any = None
        self._readings: tuple[MetricReading, ...] = ()

    def count(self, operation: str, status: int, seconds: float) -> None:
        """One answered request."""
        self.requests[operation, status] += 1
        self._times.setdefault(operation, [0] * (len(_BOUNDS) + 1))[bisect.bisect_left(_BOUNDS, seconds)] += 1
        self._sums[operation] += seconds  # type: ignore[assignment]

    def render(self, readings: Iterable[MetricReading]) -> bytes:
        """All measurements in Prometheus' text format. :param readings: beside what is counted here"""
        # costs 40 ms and 5 MB
        from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest  # noqa: PLC0415

        if self._registry is None:
            self._registry = CollectorRegistry(auto_describe=False)
            self._registry.register(self)
            ProcessCollector(registry=self._registry)
        self._readings = tuple(readings)
        return bytes(generate_latest(self._registry))

    def collect(self) -> Iterator[Any]:
        """All families, as ``prometheus_client`` wants them."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily  # noqa: PLC0415

        requests = CounterMetricFamily("zoe_requests", "Answered requests", labels=["operation", "status"])
        for (operation, status), count in self.requests.items():
            requests.add_metric([operation, str(status)], count)
        yield requests
        durations = HistogramMetricFamily(
            "zoe_request_seconds", "Time until a request was answered", labels=["operation"]
        )
        for operation, buckets, total in self._durations():
            durations.add_metric([operation], buckets, total)
        yield durations
        for reading in self._readings:
            family = (CounterMetricFamily if reading.kind == "counter" else GaugeMetricFamily)(
                reading.name, reading.text, labels=[reading.label] if reading.label else None
            )
            values = reading.values if isinstance(reading.values, Mapping) else {"": reading.values}
            for label, value in values.items():
                family.add_metric([label] if reading.label else [], value)
            yield family

    def _durations(self) -> Iterator[tuple[str, list[tuple[str, float]], float]]:
        """Each operation's cumulative buckets and sum of seconds."""
        for operation, counts in self._times.items():
            total, buckets = 0, []
            for bound, count in zip((*map(str, _BOUNDS), "+Inf"), counts, strict=True):
                total += count
                buckets.append((bound, float(total)))
            yield operation, buckets, float(self._sums[operation])
