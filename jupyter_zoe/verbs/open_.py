"""``open``: a page of an execution in the browser."""

from __future__ import annotations

from jupyter_zoe.client import ZoeProblem
from jupyter_zoe.client.operations import Endpoint, ExecutionView
from jupyter_zoe.verbs.verb import Frontend, Invocation, Result, Verb, argument, said


def _run(front: Frontend, call: Invocation) -> Result:
    view = front.client.find(call.given.execution)
    page = _page(view, call.given.page)
    # The ticket is for the hub's own address, whichever server the page was meant for.
    at = page["path"].find(f"/pages/{view['id']}/")
    ticket = front.client.create_ticket(path="/zoe" + page["path"][at:])
    url = front.client.info.url + ticket["url"]
    data = {"url": url, "expires": ticket["expires"], "title": page["title"]}
    if call.given.only_print:
        return said(url, data)
    if front.for_program:
        return said("", data)
    import webbrowser  # noqa: PLC0415 - 20 ms

    if not webbrowser.open(url):
        return said(f"No browser could be opened. The address works once, for a minute:\n{url}", data)
    return said(f"Opened {page['title']} of {view['name']}.", data)


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


VERB = Verb(
    "open",
    "Open a page of an execution in the browser",
    _run,
    (
        argument("execution", metavar="EXECUTION", completes="execution", help="name or id"),
        argument("--page", metavar="TITLE", help="which: its title, process or port (default: the first)"),
        argument(
            "--print",
            action="store_true",
            dest="only_print",
            help="print the address instead; it works once, for a minute",
        ),
    ),
    only="zoe",  # a notebook shows links: the browser is not where the kernel is
)
