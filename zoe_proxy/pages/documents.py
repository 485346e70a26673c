"""What people read where a page should be: the gate that finds the way to a page, and notices. Pure: text out.

Each document comes with a policy that lets it do nothing but what it is for. Used by the handlers of hub and server
extension.
"""

from __future__ import annotations

import html
import json
import secrets
from dataclasses import asdict
from string import Template
from urllib.parse import urlsplit

from zoe_proxy.pages.opening import Opening

_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>$title</title>
<style nonce="$nonce">
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { display: grid; place-content: center; min-height: 100vh; margin: 0; padding: 0 1.5rem; box-sizing: border-box; }
main { max-width: 36rem; }
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
$more
</body>
</html>
""")

_GATE = """
"use strict";
const plan = JSON.parse(document.getElementById("plan").textContent);
const words = document.getElementById("words"), hint = document.getElementById("hint");
async function reached(own) {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), 8000);
  try {
    const answer = await fetch(own.here, {credentials: "omit", cache: "no-store", signal: late.signal});
    return answer.ok && await answer.text() === own.proof;
  } catch (error) {
    return false;
  } finally {
    clearTimeout(timer);
  }
}
(async () => {
  const answers = plan.own.map(reached);
  for (const [index, own] of plan.own.entries()) {
    if (await answers[index]) { location.replace(own.url); return; }
  }
  if (plan.fallback) { location.replace(plan.fallback); return; }
  words.textContent = plan.refusal;
  hint.textContent = "";
})();
"""


def document(
    *, title: str, words: str, hint: str = "", script: str = "", data: str = "", connect: str = "'none'"
) -> tuple[str, str]:
    """A small page, and its Content-Security-Policy without what it says of frames.

    :param title: text, as are ``words`` and ``hint``
    :param script: runs in it; ``data``: JSON that the script finds in the element ``plan``
    :param connect: sources that the script may ask
    """
    nonce = secrets.token_urlsafe(16)
    more = f'<script id="plan" type="application/json" nonce="{nonce}">{_in_script(data)}</script>' if data else ""
    more += f'<script nonce="{nonce}">{script}</script>' if script else ""
    page = _PAGE.substitute(
        title=html.escape(title), words=html.escape(words), hint=html.escape(hint), nonce=nonce, more=more
    )
    policy = f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src {connect}"
    return page, policy + "; base-uri 'none'; form-action 'none'"


def gate(opening: Opening, title: str) -> tuple[str, str]:
    """The page that opens another one, in a browser that comes by an address."""
    origins = [f"{parts.scheme}://{parts.netloc}" for each in opening.own for parts in (urlsplit(each.here),)]
    return document(
        title=title,
        words="The page is being opened …",
        hint="It needs JavaScript.",
        script=_GATE,
        data=json.dumps(asdict(opening)),
        connect=" ".join(origins) or "'none'",
    )


def _in_script(data: str) -> str:
    """JSON that does not end the element in which it stands."""
    return data.replace("<", "\\u003c")
