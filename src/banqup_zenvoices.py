"""The command ``banqup-zenvoices``, and the check that Python imports this library's packages.

``bridge`` is a common word: another distribution, or a module of the user, may have the same name.
Python may then import it instead of our package. Only code outside ``bridge`` can notice this.
"""

from __future__ import annotations

import sys

__all__ = ["main"]

_PACKAGES = ("bridge", "banqup_client", "zenvoices_client", "_client_kit")


def main() -> int:
    """Run the command and return its exit status."""
    try:
        # Imported here, so that Ctrl-C during these imports shows no traceback either.
        from importlib.util import find_spec
        from pathlib import Path

        folder = Path(__file__).resolve().parent
        for name in _PACKAGES:
            spec = find_spec(name)
            file = (spec.origin if spec is not None else None) or "nothing"
            if Path(file).resolve() != folder / name / "__init__.py":
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
