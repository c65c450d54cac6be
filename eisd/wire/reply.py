"""The answer to a request over HTTP, whoever asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eisd.errors import ProtocolError


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a request."""

    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """By their names in lower case."""

    def json(self) -> Any:
        """The body as JSON; None when it is empty. Raises `ProtocolError` on anything else."""
        if not self.body:
            return None
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise ProtocolError("the answer is no JSON", code="http") from error
