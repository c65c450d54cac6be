"""Options that several commands share, and what people write for a moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from eisd.cli import output

json_option: Callable[[Any], Any] = click.option(
    "--json", "as_json", is_flag=True, help="For programs."
)


class Moment(click.ParamType[datetime]):
    """A moment: RFC 3339, a date (midnight UTC), or a span back from now such as 7d or 3m."""

    name = "moment"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return self._span(value, param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

    def _span(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        from eisd.config.units import parse_window  # noqa: PLC0415 - rarely needed

        try:
            span = parse_window(value)
        except ValueError:
            span = None
        begin = None if span is None or span.is_none else span.begin(datetime.now(UTC))
        if begin is None:
            self.fail("want a date, an RFC 3339 time or a span such as 7d or 3m", param, ctx)
        return begin


class Seconds(click.ParamType[float]):
    """A duration such as 30s or 10m, in seconds; a bare number is seconds."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        from eisd.config.units import parse_duration  # noqa: PLC0415

        try:
            return float(value)
        except ValueError:
            pass
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Future(click.ParamType[datetime]):
    """A moment to come: RFC 3339 (without an offset, local time), or a span from now: 10m, 2h."""

    name = "moment"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        from eisd.config.units import parse_duration  # noqa: PLC0415

        if isinstance(value, datetime):
            return value
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except ValueError:
            pass
        try:
            return datetime.now(UTC) + timedelta(seconds=parse_duration(value))
        except ValueError:
            self.fail("want an RFC 3339 time, or a span from now such as 10m or 2h", param, ctx)


MOMENT = Moment()
FUTURE = Future()
SECONDS = Seconds()


def stamp(moment: datetime | None) -> str | None:
    """A moment as the database has it."""
    return None if moment is None else output.rfc3339(moment)
