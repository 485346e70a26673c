"""Whether a hub answers. Used by ``finding``, ``starting`` and the server extension (in a thread)."""

from __future__ import annotations

import http.client
import json
import urllib.request

from jupyter_zoe.hub.info import HubError, HubInfo, HubStranger
from jupyter_zoe.hub.opener import opener
from zoe_loopback import Stranger


def healthy(info: HubInfo, *, timeout: float = 5.0) -> bool:
    """Whether the hub answers an authenticated request for its health within ``timeout`` seconds."""
    return trouble(info, timeout=timeout) is None


def trouble(info: HubInfo, *, timeout: float = 5.0) -> HubError | None:
    """Why the hub does not answer an authenticated request for its health; ``None``: it does."""
    # own hub's URL
    request = urllib.request.Request(f"{info.url}/api/v1/health", headers={"Authorization": f"Bearer {info.token}"})  # noqa: S310
    try:
        with opener(info).open(request, timeout=timeout) as answer:
            if answer.status == 200 and json.load(answer).get("status") in ("ok", "degraded"):
                return None
            why: object = "it says that it is not well"
    except (OSError, ValueError, AttributeError, http.client.HTTPException) as error:
        why = getattr(error, "reason", None) or error
        if isinstance(why, Stranger):
            return HubStranger(info, str(why))
    return HubError(
        f"The hub at {info.url} does not answer as it should: {str(why).rstrip('.') or type(why).__name__}."
    )
