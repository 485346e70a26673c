"""Measurements for Prometheus. Counted here in plain numbers; ``prometheus_client`` is loaded when somebody first asks.

``web.handler`` counts requests, ``web.operations.system`` renders. The registry is the hub's own, so several hubs live
in one process.
"""

from __future__ import annotations

import bisect
from collections import Counter
from typing import TYPE_CHECKING, Any

from zoe_hub.core.executions.model import Phase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoe_hub.web.context import Hub

_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """What the web counts."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self._times: dict[str, list[int]] = {}
        self._sums: Counter[str] = Counter()
        self._registry: Any = None

    def count(self, operation: str, status: int, seconds: float) -> None:
        """One answered request."""
        self.requests[operation, status] += 1
        self._times.setdefault(operation, [0] * (len(_BOUNDS) + 1))[bisect.bisect_left(_BOUNDS, seconds)] += 1
        self._sums[operation] += seconds  # type: ignore[assignment]

    def render(self, hub: Hub, ended: int) -> bytes:
        """The measurements in Prometheus' text format.

        :param ended: how many executions have ended
        """
        # costs 40 ms and 5 MB
        from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest  # noqa: PLC0415

        if self._registry is None:
            self._registry = CollectorRegistry(auto_describe=False)
            self._collector = _Collector(self, hub)
            self._registry.register(self._collector)
            ProcessCollector(registry=self._registry)
        self._collector.ended = ended
        return bytes(generate_latest(self._registry))

    def durations(self) -> Iterator[tuple[str, list[tuple[str, float]], float]]:
        """Each operation's cumulative buckets and sum of seconds."""
        for operation, counts in self._times.items():
            total, buckets = 0, []
            for bound, count in zip((*map(str, _BOUNDS), "+Inf"), counts, strict=True):
                total += count
                buckets.append((bound, float(total)))
            yield operation, buckets, float(self._sums[operation])


class _Collector:
    """Reads everything at the moment of a scrape."""

    def __init__(self, metrics: Metrics, hub: Hub) -> None:
        self._metrics = metrics
        self._hub = hub
        self.ended = 0  # executions

    def collect(self) -> Iterator[Any]:
        """All families, as ``prometheus_client`` wants them."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily  # noqa: PLC0415

        hub = self._hub
        requests = CounterMetricFamily("zoe_requests", "Answered requests", labels=["operation", "status"])
        for (operation, status), count in self._metrics.requests.items():
            requests.add_metric([operation, str(status)], count)
        yield requests
        durations = HistogramMetricFamily(
            "zoe_request_seconds", "Time until a request was answered", labels=["operation"]
        )
        for operation, buckets, total in self._metrics.durations():
            durations.add_metric([operation], buckets, total)
        yield durations
        executions = GaugeMetricFamily("zoe_executions", "Executions by phase", labels=["phase"])
        phases = Counter(execution.phase.value for execution in hub.store.active())
        for phase, count in {**phases, Phase.ENDED.value: self.ended}.items():
            executions.add_metric([phase], count)
        yield executions
        yield GaugeMetricFamily("zoe_attachments", "Attachments", value=len(hub.store.attachments))
        yield GaugeMetricFamily("zoe_streams", "Open event streams and followed logs", value=hub.streams)
        connections = GaugeMetricFamily("zoe_connections", "Open HTTP connections by stage", labels=["stage"])
        for stage, count in hub.connections.counts().items():
            connections.add_metric([stage], count)
        yield connections
        yield CounterMetricFamily("zoe_events", "Events ever committed", value=hub.store.last_seq)
        for source, prefix in ((hub.controllers, "zoe_"), (hub.store, "zoe_store_")):
            for name, value in dict(getattr(source, "stats", None) or {}).items():
                yield GaugeMetricFamily(prefix + name, name.replace("_", " ").capitalize(), value=float(value))
