"""Errors over HTTP: RFC 9457 problems that carry our exit code and the way out."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from eisd.api.actions import exit_code
from eisd.errors import DriverError, EisdError, ExitCode, StoreError, UserError

STATUS = {
    ExitCode.NO: 409,
    ExitCode.USAGE: 400,
    ExitCode.DATA: 422,
    ExitCode.NO_INPUT: 404,
    ExitCode.UNKNOWN: 404,
    ExitCode.UNAVAILABLE: 503,
    ExitCode.CANT_CREATE: 409,
    ExitCode.TRY_LATER: 503,
    ExitCode.PROTOCOL: 502,
    ExitCode.AUTH: 502,
    ExitCode.CONFIG: 422,
}
TITLE = {
    400: "The request makes no sense",
    404: "Not found",
    405: "Not allowed here",
    408: "The request took too long",
    409: "Not as things stand",
    413: "The request is too large",
    422: "The data is refused",
    500: "A failure of eisd",
    502: "The mail server failed",
    503: "Try again later",
}
MEDIA_TYPE = "application/problem+json"


def body(status: int, detail: str, code: ExitCode, *, hint: str = "") -> dict[str, Any]:
    """A problem's members; ``code``, ``exit_code`` and ``hint`` are our extensions (3.2)."""
    return {
        "type": "about:blank",
        "title": TITLE.get(status, "Error"),
        "status": status,
        "detail": detail,
        "code": code.name.lower(),
        "exit_code": int(code),
        "hint": hint,
    }


def answer(status: int, detail: str, code: ExitCode, *, hint: str = "") -> JSONResponse:
    """A problem as a response."""
    return JSONResponse(
        body(status, detail, code, hint=hint), status_code=status, media_type=MEDIA_TYPE
    )


def install(app: FastAPI) -> None:
    """Let every error of the app end as a problem."""
    for kind in (UserError, DriverError, StoreError):
        app.add_exception_handler(kind, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _bug)


async def _ours(request: Request, error: Exception) -> JSONResponse:
    del request
    code = exit_code(error) if isinstance(error, EisdError) else ExitCode.BUG
    return answer(STATUS.get(code, 500), str(error), code, hint=getattr(error, "hint", ""))


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    del request
    found = error.errors() if isinstance(error, RequestValidationError) else []
    told = "; ".join(f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in found)
    return answer(400, told or "the request makes no sense", ExitCode.USAGE)


async def _http(request: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    code = {404: ExitCode.UNKNOWN, 413: ExitCode.DATA}.get(status, ExitCode.USAGE)
    return answer(status, f"{request.method} {request.url.path}: {TITLE.get(status, status)}", code)


async def _bug(request: Request, error: Exception) -> JSONResponse:
    del request
    return answer(500, f"{type(error).__name__}; the daemon's log has more", ExitCode.BUG)
