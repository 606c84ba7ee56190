"""An SMTP server for tests: what it takes, it writes as JSON, with the parts as Python's own library reads them."""

import asyncio
import email
import email.policy
import json
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

FOLDER, SECURITY, CERTIFICATE, KEY, USER, PASSWORD = sys.argv[1:7]


class Taken:
    """Keeps mails; `nobody@…` is refused for good, `later@…` until there is a file `open`."""

    def __init__(self):
        self.number = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 nobody of that name"
        if address.startswith("later@") and not os.path.exists(f"{FOLDER}/open"):
            return "451 4.2.1 not at this hour"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = [
            {
                "type": part.get_content_type(),
                "name": part.get_filename(),
                "text": part.get_content() if part.get_content_maintype() == "text" else None,
            }
            for part in message.walk()
        ]
        said = {
            "envelope_from": envelope.mail_from,
            "envelope_to": envelope.rcpt_tos,
            "tls": SECURITY == "implicit" or session.ssl is not None,
            "authenticated": bool(session.authenticated),
            "headers": {name: str(value) for name, value in message.items()},
            "parts": parts,
        }
        self.number += 1
        place = f"{FOLDER}/{self.number:04}"
        with open(f"{place}.part", "w", encoding="utf-8") as file:
            json.dump(said, file)
        os.rename(f"{place}.part", f"{place}.json")
        return f"250 2.0.0 kept as {self.number}"


def login(server, session, envelope, mechanism, data):
    fits = isinstance(data, LoginPassword) and (data.login, data.password) == (
        USER.encode(),
        PASSWORD.encode(),
    )
    return AuthResult(success=fits, handled=False)


async def main():
    taken = Taken()
    context = None
    if SECURITY != "off":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(CERTIFICATE, KEY)

    def session():
        return SMTP(
            taken,
            hostname="mail.test",
            tls_context=context if SECURITY == "starttls" else None,
            require_starttls=SECURITY == "starttls",
            authenticator=login,
            auth_required=True,
            auth_require_tls=SECURITY == "starttls",
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        session, "127.0.0.1", 0, ssl=context if SECURITY == "implicit" else None
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
