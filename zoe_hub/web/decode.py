"""Reads queries and bodies into the wire types, naming every wrong place by a JSON pointer. Called by
``web.handler``.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from zoe_hub.contract.bounds import DEEPEST
from zoe_hub.core.errors import FieldError, ZoeError

SECRETS_IN_ADDRESSES = frozenset({"token", "access_token", "api_key", "zoe_token"})


def refuse_tokens(arguments: Mapping[str, Any]) -> None:
    """Refuse a token in the address, where logs and histories keep it.

    :raises ZoeError: ``bad-request``
    """
    if not SECRETS_IN_ADDRESSES.isdisjoint(name.lower() for name in arguments):
        raise ZoeError(
            "bad-request",
            "A token must not be in the address. Send it as 'Authorization: Bearer <token>', and make a new one.",
        )


def decode_query(kind: type[msgspec.Struct] | None, arguments: Mapping[str, list[bytes]]) -> Any:
    """The query as a ``kind``; None if the operation takes none.

    :raises ZoeError: ``bad-parameter`` with every wrong one
    """
    hints = {} if kind is None else _hints(kind)
    errors = []
    values: dict[str, Any] = {}
    for name, given in arguments.items():
        if name not in hints:
            errors.append(FieldError(path=_pointer(name), message="is not a parameter of this operation"))
        elif len(given) > 1:
            errors.append(FieldError(path=_pointer(name), message="is given more than once"))
        else:
            try:
                values[name] = msgspec.convert(given[0].decode("utf-8"), hints[name], strict=False)
            except (msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
                errors.append(_field_error(error, _pointer(name)))
    if kind is not None and not errors:
        try:
            return msgspec.convert(values, kind)
        except msgspec.ValidationError as error:
            errors.append(_field_error(error))
    if errors:
        raise _refusal("query", errors)
    return None


def decode_body(kind: type[msgspec.Struct], body: bytes, content_type: str | None) -> Any:
    """The body as a ``kind``. An empty body stands for ``{}``.

    :raises ZoeError: ``bad-request`` (not JSON), ``bad-parameter`` with every wrong place
    """
    if body:
        media, _, parameters = (content_type or "").partition(";")
        if media.strip().lower() != "application/json" or not re.fullmatch(
            r"\s*(charset\s*=\s*\"?utf-?8\"?\s*;?)?\s*", parameters, re.IGNORECASE
        ):
            raise ZoeError("bad-request", "The body must be JSON in UTF-8, sent with 'Content-Type: application/json'.")
    if _is_deep(body):
        raise ZoeError("bad-request", f"The body is nested too deeply: it may have {DEEPEST} levels.")
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise _refusal("body", _all_errors(kind, body or b"{}", error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ZoeError("bad-request", f"The body is not JSON: {error}.") from None
    except RecursionError:
        raise ZoeError("bad-request", "The body is nested too deeply.") from None


_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")


def _is_deep(body: bytes) -> bool:
    """Whether a body has more than ``DEEPEST`` levels. Few have as many brackets; those are counted."""
    if body.count(b"[") + body.count(b"{") <= DEEPEST:
        return False
    level = 0
    for bracket in _BRACKET.finditer(_TEXT.sub(b"", body)):
        level += 1 if bracket[0] in b"[{" else -1
        if level > DEEPEST:
            return True
    return False


def _all_errors(kind: type[msgspec.Struct], body: bytes, decoder_error: msgspec.ValidationError) -> list[FieldError]:
    """Every wrong member: each is converted alone, since the decoder stops at the first."""
    try:
        values = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return [_field_error(decoder_error)]
    if not isinstance(values, dict):
        return [_field_error(decoder_error)]
    errors = []
    hints = _hints(kind)
    required = {field.name for field in msgspec.structs.fields(kind) if field.required}
    for name in sorted(required - set(values)):
        errors.append(FieldError(path=_pointer(name), message="is missing"))
    for name, value in values.items():
        if name not in hints:
            errors.append(FieldError(path=_pointer(name), message="is not a member of this request"))
            continue
        try:
            msgspec.convert(value, hints[name])
        except (msgspec.ValidationError, RecursionError) as error:
            errors.append(_field_error(error, _pointer(name)))
    return errors or [_field_error(decoder_error)]


def _refusal(where: str, errors: list[FieldError]) -> ZoeError:
    return ZoeError("bad-parameter", f"Wrong in the {where}: {'; '.join(map(str, errors))}.", tuple(errors))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)


def _pointer(name: object) -> str:
    return "/" + str(name).replace("~", "~0").replace("/", "~1")


_PLACE = re.compile(r" - at `(?:key in )?\$?([^`]*)`$")


def _field_error(error: Exception, prefix: str = "") -> FieldError:
    """msgspec's ``Expected `int`, got `str` - at `$.a[0].b``` as a place and a message."""
    message = str(error)
    path = ""
    if found := _PLACE.search(message):
        message = message[: found.start()]
        path = "".join(_pointer(part) for part in re.findall(r"[^.\[\]]+", found[1]))
    message = message.replace("`", "'")
    return FieldError(path=prefix + path, message=message[:1].lower() + message[1:])
