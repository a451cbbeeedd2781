"""Creates a container in Azurite: python create_container.py ENDPOINT CONTAINER."""

import base64
import hashlib
import hmac
import os
import sys
import time
import urllib.error
import urllib.request
from email.utils import formatdate
from urllib.parse import urlsplit

WAIT_SECONDS = 60
EXISTS = 409


def main(endpoint: str, container: str, key: str) -> None:
    """Create *container*, waiting a minute for Azurite; one that exists is left as it is."""
    ends = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            urllib.request.urlopen(asked(endpoint, container, key)).close()  # noqa: S310 - given
        except urllib.error.HTTPError as error:
            if error.code != EXISTS:
                raise
        except OSError:
            if time.monotonic() > ends:
                raise
            time.sleep(1)
            continue
        return


def asked(endpoint: str, container: str, key: str) -> urllib.request.Request:
    """Return the request, signed by the account's key."""
    account = urlsplit(endpoint).path.strip("/")
    date, version = formatdate(usegmt=True), "2021-08-06"
    text = (
        "PUT" + "\n" * 12 + f"x-ms-date:{date}\nx-ms-version:{version}\n"
        f"/{account}/{account}/{container}\nrestype:container"
    )
    digest = hmac.digest(base64.b64decode(key), text.encode(), hashlib.sha256)
    headers = {
        "x-ms-date": date,
        "x-ms-version": version,
        "Authorization": f"SharedKey {account}:{base64.b64encode(digest).decode()}",
        "Content-Length": "0",
    }
    url = f"{endpoint}/{container}?restype=container"
    return urllib.request.Request(url, method="PUT", headers=headers)  # noqa: S310 - given


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], os.environ["STORE_KEY"])
