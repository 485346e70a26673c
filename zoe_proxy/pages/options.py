"""What an admin can set about pages with origins of their own, of a hub (``ZoeHub``) as of a server extension
(``ZoeExtension``). Pages are the same for both, so are the options.
"""

from __future__ import annotations

from typing import Any

from traitlets import HasTraits, Int, TraitError, Unicode, validate

from zoe_proxy.pages.origins import AUTO, Origins


class PagesOptions(HasTraits):
    """Where the second listener listens, and what it is called."""

    pages_origin = Unicode(
        AUTO,
        help=(
            "Where web pages of processes have an origin of their own. 'auto': at EXECUTION.localhost and another"
            " port, for browsers on this machine (or with a tunnel to that port). 'sandbox': nowhere; they are shown"
            " in the sandbox, where JupyterLab and other pages that need cookies or storage do not work unless their"
            " framework is trusted. Or the URL that a reverse proxy passes on to pages_port with its Host, such as"
            " https://{execution}.pages.example.org (each execution is kept from the others) or"
            " https://pages.example.org (they share an origin). Use a host that is not Jupyter's, best not below its"
            " domain."
        ),
    ).tag(config=True)
    pages_ip = Unicode(
        help=(
            "Address at which the second listener, for pages with origins of their own, listens. Empty: this machine"
            " alone. Another one lets a reverse proxy, or a published port of a container, reach it."
        )
    ).tag(config=True)
    pages_port = Int(
        0,
        help=(
            "TCP port of the second listener. 0: a free one; the hub's is the one of last time if that is free. A fixed"
            " one can be forwarded through a tunnel beside the port of Jupyter or the hub, or be named in a reverse"
            " proxy."
        ),
    ).tag(config=True)

    @validate("pages_origin")
    def _check_pages_origin(self, proposal: Any) -> str:
        try:
            return Origins(proposal["value"]).setting
        except ValueError as error:
            raise TraitError(f"{type(self).__name__}.pages_origin: {error}.") from error
