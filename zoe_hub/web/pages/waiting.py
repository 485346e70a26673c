"""The page that people see while a process does not answer. It looks again by itself, less often each time, and not
while hidden.

Called by ``web.pages.proxy``. Whether the answer is still the hub's own is told by a header; every other answer is the
page's.
"""

from __future__ import annotations

from string import Template

from zoe_proxy.pages.documents import document

MARK = "X-Zoe-Proxy"
"""Header of answers that are the hub's own, not the process's."""

_SCRIPT = Template("""
"use strict";
let pause = 500;
async function look() {
  if (document.visibilityState === "visible") {
    try {
      const answer = await fetch(location.href, {
        headers: {Accept: "application/problem+json"}, redirect: "manual", cache: "no-store",
      });
      const mark = answer.headers.get("$mark");
      if (!mark || mark === "ended") { location.reload(); return; }
      const problem = await answer.json();
      if (problem.detail) { document.getElementById("words").textContent = problem.detail; }
    } catch (error) { /* the hub or the network is away: look again later */ }
  }
  pause = Math.min(pause * 1.5, 10000);
  setTimeout(look, pause);
}
setTimeout(look, pause);
document.addEventListener("visibilitychange", () => { pause = 500; });
""").substitute(mark=MARK)


def waiting_page(*, title: str, words: str, poll: bool) -> tuple[str, str]:
    """The page, and its Content-Security-Policy.

    :param poll: whether waiting makes sense
    """
    if not poll:
        return document(title=title, words=words, hint="Start it again from the panel, or with 'zoe run'.")
    hint = "This page looks again by itself."
    return document(title=title, words=words, hint=hint, script=_SCRIPT, connect="'self'")
