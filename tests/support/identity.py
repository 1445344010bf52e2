"""An OpenID provider of one key: its tokens live as shortly as a test wants."""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from Crypto.Hash import SHA256
from Crypto.PublicKey import RSA
from Crypto.Signature import pkcs1_15

from tests.support.serving import serving

CLIENT = "clm-tests"
_DISCOVERY = "/.well-known/openid-configuration"


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _number(value: int) -> str:
    return _encoded(value.to_bytes((value.bit_length() + 7) // 8, "big"))


@dataclass
class IdentityProvider:
    """``serve`` opens it to servers that check tokens."""

    url: str = ""
    key: RSA.RsaKey = field(default_factory=lambda: RSA.generate(2048))

    @contextmanager
    def serve(self) -> Iterator["IdentityProvider"]:
        """Answer requests until the end of the block."""
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(provider._page(self.path)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        with serving(server) as self.url:
            yield self

    @property
    def minio(self) -> dict[str, str]:
        """Return the variables by which a MinIO server trusts it."""
        return {
            "MINIO_IDENTITY_OPENID_CONFIG_URL": f"{self.url}{_DISCOVERY}",
            "MINIO_IDENTITY_OPENID_CLIENT_ID": CLIENT,
            "MINIO_IDENTITY_OPENID_CLAIM_NAME": "policy",
        }

    def token(self, *, seconds: int, policy: str = "readwrite") -> str:
        """Return a token for somebody with a policy of the server."""
        now = int(time.time())
        claims = {
            "iss": self.url, "sub": "somebody", "aud": CLIENT, "policy": policy,
            "iat": now, "exp": now + seconds,
        }  # fmt: skip
        parts = [{"alg": "RS256", "typ": "JWT", "kid": "1"}, claims]
        text = ".".join(_encoded(json.dumps(part).encode()) for part in parts)
        signature = pkcs1_15.new(self.key).sign(SHA256.new(text.encode()))
        return f"{text}.{_encoded(signature)}"

    def _page(self, path: str) -> dict[str, Any]:
        if path == _DISCOVERY:
            return {
                "issuer": self.url,
                "jwks_uri": f"{self.url}/keys",
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        key = {"n": _number(self.key.n), "e": _number(self.key.e)}
        return {"keys": [{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1"} | key]}
