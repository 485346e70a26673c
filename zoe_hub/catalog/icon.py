"""Which texts may be the icon of a ZApp. Called by ``zapp``."""

from __future__ import annotations

_SVG_FORBIDDEN = (
    "<script",
    "<foreignobject",
    "<!",
    "<?",
    "<style",
    "<image",
    "<iframe",
    "<a ",
    "<a>",
    "<use",
    "<animate",
    "<set",
    "javascript:",
    "data:",
    "href",
    "url(http",
    "url('",
    'url("',
    "&",
)


def bad_icon(icon: str) -> str:
    """Why a text cannot be the icon of a ZApp, or nothing. It is shown in the page, so only plain shapes are let
    through.
    """
    if not icon:
        return ""
    text = icon.strip().lower()
    if not text.startswith("<svg") or not text.endswith("</svg>"):
        return "must be an inline SVG: <svg ...>...</svg>"
    found = next((word for word in _SVG_FORBIDDEN if word in text), None)
    if found:
        return f"holds '{found}', which an icon may not; keep to plain shapes"
    if any(
        part.lstrip().startswith("on") and "=" in part
        for part in text.replace("\n", " ").replace("\t", " ").replace("/", " ").split(" ")
    ):
        return "holds an event handler (on...=), which an icon may not; remove it"
    return ""
