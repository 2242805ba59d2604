"""An SMTP server that prints its port, then every mail it took as one line of JSON. Ends with its standard input."""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class Print:
    """Prints what it is given."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """A whole mail."""
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = {p.get_content_type(): p.get_content() for p in mail.walk() if not p.is_multipart()}
        taken = {
            "from": str(mail["from"]),
            "to": envelope.rcpt_tos,
            "subject": str(mail["subject"]),
            "tls": session.ssl is not None or server.transport.get_extra_info("ssl_object") is not None,
            "login": session.auth_data,
            "parts": parts,
        }
        print(json.dumps(taken), flush=True)
        return "250 OK"


def login(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: LoginPassword) -> AuthResult:
    """Takes one name and password."""
    right = data.login == b"holdfast" and data.password == b"password-of-the-relay"
    return AuthResult(success=right, handled=False, auth_data=data.login.decode() if right else None)


async def serve(mode: str, cert: str, key: str) -> None:
    """Listens on a free port of loopback."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if mode != "none":
        context.load_cert_chain(cert, key)
    loop = asyncio.get_running_loop()
    starttls = {"tls_context": context, "require_starttls": True} if mode == "starttls" else {}
    auth = {"authenticator": login, "auth_required": True} if mode != "none" else {}

    def session() -> SMTP:
        return SMTP(Print(), loop=loop, auth_require_tls=mode == "starttls", **starttls, **auth)

    server = await loop.create_server(session, "127.0.0.1", 0, ssl=context if mode == "tls" else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(serve(*sys.argv[1:4]))
