#!/usr/bin/env python3
"""Follows every link of the built site that stays within it: ``check_links.py FOLDER``.

Exit code 1, and a line for each, where a page or an anchor is not there. Links to other sites are
not followed: what they answer is not ours.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """What a page can be linked by, and what it links to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: set[str] = set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        """Take note of ids and of addresses."""
        for name, value in attrs:
            if value is not None and name == "id":
                self.anchors.add(value)
            elif value is not None and name in ("href", "src"):
                self.links.add(value)


def broken(folder: Path) -> list[str]:
    """``page: link`` for each link that leads nowhere."""
    folder = folder.resolve()
    files = sorted(folder.rglob("*.html"))
    pages: Mapping[Path, Page] = {
        file: Page(file.read_text(encoding="utf-8"))
        for file in files
        if "_static" not in file.parts
    }
    found: list[str] = []
    for file, page in pages.items():
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            anchor = unquote(parts.fragment)
            if not target.exists() or (
                anchor and target in pages and anchor not in pages[target].anchors
            ):
                found.append(f"{file.relative_to(folder)}: {link}")
    return found


def main() -> int:
    """Check the site that the argument names."""
    folder = Path(sys.argv[1])
    if not (folder / "index.html").is_file():
        print(f"no site in {folder}", file=sys.stderr)
        return 2
    found = broken(folder)
    for line in found:
        print(f"leads nowhere: {line}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
