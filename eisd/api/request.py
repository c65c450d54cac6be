"""What every route has: the core that answers, a bounded page, a strict body."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Query, Request
from pydantic import BaseModel, ConfigDict

from eisd.api.core import Core

PAGE_MAX: Final = 5_000


class Body(BaseModel):
    """A request's body: strict, and nothing in it that we do not know."""

    model_config = ConfigDict(extra="forbid", strict=True)


def _core(request: Request) -> Core:
    core: Core = request.app.state.core
    return core


The = Annotated[Core, Depends(_core)]
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX)]
