"""A mail server that others wrote (aiosmtpd), which prints each mail that it takes as a line of JSON.

Arguments: the port; `starttls` or `tls`; certificate; key; the user and the password without which it takes nothing.
"""
import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

port, security, certificate, key, user, password = sys.argv[1:]


class Box:
    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        print(
            json.dumps({
                "from": envelope.mail_from,
                "to": envelope.rcpt_tos,
                "isEncrypted": session.ssl is not None or server.transport.get_extra_info("ssl_object") is not None,
                "subject": mail["Subject"],
                "sender": mail["From"],
                "recipients": mail["To"],
                "date": mail["Date"],
                "id": mail["Message-ID"],
                "type": mail.get_content_type(),
                "text": mail.get_content(),
                "defects": [str(defect) for part in mail.walk() for defect in part.defects],
            }),
            flush=True,
        )
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    good = LoginPassword(user.encode(), password.encode())
    # Not handled: the library says it to the client.
    return AuthResult(success=isinstance(data, LoginPassword) and data == good, handled=False)


async def main():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    is_starttls = security == "starttls"

    def make():
        return SMTP(
            Box(),
            hostname="mail.test",
            tls_context=context if is_starttls else None,
            require_starttls=is_starttls,
            auth_required=True,
            # It does not count a connection that was encrypted before the first word.
            auth_require_tls=is_starttls,
            authenticator=authenticate,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(make, "127.0.0.1", int(port), ssl=None if is_starttls else context)
    print(json.dumps({"isReady": True}), flush=True)
    await server.serve_forever()


asyncio.run(main())
