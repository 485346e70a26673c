"""What the hub signs: a JWS in the compact form, as RFC 7515 describes it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest

from zoe_hub.controllers.kit.tokens import jws, redacted
from zoe_hub.core.errors import ZoeError


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@pytest.mark.parametrize("length", [32, 33, 34, 64])
def test_a_signature_can_be_verified_with_the_secret(length: int) -> None:
    key = bytes(range(200, 200 - length, -1))
    header, claims, signature = jws(base64.urlsafe_b64encode(key).rstrip(b"=").decode()).split(".")
    assert json.loads(decoded(header)) == {"alg": "HS256"}
    assert json.loads(decoded(claims)) == {"iss": "zoe"}
    assert decoded(signature) == hmac.new(key, f"{header}.{claims}".encode(), hashlib.sha256).digest()


@pytest.mark.parametrize("secret", ["", "short", "x" * 42 + "!", "ü" * 50, "A" * 41])
def test_what_is_no_key_signs_nothing(secret: str) -> None:
    with pytest.raises(ZoeError) as caught:
        jws(secret)
    assert caught.value.code == "bad-definition"
    assert not secret or secret not in str(caught.value)


def test_a_text_loses_secrets_the_longest_first_and_what_is_signed_with_them() -> None:
    key = "k" * 43
    text = f"a hunter2, a hunter2-and-more, {key} and {jws(key)}; nothing else"
    assert (
        redacted(text, {"short": "hunter2", "long": "hunter2-and-more", "key": key, "empty": ""})
        == "a ***, a ***, *** and ***; nothing else"
    )
    assert redacted(text, {}) == text
