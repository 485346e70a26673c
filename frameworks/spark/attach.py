"""Connects a kernel to the cluster: a Spark Connect session, and what Zoe may ask of it.

The hub hands this file to kernels (`attach` in framework.yaml), where it runs with the names `outputs`, `secrets`,
`guard`, `attachment` and `kernel`; it sets `spark` and `session`. The token goes into each call's metadata, never into
a URL or the environment, and only to the server that was meant, also when the connection is made anew.

All calls of the session pass `_Calls`, in whatever thread: there they get the name of the cell, and end as soon as Zoe
says that the cluster is gone. All failures pass `_Patience`, which tells a session that is gone from a network that is.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import socket
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import grpc
from pyspark.sql.connect.client import ChannelBuilder, SparkConnectClient
from pyspark.sql.connect.client.retries import DefaultPolicy
from pyspark.sql.connect.proto import base_pb2 as pb
from pyspark.sql.connect.proto import base_pb2_grpc
from pyspark.sql.connect.session import SparkSession

from jupyter_zoe.attaching.guard import guarded
from jupyter_zoe.magics.progress import install

USER = "zoe"  # sessions are known by user and id; all of a cluster are its owner's
DESCRIPTION = "spark.job.description"  # Spark hands session properties on to jobs: their pages show this one
POOL = "spark.scheduler.pool"
HEIRS = "spark.zoe.sessions"  # in the attachment's own session: which ones its kernels have had
SHORT = 8.0  # seconds for questions that need no executor
FIRST = 30.0  # seconds for the first question, to a server that has only just started
RECONNECTING = {
    "grpc.use_local_subchannel_pool": 1,  # a new session does not wait for what an old one has given up
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.min_reconnect_backoff_ms": 1000,
    "grpc.max_reconnect_backoff_ms": 2000,
}
LONGEST_PAUSE = 2.0  # seconds between two attempts: as long as it takes to notice that the cluster is gone
AGAIN = (0.0, 0.3, 0.7)  # seconds before each request to end queries: some may be on their way to the server
ATTEMPTS = 300  # about ten minutes, as Spark's own
GONE = ("INVALID_HANDLE.SESSION_CLOSED", "INVALID_HANDLE.SESSION_CHANGED", "INVALID_HANDLE.SESSION_NOT_FOUND")
HOLDS = "temporary views, functions and cached tables"


class ConnectSession:
    """One session of the cluster, and what may be asked of it (see the guide for framework authors).

    :param address: host:port of the Connect server
    :param token: what lets in
    :param guard: knows the server from strangers at its address
    :param heritage: the kernel's place among its predecessors: what a killed one has left is ended; empty: none
    """

    holds = HOLDS

    def __init__(self, address: str, token: str, guard: Any, heritage: str) -> None:
        self._heritage = heritage
        self._label = self._described = self._worked = self._stopped = ""
        self._has_bars = False
        self._own_description = False  # the user has set one, which stays
        self._error: Callable[[], BaseException] | None = None
        self._lock = threading.Lock()
        self._calls: weakref.WeakSet[Any] = weakref.WeakSet()
        self.on_lost: Callable[[str], BaseException] = RuntimeError  # makes what is raised when the session is gone
        self.on_work: Callable[[str], None] = lambda label: None  # is told of each name that has a query
        self._channel = _Channel(address, token, guard, self)
        builder: Any = SparkSession.builder  # whose types want a builder of another class than its guide says
        self.spark: SparkSession = builder.channelBuilder(self._channel).create()
        self.spark.client.set_retry_policies([_Patience(self)])
        self._make_default()
        self._id = self.spark.session_id
        stubs: Any = base_pb2_grpc  # has no types
        self._stub = stubs.SparkConnectServiceStub(self._channel.bare)
        atexit.register(self.close)

    # --- what Zoe asks ---

    def check(self) -> None:
        """Raise unless a worker has done something for this session. Ends what a killed kernel has left, meanwhile: the
        query may have to wait for its end.
        """
        heir = threading.Thread(target=self._inherit, name="zoe-heir", daemon=True)
        heir.start()
        self.spark.range(0, 1, 1, 1).collect()
        heir.join(FIRST)

    def is_alive(self) -> bool:
        """Whether the server knows the session. Needs no worker. A server that takes long is none that is gone."""
        if self._error is not None or self.spark.is_stopped:
            return False
        operation = pb.ConfigRequest.Operation(get_option=pb.ConfigRequest.GetOption(keys=[DESCRIPTION]))
        try:
            self._configure(operation)
        except grpc.RpcError as error:
            return bool(error.code() == grpc.StatusCode.DEADLINE_EXCEEDED)
        return True

    def label(self, text: str) -> None:
        """Name what runs from now on, on Spark's pages and for `interrupt`; empty: it has no name."""
        self._label, self._stopped = text, ""
        if not self._has_bars:  # which are for queries of people
            self._has_bars = True
            install(self.spark)
        if SparkSession._get_default_session() is None:  # another one was, and has gone
            self._make_default()

    def _make_default(self) -> None:
        """Have pyspark's functions find this session; Spark does so by itself with the first one only."""
        SparkSession._default_session = self.spark
        SparkSession._active_session.session = self.spark

    def interrupt(self, label: str) -> None:
        """End all queries of what runs under the name, in whatever thread they were made; without a name, all.

        Its threads begin no more, and those that were on their way are ended too.
        """
        request = pb.InterruptRequest(session_id=self._id, user_context=pb.UserContext(user_id=USER))
        request.interrupt_type = pb.InterruptRequest.INTERRUPT_TYPE_ALL
        if label:
            self._stopped = label
            request.interrupt_type = pb.InterruptRequest.INTERRUPT_TYPE_TAG
            request.operation_tag = tag(label)
        for pause in AGAIN:
            time.sleep(pause)
            if pause and self._stopped != label:
                return
            with contextlib.suppress(grpc.RpcError):
                self._stub.Interrupt(request, timeout=SHORT)

    def fail(self, error: Callable[[], BaseException]) -> None:
        """From now on each call raises what `error` makes; those that wait do so at once."""
        self._error = error
        for call in list(self._calls):
            call.cancel()

    def close(self) -> None:
        """Give the session back, unless it is gone: what it holds on the cluster is free again."""
        atexit.unregister(self.close)
        if self._error is None:
            with contextlib.suppress(grpc.RpcError):
                _release(self._stub, self._id)
        self._error = self._error or (lambda: RuntimeError("This Spark session was closed."))
        self.spark.stop()  # which asks for nothing any more
        self.spark.client.__class__ = _EndedClient

    # --- what its calls ask ---

    def before(self, request: Any) -> None:
        """Called before each call; may change it. Raises if the session is gone."""
        if self._error is not None:
            raise self._error()
        if isinstance(request, pb.ExecutePlanRequest):
            if self._stopped and threading.current_thread() is not threading.main_thread():
                raise RuntimeError(f"{self._stopped} was interrupted.")
            self._describe()
            if self._label and tag(self._label) not in request.tags:
                request.tags.append(tag(self._label))
            if self._label and self._label != self._worked:
                self._worked = self._label
                self.on_work(self._label)
        elif isinstance(request, pb.ConfigRequest):
            pairs = request.operation.set.pairs
            self._own_description |= any(pair.key == DESCRIPTION for pair in pairs)

    def _describe(self) -> None:
        """Have the jobs of the session carry the name of what runs. One short call for each name, before its query."""
        with self._lock:
            if self._label == self._described or self._own_description:
                return
            pairs = {DESCRIPTION: self._label, POOL: self._id[:8]}
            operation = pb.ConfigRequest.Operation()
            for key, value in pairs.items():
                operation.set.pairs.add(key=key, value=value)
            with contextlib.suppress(grpc.RpcError):  # the query itself will tell
                self._configure(operation)
                self._described = self._label

    def follow(self, call: Any) -> None:
        """Remember a call that may wait for long, so that it can be ended."""
        self._calls.add(call)

    def broken(self, error: BaseException) -> None:
        """Called with each failure, before it is tried again. Raises if the session is gone."""
        if self._error is not None:
            raise self._error() from None
        text = str(error)
        if any(code in text for code in GONE):
            why = "Spark has closed it" if GONE[0] in text else "its Spark Connect server is a new one"
            raise self.on_lost(why) from None

    # --- predecessors ---

    def _inherit(self) -> None:
        """Take the place of kernels that are gone: their sessions, with queries and cached tables, are ended.

        Which ones there were is kept by the server itself, in a session that belongs to the attachment.
        """
        if not self._heritage:
            return
        with contextlib.suppress(grpc.RpcError):  # the query that follows says it better
            self._replace_predecessors()

    def _replace_predecessors(self) -> None:
        place = str(uuid.uuid5(uuid.NAMESPACE_URL, f"zoe:{self._heritage}"))
        asked = pb.ConfigRequest.Operation()
        asked.get_option.keys.append(HEIRS)
        found = self._configure(asked, place, FIRST).pairs
        known = json.loads(found[0].value) if found and found[0].value else []
        living = [each for each in known if each["session"] != self._id and not _has_gone(each)]
        for each in known:
            if each not in living and each["session"] != self._id:
                with contextlib.suppress(grpc.RpcError):
                    _release(self._stub, each["session"])
        told = pb.ConfigRequest.Operation()
        told.set.pairs.add(key=HEIRS, value=json.dumps([*living, {"session": self._id, **_here()}]))
        self._configure(told, place)

    def _configure(self, operation: Any, session: str = "", seconds: float = SHORT) -> Any:
        request = pb.ConfigRequest(
            session_id=session or self._id, user_context=pb.UserContext(user_id=USER), operation=operation
        )
        if not session and self.spark.client._server_session_id:
            request.client_observed_server_side_session_id = self.spark.client._server_session_id
        return _asked(self._stub.Config, request, seconds)


