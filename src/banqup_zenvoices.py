"""The command ``banqup-zenvoices``, and the check that Python imports this library's packages.

``bridge`` is a common word: another distribution, or a module of the user, may have the same name.
Python may then import it instead of our package. Only code outside ``bridge`` can notice this.
"""

from __future__ import annotations

import sys

__all__ = ["main", "shadow"]

_PACKAGES = ("bridge", "banqup_client", "zenvoices_client", "_client_kit")


def shadow() -> tuple[str, str] | None:
    """Return the name of one of our packages and the path that Python finds in its place.

    Return None if Python finds our own packages. Without any path, the second value is "nothing".
    """
    # Import these modules here: main() then catches Ctrl-C during these imports, too.
    from importlib import import_module
    from importlib.util import find_spec
    from pathlib import Path

    for name in _PACKAGES:
        ours = Path(__file__).resolve().parent / name / "__init__.py"
        spec = find_spec(name)
        origin = spec.origin if spec is not None else None
        if origin is None or Path(origin).resolve() != ours:
            places = list(spec.submodule_search_locations or ()) if spec is not None else []
            return name, origin or ", ".join(places) or "nothing"
    bridge = import_module("bridge")
    if "ConnectionConfig" not in getattr(bridge, "__all__", ()):
        # Another distribution has written its own __init__.py over ours.
        return "bridge", str(bridge.__file__)
    return None


def main() -> int:
    """Run the command and return its exit status."""
    try:
        found = shadow()
        if found is not None:
            name, file = found
            print(
                f"banqup-zenvoices: {file} is imported as {name!r} in place of this library's "
                "package. Rename it, take its folder from PYTHONPATH, or uninstall it.",
                file=sys.stderr,
            )
            return 2
        from bridge._command import main as run

        return run()
    except KeyboardInterrupt:  # while modules are still being imported
        return 130


if __name__ == "__main__":
    sys.exit(main())
