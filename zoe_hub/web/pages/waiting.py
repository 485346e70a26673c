"""The page that people see while a process does not answer. It looks again by itself, less often each time, and not
while hidden.

Called by ``web.pages.proxy``. Whether the answer is still the hub's own is told by a header; every other answer is the
page's.
"""

from __future__ import annotations

from string import Template

_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>$title</title>
<style nonce="$nonce">
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { display: grid; place-content: center; min-height: 100vh; margin: 0; padding: 0 1.5rem; box-sizing: border-box; }
main { max-width: 32rem; }
h1 { font-size: 1.25rem; font-weight: 600; }
p { overflow-wrap: anywhere; }
</style>
</head>
<body>
<main role="status">
<h1>$title</h1>
<p id="words">$words</p>
<p id="hint">$hint</p>
</main>
$script
</body>
</html>
""")

_SCRIPT = Template("""<script nonce="$nonce">
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
</script>""")


def waiting_page(*, title: str, words: str, nonce: str, mark: str, poll: bool) -> str:
    """The page.

    :param title: escaped, as is ``words``
    :param nonce: allows its style and script
    :param mark: header that tells the hub's own answers from the page's
    :param poll: whether waiting makes sense
    """
    hint = "This page looks again by itself." if poll else "Start it again from the panel, or with 'zoe run'."
    script = _SCRIPT.substitute(nonce=nonce, mark=mark) if poll else ""
    return _PAGE.substitute(title=title, words=words, nonce=nonce, hint=hint, script=script)