def tag(label: str) -> str:
    """A name as a tag of Spark's, which separates tags by commas."""
    return label.replace(",", " ")


def _release(stub: Any, session: str) -> None:
    request = pb.ReleaseSessionRequest(session_id=session, user_context=pb.UserContext(user_id=USER))
    stub.ReleaseSession(request, timeout=SHORT)


def _asked(call: Any, request: Any, seconds: float) -> Any:
    """The answer to a question that Spark's client does not ask. Tried again while there is no connection."""
    until = time.monotonic() + seconds
    while True:
        left = until - time.monotonic()
        try:
            return call(request, timeout=max(0.1, left))
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.UNAVAILABLE or left < LONGEST_PAUSE:
                raise
        time.sleep(0.2)


# --- processes that have sessions ---


def _here() -> dict[str, Any]:
    """This process, so that another one on this machine can tell whether it still lives."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "started": _started(os.getpid())}


def _has_gone(process: dict[str, Any]) -> bool:
    """Whether a process has ended. Of one on another machine it is taken for granted: an attachment has one kernel."""
    if process["host"] != socket.gethostname():
        return True
    if process["started"] is not None:
        return bool(_started(process["pid"]) != process["started"])
    try:
        os.kill(process["pid"], 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass
    return False


def _started(pid: int) -> int | None:
    """When a process began, in the kernel's count; `None`: it is gone, or a zombie, or there is no /proc."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


