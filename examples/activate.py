"""Activates connections: from then on their new documents count. Run again, it changes nothing.

Usage: python activate.py [connections.toml]
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from bridge import ConnectionConfig, ServiceError


def create_tables(variable: str) -> None:
    """Make the tables, where they are not there yet. A checkpoint file needs none of this.

    Or let Alembic make them: SQLAlchemyCheckpoints.metadata belongs in its target_metadata.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.exc import ArgumentError

    from bridge import SQLAlchemyCheckpoints

    engine = None
    # What these say, or the frames of, repeats the URL and so its password.
    with suppress(ArgumentError, ImportError, ValueError):
        engine = create_engine(os.environ.get(variable, ""))
    if engine is None:
        sys.exit(f"the environment variable {variable} holds no database URL with a driver we have")
    SQLAlchemyCheckpoints(engine).create_tables()
    engine.dispose()


def main(path: str) -> int:
    """Activate each connection; say what each that cannot be activated lacks."""
    configs = ConnectionConfig.from_toml(path)
    for variable in {config.checkpoint_url_variable for config in configs} - {None}:
        create_tables(str(variable))
    failed = 0
    for config in configs:
        try:
            with config.open() as connection:
                activation = connection.activate()
        except ServiceError as error:
            failed += 1
            print(f"{config.company_code}: {error}")
            if error.kind == "credentials":
                break  # the next one would be refused too, and five wrong passwords lock a user
        else:
            print(f"{config.company_code}: {'activated' if activation.new else 'active already'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if sys.argv[1:] else "connections.toml"))
