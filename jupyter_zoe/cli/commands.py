"""What each verb of ``zoe`` does. Each method returns the exit code. Called by ``main``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from jupyter_zoe import words
from jupyter_zoe.cli import parser
from jupyter_zoe.cli.output import Followers, Progress, dump, say, table
from jupyter_zoe.client import Client, ZoeProblem
from jupyter_zoe.client.operations import AttachmentView, AttachRequest, Endpoint, ExecutionView, StartRequest
from jupyter_zoe.codes import FAILED, OK
from jupyter_zoe.verbs import TAIL, Call, find_zapp, folder_key, missing, scale, tail, wait_running, web_prefix


class Commands:
    """The verbs, on one connection to the hub, made when it is needed."""

    def __init__(self) -> None:
        self._client: Client | None = None
        self._verbs = parser.make(lambda name, attach: find_zapp(self.client, name, attach))

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()

    @property
    def client(self) -> Client:
        """The hub, started if it is the user's own and does not run."""
        if self._client is None:
            self._client = Client()
        return self._client

    def run(self, arguments: list[str]) -> int:
        """Do what the arguments say; the exit code. :raises ZoeProblem: it cannot be done; :raises Help: help was asked
        for
        """
        call = self._verbs.parse(arguments)
        verb: Callable[[Call], int] = getattr(self, f"_{call.verb}")
        return verb(call)

    # --- applications ---

    def _apps(self, call: Call) -> int:
        shop = self.client.list_zapps()
        if call.given.json:
            dump(shop)
            return OK
        table(
            ("ZAPP", "TITLE", "KIND", "DESCRIPTION"),
            [(each["name"], each["title"], each["kind"], each["description"]) for each in shop["items"]],
        )
        for problem in shop["problems"]:
            print(f"zoe: bad-definition: {problem['file']}:{problem['line']}: {problem['message']}", file=sys.stderr)
        return OK

    def _run(self, call: Call) -> int:
        if call.given.zapp is None:
            raise ZoeProblem("usage", "Say what to run.", "See what there is with 'zoe apps'.")
        body: StartRequest = {"zapp": call.given.zapp, "parameters": call.parameters}
        if call.given.name is not None:
            body["name"] = call.given.name
        if prefix := web_prefix():
            body["web_prefix"] = prefix
        view = self.client.start_execution(**body)
        if call.given.wait:
            return self._stay(call, view)
        self._result(call, view, f"Started {view['name']} ({view['id']}).")
        return OK

    def _stay(self, call: Call, view: ExecutionView) -> int:
        """Stay with what was started; its exit code."""
        progress = Progress()
        jobs = self._jobs(view)
        followers = Followers(self.client, view["id"], progress, to_stderr=call.given.json)

        def seen(now: ExecutionView, seconds: float) -> None:
            progress(now, seconds)
            followers.see(now, jobs)

        try:
            if not view["ends"]:
                view = wait_running(self.client, view, timeout=call.given.timeout, progress=progress)
                progress.done()
                self._result(call, view, f"{view['name']} runs: {words.ready_words(view)}.")
                return OK
            view = self.client.wait(view["id"], "ended", timeout=call.given.timeout, progress=seen, tick=1.0)
            followers.finish()
        except KeyboardInterrupt:
            raise ZoeProblem(
                "interrupted", f"{view['name']} goes on.", f"End it with 'zoe stop {view['name']}'."
            ) from None
        finally:
            progress.done()
        if call.given.json:
            dump(view)
        elif view["outcome"] != "completed":
            print(
                f"zoe: {view['name']} has {words.state_words(view)}: {words.headline(view['reason'])}", file=sys.stderr
            )
        if view["outcome"] == "completed":
            return OK
        return view["exit_code"] if view["exit_code"] and 0 < view["exit_code"] < 256 else FAILED

    def _jobs(self, view: ExecutionView) -> list[str]:
        """The groups whose output is the application's: those of frameworks that are jobs; if there are none, all."""
        kinds = {each["name"]: each["kind"] for each in self.client.list_frameworks()["items"]}
        jobs = [group["name"] for group in view["groups"] if kinds.get(group["framework"]) == "job"]
        return jobs or [group["name"] for group in view["groups"]]

    def _ps(self, call: Call) -> int:
        items: list[ExecutionView] = []
        cursor: str | None = None
        while True:
            page = (
                self.client.list_executions(limit=500, cursor=cursor)
                if call.given.all
                else self.client.list_executions(limit=500, cursor=cursor, active=True)
            )
            items += page["items"]
            cursor = page["next"]
            if cursor is None:
                break
        if call.given.json:
            dump(items)
        elif items:
            table(words.EXECUTION_HEAD, words.execution_rows(items))
        else:
            print("Nothing is running.", file=sys.stderr)
        return OK

    def _status(self, call: Call) -> int:
        view = self._meant(call)
        if call.given.json:
            dump(view)
            return OK
        say(
            f"{view['name']} ({view['id']}, {view['zapp']}) is {words.state_words(view)}:"
            f" {words.sentence(view['reason'])}"
        )
        if view["processes"]:
            table(words.PROCESS_HEAD, words.process_rows(view))
        for page in view["endpoints"]:
            if page["show"] and page["ready"]:
                say(f"{page['title']}: zoe open {view['name']} --page '{page['title']}'")
        return OK

    def _logs(self, call: Call) -> int:
        view = self._meant(call)
        given = call.given
        chosen = [given.process] if given.process else [each["id"] for each in view["processes"]]
        if not chosen:
            raise ZoeProblem("no-log", f"{view['name']} has no processes yet.", "Wait until it has started.")
        if given.follow:
            if len(chosen) > 1:
                raise ZoeProblem(
                    "usage",
                    f"Say which process to follow: {', '.join(chosen)}.",
                    f"For example: zoe logs {view['name']} {chosen[0]} -f",
                )
            return self._follow(view["id"], chosen[0], given.lines)
        count = TAIL if given.lines is None else given.lines
        if given.json:
            dump({each: tail(self.client, view["id"], each, count or sys.maxsize) for each in chosen})
            return OK
        for index, each in enumerate(chosen):
            if len(chosen) > 1:
                say(f"{chr(10) if index else ''}==> {each} <==")
            if count == 0:
                self._copy(self.client.get_logs(view["id"], each))
            else:
                for line in tail(self.client, view["id"], each, count):
                    say(line)
        return OK

    def _follow(self, execution: str, process: str, lines: int | None) -> int:
        seen = 0
        if lines:
            last, seen = self.client.tail(execution, process, lines)
            self._copy([last])
        self._copy(self.client.get_logs(execution, process, offset=seen, follow=True))
        return OK

    def _copy(self, chunks: Any) -> None:
        sys.stdout.flush()
        for data in chunks:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()

    def _scale(self, call: Call) -> int:
        view = self._meant(call)
        if call.given.wait:
            progress = Progress()
            try:
                view = scale(
                    self.client, view, call.given.group, call.given.count, timeout=call.given.timeout, progress=progress
                )
            finally:
                progress.done()
            self._result(call, view, " ".join([f"{view['name']}: {words.ready_words(view)}.", missing(view)]).strip())
        else:
            view = self.client.scale_execution(view["id"], group=call.given.group, count=call.given.count)
            sizes = (words.plural(group["count"], group["name"]) for group in view["groups"] if group["scalable"])
            self._result(call, view, f"{view['name']} will have {', '.join(sizes)}.")
        return OK

    def _stop(self, call: Call) -> int:
        view = self.client.terminate_execution(self.client.find(call.given.execution)["id"], confirm=call.given.confirm)
        if call.given.wait:
            progress = Progress()
            try:
                view = self.client.wait(view["id"], "ended", timeout=call.given.timeout, progress=progress, tick=0.5)
            finally:
                progress.done()
        self._result(
            call,
            view,
            f"{view['name']} {'has ended' if view['phase'] == 'ended' else 'is ending'}:"
            f" {words.sentence(view['reason'])}",
        )
        return OK

    def _result(self, call: Call, view: ExecutionView, text: str) -> None:
        if call.given.json:
            dump(view)
        else:
            say(text)

    # --- attaching ---

    def _attach(self, call: Call) -> int:
        body: AttachRequest = {"key": folder_key(), "language": "python", "parameters": call.parameters}
        if call.given.zapp is not None:
            body["zapp"] = call.given.zapp
        if call.given.execution is not None:
            body["execution"] = self.client.find(call.given.execution)["id"]
        if prefix := web_prefix():
            body["web_prefix"] = prefix
        attachment = self.client.attach(**body)
        progress = Progress()
        try:
            view = wait_running(self.client, attachment["execution"], timeout=call.given.timeout, progress=progress)
        finally:
            progress.done()
        connection = self.client.get_connection(attachment["id"])
        connection["secrets"].clear()  # for a program alone
        if call.given.json:
            dump({"execution": view, "outputs": connection["outputs"], "requires": connection["requires"]})
            return OK
        say(
            f"{'Found' if attachment['found'] else 'Started'} {view['name']} for this folder:"
            f" {words.ready_words(view)}. {missing(view)}".rstrip()
        )
        for name, value in connection["outputs"].items():
            say(f"  {name} = {value}")
        say(
            f"Connect from Python in this folder:\n  import jupyter_zoe\n  {connection['variable']} ="
            " jupyter_zoe.attach()\nEnd it with 'zoe detach'."
        )
        return OK

    def _attached(self) -> list[AttachmentView]:
        found = self.client.list_attachments(key=folder_key())["items"]
        if not found:
            raise ZoeProblem("not-attached", f"Nothing is attached to {os.getcwd()}.", "See what runs with 'zoe ps'.")
        return found

    def _meant(self, call: Call) -> ExecutionView:
        """The execution that was named, else the one that is attached to this folder."""
        return (
            self._attached()[0]["execution"] if call.given.execution is None else self.client.find(call.given.execution)
        )

    def _detach(self, call: Call) -> int:
        found = self._attached()
        view = found[0]["execution"]
        for each in found:
            view = self.client.detach(each["id"], keep=call.given.keep)
        self._result(
            call,
            view,
            f"Detached from {view['name']}, which {'is ending' if view['desired'] == 'ended' else 'goes on'}.",
        )
        return OK

    # --- pages and the hub ---

    def _open(self, call: Call) -> int:
        view = self.client.find(call.given.execution)
        page = _page(view, call.given.page)
        # The ticket is for the hub's own address, whichever server the page was meant for.
        at = page["path"].find(f"/pages/{view['id']}/")
        ticket = self.client.create_ticket(path="/zoe" + page["path"][at:])
        url = self.client.info.url + ticket["url"]
        if call.given.json:
            dump({"url": url, "expires": ticket["expires"], "title": page["title"]})
        elif call.given.only_print:
            say(url)
        else:
            import webbrowser  # noqa: PLC0415 - 20 ms

            if not webbrowser.open(url):
                say(f"No browser could be opened. The address works once, for a minute:\n{url}")
            else:
                say(f"Opened {page['title']} of {view['name']}.")
        return OK

    def _hub(self, call: Call) -> int:
        from jupyter_zoe.cli import own  # noqa: PLC0415

        result, text = {"start": own.start, "stop": own.stop, "status": own.status}[call.given.action]()
        if call.given.json:
            dump(result)
        else:
            say(text)
        return OK


def _page(view: ExecutionView, wanted: str | None) -> Endpoint:
    ready = [each for each in view["endpoints"] if each["ready"]]
    ready.sort(key=lambda each: not each["show"])
    if wanted is not None:
        ready = [
            each
            for each in ready
            if wanted.lower()
            in (each["title"].lower(), each["process"], each["port"], f"{each['process']}/{each['port']}")
        ]
    if ready:
        return ready[0]
    titles = ", ".join(dict.fromkeys(each["title"] for each in view["endpoints"]))
    if wanted is not None:
        raise ZoeProblem(
            "unknown-port",
            f"{view['name']} shows no page {wanted!r} now; it has {titles or 'none'}.",
            "See its pages with 'zoe status EXECUTION'.",
        )
    raise ZoeProblem(
        "not-ready",
        f"{view['name']} is {view['phase']} and shows no page{' yet: ' + titles if titles else ''}.",
        "Wait until it runs, or look at its logs.",
    )
