"""The verbs of ``%zoe``. One instance for each IPython shell; it knows what the shell is attached to."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from typing import Any

from jupyter_zoe import words
from jupyter_zoe.client import Client, ZoeProblem
from jupyter_zoe.client.operations import AttachRequest, ExecutionView, StartRequest
from jupyter_zoe.magics import display, kernel
from jupyter_zoe.magics.kernel import Session
from jupyter_zoe.options import Help
from jupyter_zoe.verbs import TAIL, Call, Verbs, find_zapp, missing, scale, tail, wait_running, web_prefix

_DESCRIPTION = "Zoe: clusters and applications from inside the notebook."
_EXAMPLES = (
    "For example:\n  %zoe attach spark --workers 2    a Spark cluster; `spark` is connected to it\n  %zoe scale 4      "
    "               make it bigger, the session goes on\n  %zoe detach                      end it"
)


class ZoeError(Exception):
    """What a person sees of an error: its message, without a traceback."""

    def __init__(self, problem: ZoeProblem) -> None:
        super().__init__("\n".join(problem.lines()))
        self.code = problem.code

    def _render_traceback_(self) -> list[str]:
        """IPython shows this instead of a traceback."""
        head, *rest = str(self).splitlines() or [""]
        return [f"Zoe: {head} [{self.code}]", *rest]


class Zoe:
    """``%zoe``."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.sessions: list[Session] = []  # the last one is the current one
        self._client: Client | None = None
        self.verbs = self._parser()

    def close(self) -> None:
        """Close the connection to the hub."""
        if self._client is not None:
            self._client.close()
            self._client = None

    @property
    def client(self) -> Client:
        """The hub, started if need be."""
        if self._client is None:
            self._client = Client()
        return self._client

    def _parser(self) -> Verbs:
        verbs = Verbs("%zoe", _DESCRIPTION, lambda name, attach: find_zapp(self.client, name, attach))
        attach = verbs.add(
            "attach",
            "Connect this notebook to a cluster, starting one if need be",
            parameters=True,
            epilog="A notebook finds its cluster again, after a restart of its kernel too.",
        )
        attach.add_argument(
            "zapp",
            nargs="?",
            metavar="ZAPP",
            help="what to attach to, such as spark; left out: what this notebook was attached to",
        )
        attach.add_argument("--execution", metavar="NAME", help="attach to this execution, which runs already")
        attach.add_argument(
            "--timeout",
            type=float,
            default=600.0,
            metavar="SECONDS",
            help="how long to wait for it; it goes on by itself after that (default 600)",
        )
        grow = verbs.add("scale", "Make the attached cluster bigger or smaller")
        grow.add_argument(
            "group", nargs="?", metavar="GROUP", help="which processes; may be left out if only one group can grow"
        )
        grow.add_argument("count", type=int, metavar="N", help="how many there should be")
        grow.add_argument("--execution", metavar="NAME", help="another execution than the attached one")
        grow.add_argument(
            "--timeout", type=float, default=600.0, metavar="SECONDS", help="how long to wait for them (default 600)"
        )
        status = verbs.add("status", "Show what this notebook is attached to, or another execution")
        status.add_argument("execution", nargs="?", metavar="NAME")
        logs = verbs.add("logs", "Show the end of the logs")
        logs.add_argument("process", nargs="?", metavar="PROCESS", help="such as worker-0; left out: all")
        logs.add_argument("--execution", metavar="NAME", help="another execution than the attached one")
        logs.add_argument("-n", "--lines", type=int, default=TAIL, metavar="N", help=f"how many lines (default {TAIL})")
        detach = verbs.add("detach", "Close the session and end the cluster, unless another notebook uses it")
        detach.add_argument("execution", nargs="?", metavar="NAME", help="which, if there are several")
        detach.add_argument("--keep", action="store_true", help="leave the cluster running")
        verbs.add("apps", "Show what can be started")
        run = verbs.add(
            "run",
            "Start an application",
            parameters=True,
            epilog="What stands after '--' are arguments of the program.",
        )
        run.add_argument("zapp", nargs="?", metavar="ZAPP", help="what to start; see %%zoe apps")
        run.add_argument("--name", metavar="NAME", help="what to call it")
        run.add_argument("--wait", action="store_true", help="wait until it has ended, and show its output")
        ps = verbs.add("ps", "Show what runs")
        ps.add_argument("--all", action="store_true", help="what has ended, too")
        stop = verbs.add("stop", "End an execution")
        stop.add_argument("execution", metavar="NAME")
        stop.add_argument("--confirm", metavar="NAME", help="its name again, if it is protected")
        verbs.add("help", "Show this help")
        return verbs

    def run(self, line: str) -> None:
        """Zoe: attach this notebook to a cluster, make it bigger, run applications. ``%zoe help`` shows the verbs."""
        problem: ZoeProblem | None = None
        try:
            call = self.verbs.parse(_words(line))
            self._verb(call.verb)(call)
        except Help as asked:
            text = str(asked) + (
                "" if line.split() and line.split(maxsplit=1)[0] in self.verbs.verbs else f"\n\n{_EXAMPLES}"
            )
            print(text)
        except ZoeProblem as error:
            problem = error
        except KeyboardInterrupt:
            problem = ZoeProblem(
                "interrupted", "Interrupted. What was asked for goes on.", "See how far it is with '%zoe ps'."
            )
        if problem is not None:
            raise ZoeError(problem)  # outside of 'except': frames that held secrets are no context of it

    def _verb(self, name: str) -> Callable[[Call], None]:
        verb: Callable[[Call], None] = getattr(self, f"_{name}")
        return verb

    # --- attaching ---

    def _attach(self, call: Call) -> None:
        with display.Live(self.shell, "attach") as live:
            try:
                self._attach_shown(call, live)
            except KeyboardInterrupt:
                raise ZoeProblem(
                    "interrupted",
                    "Interrupted. The cluster goes on starting.",
                    "Run '%zoe attach' again to connect, or '%zoe detach' to end it.",
                ) from None

    def _attach_shown(self, call: Call, live: display.Live) -> None:
        key, kernel_id = kernel.identity()
        live.update("Asking the hub ...", display.line("Asking the hub …", muted=True))
        body: AttachRequest = {
            "key": key,
            "kernel": kernel_id,
            "language": "python",
            "versions": kernel.versions(),
            "parameters": call.parameters,
        }
        if prefix := web_prefix():
            body["web_prefix"] = prefix
        if call.given.zapp is not None:
            body["zapp"] = call.given.zapp
        if call.given.execution is not None:
            body["execution"] = self.client.find(call.given.execution)["id"]
        try:
            attachment = self.client.attach(**body)
        except ZoeProblem as problem:
            beside = (
                self._beside()
                if problem.code == "unknown-attachment" and not {"zapp", "execution"} & set(body)
                else None
            )
            if beside is None:
                raise
            body["execution"] = beside["id"]
            attachment = self.client.attach(**body)
        live.facts["attachment"] = attachment["id"]
        view = wait_running(self.client, attachment["execution"], timeout=call.given.timeout, progress=live.progress)
        seconds = live.facts["seconds"]
        old = next((each for each in self.sessions if each.execution == view["id"]), None)
        kept = old is not None and old.lives(view)
        if old is not None and kept:
            session = old
            session.attachment = attachment["id"]
        else:
            live.update(
                f"{view['name']} runs; connecting ...", display.line(f"{view['name']} runs; connecting …", muted=True)
            )
            session, kept = self._connected(attachment["id"], view)
            if old is not None:
                kernel.close(old.value)
        self.sessions = [*(each for each in self.sessions if each.execution != view["id"]), session]
        self.shell.user_ns[session.variable] = session.value
        self.shell.user_ns_hidden.pop(session.variable, None)
        verb = "Attached" if attachment["renewed"] == attachment["created"] else "Attached again"
        how = f"`{session.variable}` is the same session as before" if kept else f"`{session.variable}` is connected"
        note = missing(view)
        live.facts |= {"variable": session.variable, "session": "same" if kept else "new"}
        live.done(
            *_plain_and_html(
                f"{verb} to {view['name']}: {words.ready_words(view)} in {seconds:.1f} s;"
                f" {how}.{f' {note}' if note else ''}"
            )
        )

    def _connected(self, attachment: str, view: ExecutionView) -> tuple[Session, bool]:
        """A session, and whether it was there: in a notebook that runs beside its cluster the kernel has one from the
        start.
        """
        connection = self.client.get_connection(attachment)
        variable = connection["variable"]
        there = self.shell.user_ns.get(variable)
        mine = {id(each.value) for each in self.sessions}
        beside = (
            view["id"] == os.environ.get("ZOE_EXECUTION")
            and there is not None
            and id(there) not in mine
            and hasattr(there, "stop")
            and not stopped_or_plain(there)
        )
        value = there if beside else kernel.connect(connection, view["name"])
        connection["secrets"].clear()
        session = Session(
            attachment=attachment,
            execution=view["id"],
            name=view["name"],
            zapp=view["zapp"],
            variable=variable,
            value=value,
            servers=kernel.servers(view),
        )
        return session, beside

    def _beside(self) -> ExecutionView | None:
        """The execution that this kernel is a part of, if it holds a cluster as well."""
        own = os.environ.get("ZOE_EXECUTION")
        if not own:
            return None
        view = self.client.get_execution(own)
        return view if "python" in view["attach"] else None

    def _current(self, name: str | None) -> ExecutionView:
        """The execution that is meant: by its name, or the attached one, or the one that this notebook was attached
        to.
        """
        if name is not None:
            return self.client.find(name)
        if self.sessions:
            return self.client.get_execution(self.sessions[-1].execution)
        attachments = self.client.list_attachments(key=kernel.identity()[0])["items"]
        if not attachments:
            raise ZoeProblem(
                "not-attached",
                "This notebook is attached to nothing.",
                "Attach it, for example with '%zoe attach spark --workers 2', or name an execution.",
            )
        return max(attachments, key=lambda each: each["renewed"])["execution"]

    def _detach(self, call: Call) -> None:
        view = self._current(call.given.execution)
        key, _ = kernel.identity()
        found = self.client.list_attachments(key=key, execution=view["id"])["items"]
        mine = [each for each in self.sessions if each.execution == view["id"]]
        if not found and not mine:
            raise ZoeProblem(
                "not-attached",
                f"This notebook is not attached to {view['name']}.",
                f"See what it is attached to with '%zoe status'; end the other one with '%zoe stop {view['name']}'.",
            )
        keep = call.given.keep or view["id"] == os.environ.get("ZOE_EXECUTION")  # it would end the notebook itself
        live = display.Live(self.shell, "detach")
        live.facts["execution"] = {"id": view["id"], "name": view["name"]}
        live.update(f"Detaching from {view['name']} ...", display.line(f"Detaching from {view['name']} …", muted=True))
        with live:
            for session in mine:
                self._drop(session, close=view["phase"] == "running")
            for each in found:
                view = self.client.detach(each["id"], keep=keep)
            if view["desired"] == "ended":
                view = self.client.wait(
                    view["id"],
                    "ended",
                    timeout=120,
                    progress=live.progress,
                    tick=0.5,
                )
        if view["desired"] == "ended":
            live.done(*_plain_and_html(f"Detached from {view['name']}, which has ended."))
        else:
            why = (
                "kept"
                if call.given.keep
                else "this notebook is a part of it"
                if keep
                else "another notebook uses it, or it is protected"
            )
            live.done(
                *_plain_and_html(
                    f"Detached from {view['name']}, which goes on ({why}). End it with `%zoe stop {view['name']}`."
                )
            )

    def _drop(self, session: Session, *, close: bool) -> None:
        """Forget a session. One whose cluster is gone is not asked to say goodbye."""
        if close:
            kernel.close(session.value)
        if self.shell.user_ns.get(session.variable) is session.value:
            self.shell.user_ns.pop(session.variable)
        self.sessions.remove(session)

    # --- the attached cluster ---

    def _scale(self, call: Call) -> None:
        view = self._current(call.given.execution)
        live = display.Live(self.shell, "scale")
        with live:
            try:
                done = scale(
                    self.client,
                    view,
                    call.given.group,
                    call.given.count,
                    timeout=call.given.timeout,
                    progress=live.progress,
                )
            except KeyboardInterrupt:
                raise ZoeProblem(
                    "interrupted",
                    f"Interrupted. {view['name']} goes on changing its size.",
                    "See how far it is with '%zoe status'.",
                ) from None
        seconds = live.facts["seconds"]
        note = missing(done)
        live.done(
            *_plain_and_html(
                f"{done['name']}: {words.ready_words(done)} after {seconds:.1f} s.{f' {note}' if note else ''}"
            )
        )

    def _status(self, call: Call) -> None:
        view = self._current(call.given.execution)
        display.show(self.shell, *display.execution(view))

    def _logs(self, call: Call) -> None:
        name, process = call.given.execution, call.given.process
        view = self._current(name)
        if process is not None:
            parts = [(process, tail(self.client, view["id"], process, call.given.lines))]
        else:
            several = len(view["processes"]) > 1
            parts = [
                (
                    each["id"],
                    tail(
                        self.client, view["id"], each["id"], min(call.given.lines, 10) if several else call.given.lines
                    ),
                )
                for each in view["processes"]
            ]
        if not parts:
            raise ZoeProblem("no-log", f"{view['name']} has no processes yet.", "Wait until it has started.")
        display.show(self.shell, *display.log(parts))

    # --- applications ---

    def _apps(self, call: Call) -> None:
        shop = self.client.list_zapps()
        problems = [f"{each['file']}:{each['line']}: {each['message']}" for each in shop["problems"]]
        display.show(self.shell, *display.zapps(shop["items"], problems))

    def _run(self, call: Call) -> None:
        if call.given.zapp is None:
            raise ZoeProblem("usage", "Say what to run.", "See what there is with '%zoe apps'.")
        body: StartRequest = {"zapp": call.given.zapp, "name": call.given.name, "parameters": call.parameters}
        if prefix := web_prefix():
            body["web_prefix"] = prefix
        view = self.client.start_execution(**body)
        if not call.given.wait:
            display.show(
                self.shell,
                *_plain_and_html(
                    f"Started {view['name']}. See it with `%zoe status {view['name']}`, end it with `%zoe stop"
                    f" {view['name']}`."
                ),
            )
            return
        with display.Live(self.shell) as live:
            view = self.client.wait(view["id"], "ended", progress=live.progress, tick=0.5)
        parts = [(each["id"], tail(self.client, view["id"], each["id"])) for each in view["processes"]]
        text, html = display.log(parts) if parts else ("", "")
        live.done(
            f"{view['name']} has {words.state_words(view)}.",
            display.line(f"{view['name']} has {words.state_words(view)}.", muted=True),
        )
        if parts:
            display.show(self.shell, text, html)
        if view["outcome"] != "completed":
            raise ZoeProblem(
                "failed",
                f"{view['name']} has {words.state_words(view)}: {words.headline(view['reason'])}",
                "Its output is above.",
            )

    def _ps(self, call: Call) -> None:
        items = (
            self.client.list_executions(limit=200)["items"]
            if call.given.all
            else self.client.list_executions(active=True, limit=200)["items"]
        )
        display.show(self.shell, *display.executions(items))

    def _stop(self, call: Call) -> None:
        view = self.client.find(call.given.execution)
        view = self.client.terminate_execution(view["id"], confirm=call.given.confirm)
        with display.Live(self.shell) as live:
            view = self.client.wait(
                view["id"],
                "ended",
                timeout=300,
                progress=live.progress,
                tick=0.5,
            )
        for session in [each for each in self.sessions if each.execution == view["id"]]:
            self._drop(session, close=False)
        live.done(*_plain_and_html(f"{view['name']} has ended: {words.sentence(view['reason'])}"))

    def _help(self, call: Call) -> None:
        print(self.verbs.help())


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise ZoeProblem("usage", f"The line cannot be understood: {error}.", "Close the quotation mark.") from None


def stopped_or_plain(value: Any) -> bool:
    """Whether something in the user's namespace is no session that lives."""
    return kernel.stopped(value) or isinstance(value, type)


def _plain_and_html(text: str) -> tuple[str, str]:
    return text, display.line(text)
