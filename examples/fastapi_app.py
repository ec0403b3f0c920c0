"""Exports a connection on request, and tells its status, as an HTTP service.

Start: EXPORTS_CONNECTIONS=connections.toml uvicorn --factory fastapi_app:create_app
"""

import math
import os
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse

from bridge import BusyError, ConnectionConfig, ServiceError


def create_app(configs: Sequence[ConnectionConfig] | None = None) -> FastAPI:
    """The application; without configs it takes those of the file EXPORTS_CONNECTIONS names."""
    if configs is None:
        configs = ConnectionConfig.from_toml(os.environ["EXPORTS_CONNECTIONS"])
    by_code = {config.company_code: config for config in configs}
    app = FastAPI(title="Exports")

    def config_of(company_code: str) -> ConnectionConfig:
        if company_code not in by_code:
            raise HTTPException(404, f"no connection has the company code {company_code!r}")
        return by_code[company_code]

    @app.post("/connections/{company_code}/export")
    async def export(config: Annotated[ConnectionConfig, Depends(config_of)]) -> dict[str, Any]:
        async with config.open_async() as connection:
            return (await connection.export_new()).to_dict()

    @app.get("/connections/{company_code}")
    async def status(config: Annotated[ConnectionConfig, Depends(config_of)]) -> dict[str, Any]:
        async with config.open_async() as connection:
            return (await connection.status()).to_dict()

    @app.exception_handler(ServiceError)
    async def failed(_request: Request, error: ServiceError) -> JSONResponse:
        busy = isinstance(error, BusyError)
        wait = error.retry_after or (30.0 if error.retryable else None)
        return JSONResponse(
            {
                "busy": busy,
                "kind": error.kind,
                "message": error.message,
                "hint": error.hint,
                "report": error.report.to_dict() if error.report else None,
            },
            # Busy: the work is being done. 503: ask again. 502: a person has to look.
            status_code=409 if busy else 503 if error.retryable else 502,
            headers={} if wait is None else {"Retry-After": str(math.ceil(wait))},
        )

    return app
