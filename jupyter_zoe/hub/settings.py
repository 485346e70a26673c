"""What the environment says about the hub: ``ZOE_HUB_URL`` and ``ZOE_HUB_TOKEN`` name one elsewhere, ``ZOE_DATA`` the
folder of the embedded one. Used by ``finding``, the server extension and ``zoe hub``.
"""

from __future__ import annotations

import os
import sys
import urllib.parse
from pathlib import Path

from jupyter_zoe.hub.info import HubError, HubInfo, users
from jupyter_zoe.hub.variables import DATA_VARIABLE, TOKEN_VARIABLE, URL_VARIABLE, USER_VARIABLE


def data_folder() -> Path:
    """Where the embedded hub keeps its data: ``$ZOE_DATA``, or the platform's folder for a user's data.

    :raises HubError: there is no home folder in which it would be
    """
    chosen = os.environ.get(DATA_VARIABLE)
    try:
        if chosen:
            return Path(chosen).expanduser().absolute()
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Application Support" / "zoe"
        if sys.platform == "win32":
            return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "zoe"
        given = os.environ.get("XDG_DATA_HOME", "")
        # a relative one is not valid (XDG Base Directory Specification) and would be another one for each program
        return (Path(given) if os.path.isabs(given) else Path.home() / ".local" / "share") / "zoe"
    except RuntimeError:
        raise HubError(
            "There is no home folder in which the data of your own hub could be.",
            remedy=f"Set HOME, or set {DATA_VARIABLE} to a folder you may write to.",
        ) from None


def configured() -> HubInfo | None:
    """The hub that the environment names, unchecked. The URL alone, without a token, is an error."""
    url = os.environ.get(URL_VARIABLE, "").strip()
    if not url:
        return None
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not token:
        raise HubError(
            f"{URL_VARIABLE} is set, but {TOKEN_VARIABLE} is not.",
            remedy=f"Set {TOKEN_VARIABLE} as well, or unset {URL_VARIABLE}.",
        )
    user = os.environ.get(USER_VARIABLE, "").strip()
    return HubInfo(url=checked_url(url, URL_VARIABLE), token=token, users=checked_users(user, USER_VARIABLE))


def checked_url(url: str, name: str) -> str:
    """``url`` without a slash at its end. :raises HubError: it is no address of a hub; ``name`` is what was set to
    it
    """
    try:
        parts = urllib.parse.urlsplit(url)
        wrong = parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0
    except ValueError:
        wrong = True
    if wrong:
        raise HubError(
            f"{name} is {url!r}, which is no address of a hub.",
            remedy="Set it to an address such as https://hub.example.org:8470, or unset it.",
        )
    return url.rstrip("/")


def checked_users(user: str, name: str) -> frozenset[int] | None:
    """``info.users``. :raises HubError: there is no such user; ``name`` is what was set to it"""
    try:
        return users(user)
    except ValueError as error:
        raise HubError(f"{name} is {user!r}: {error}.", remedy=f"Correct or unset {name}.") from None