# --- the way to the server ---


class _EndedClient(SparkConnectClient):
    """The client of a session that has ended. Its calls still pass `_Calls`, which says why, where pyspark's own client
    says no more than that there is no session.
    """

    @property  # type: ignore[misc,unused-ignore]  # without the setter, which is for pyspark's own tests
    def _stub(self) -> Any:
        return self._internal_stub


class _Channel(ChannelBuilder):
    """Reaches the server by its address, with the token in each call."""

    def __init__(self, address: str, token: str, guard: Any, session: ConnectSession) -> None:
        super().__init__(params={self.PARAM_USER_ID: USER})
        for option, value in RECONNECTING.items():
            self.setChannelOption(option, value)
        self._address, self._session = address, session
        secret = [("authorization", f"Bearer {token}")]
        self.bare = guarded(self._insecure_channel(guard.place(address)), lambda: guard.check(address), secret)

    @property
    def host(self) -> str:
        return self._address.rpartition(":")[0]

    @property
    def endpoint(self) -> str:
        return self._address

    def toChannel(self) -> grpc.Channel:
        return grpc.intercept_channel(self.bare, _Calls(self._session))

    def __repr__(self) -> str:
        return f"Channel({self._address})"


class _Calls(
    grpc.UnaryUnaryClientInterceptor,  # type: ignore[misc,unused-ignore]
    grpc.UnaryStreamClientInterceptor,  # type: ignore[misc,unused-ignore]
    grpc.StreamUnaryClientInterceptor,  # type: ignore[misc,unused-ignore]
):
    """All calls of a session."""

    def __init__(self, session: ConnectSession) -> None:
        self._session = session

    def intercept_unary_unary(self, proceed: Any, details: Any, request: Any) -> Any:
        self._session.before(request)
        return proceed(details, request)

    def intercept_unary_stream(self, proceed: Any, details: Any, request: Any) -> Any:
        self._session.before(request)
        call = proceed(details, request)
        self._session.follow(call)
        return call

    def intercept_stream_unary(self, proceed: Any, details: Any, requests: Iterator[Any]) -> Any:
        self._session.before(None)
        return proceed(details, requests)


class _Patience(DefaultPolicy):
    """When a call is tried again: as Spark's own, but never for a session that is gone, and soon enough to notice."""

    def __init__(self, session: ConnectSession) -> None:
        super().__init__(max_retries=ATTEMPTS, max_backoff=int(LONGEST_PAUSE * 1000), jitter=0)
        self._session = session

    def can_retry(self, e: BaseException) -> bool:
        self._session.broken(e)
        is_passing: bool = super().can_retry(e)
        return is_passing


def connect(
    outputs: Mapping[str, str], secrets: Mapping[str, str], guard: Any, attachment: str, kernel: str
) -> ConnectSession:
    """A session of the cluster. Asks the server for nothing yet.

    :param guard: knows the server from strangers at its address
    :param attachment: its id; empty: there is none, since the kernel is a part of the execution
    :param kernel: the kernel's id; empty: this is none
    """
    address = outputs["spark_remote"].removeprefix("sc://")
    # pyspark.sql.functions and SparkSession.builder.getOrCreate() find the session by these.
    os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"
    os.environ["SPARK_REMOTE"] = f"sc://{address}"
    return ConnectSession(address, secrets["connect"], guard, (attachment or kernel) if kernel else "")


if "outputs" in globals():  # in a kernel, and not imported by a test
    _given = globals()
    session = connect(
        _given["outputs"],
        _given["secrets"],
        _given["guard"],
        _given.get("attachment", ""),
        _given.get("kernel", ""),
    )
    spark = session.spark
