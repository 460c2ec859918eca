"""The files that hold a server's secrets, read with a sentence for each that is not as it should be."""

import ssl
from pathlib import Path
from typing import NoReturn


def read_token(file: Path) -> str:
    """The token in a file. Raises ValueError, whose sentence holds nothing of it, and OSError."""
    try:
        token = file.read_bytes().decode("ascii").strip()
    except UnicodeDecodeError:
        raise ValueError(f"the token in {file} is no text; write it in letters, digits and signs of ASCII") from None
    if not token:
        raise ValueError(f"the token file {file} is empty; write the token into it")
    if not token.isprintable() or " " in token:
        raise ValueError(f"the token in {file} is more than one word; write one line without spaces into it")
    return token


def server_context(certificate: Path, key: Path, authority: Path | None) -> ssl.SSLContext:
    """TLS of a server, which demands certificates of the authority if there is one.

    Raises ValueError where the files are none. Clients of an authority get no sessions to resume, which would outlive
    its withdrawal: TLS 1.3 without tickets is what has none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        raise ValueError(f"{certificate} and {key} are no PEM chain and its key ({_reason(error)})") from None
    if authority:
        try:
            context.load_verify_locations(authority)
        except ssl.SSLError as error:
            raise ValueError(f"{authority} holds no certificates in PEM ({_reason(error)})") from None
        context.verify_mode = ssl.CERT_REQUIRED
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.num_tickets = 0
    return context


def _no_password() -> NoReturn:
    raise ValueError("the private key is encrypted; give one without a password")


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or "not readable").lower().replace("_", " ")
