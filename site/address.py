"""Set the public address of this repository: `python site/address.py owner/name`.

OWNER/REPO is replaced in every file that git knows, and each link that comes of it is opened once. What does not
answer is named, and the exit status says how many: before the repository is public, all of them.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACE = "OWNER/REPO"
LINK = re.compile(r"https?://[^\s\"'<>)\]\\`]*")
ITSELF = {"site/address.py", "tests/test_address.py", ".ci/run"}


def replaced(root: Path, address: str) -> set[str]:
    """Put the address into all files; the links that contain it."""
    listed = subprocess.run(["git", "ls-files"], cwd=root, check=True, capture_output=True, text=True).stdout
    links = set()
    for name in set(listed.splitlines()) - ITSELF:
        raw = (root / name).read_bytes()
        if PLACE.encode() in raw:
            text = raw.decode().replace(PLACE, address)
            (root / name).write_bytes(text.encode())
            links |= {link.rstrip(".,;") for link in LINK.findall(text) if address in link and "{" not in link}
    return links


def problem(link: str) -> str | None:
    """Why a link does not answer, None if it does."""
    request = urllib.request.Request(link, headers={"User-Agent": "Mozilla/5.0"})
    try:
        with urllib.request.urlopen(request, timeout=30):
            return None
    except (urllib.error.URLError, TimeoutError) as error:
        return str(error)


def main() -> int:
    """Replace, open the links, and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", help="owner/name of the repository on GitHub")
    address = parser.parse_args().address
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", address) or address == PLACE:
        parser.error(f"address must be owner/name, such as keras-team/keras, got {address}")
    links = replaced(ROOT, address)
    if not links:
        parser.error(f"there is no {PLACE} left to replace")
    wrong = {link: why for link in sorted(links) if (why := problem(link))}
    for link, why in wrong.items():
        print(f"{link}: {why}")
    print(f"{len(links)} links, {len(wrong)} do not answer")
    return len(wrong)


if __name__ == "__main__":
    raise SystemExit(main())
