"""Asks DNS what `eisd.doctor.sending` judges."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from eisd.doctor import sending
from eisd.doctor.finding import Finding, Grade
from eisd.doctor.sending import SELECTORS, Domain
from eisd.mime.domains import registrable_domain
from eisd.wire.dns import Found, Resolver

AT_ONCE: Final = 8
INCLUDES_MAX: Final = 20
"""So many includes of one SPF record are followed: twice as many as are allowed."""


async def look(
    domains: Sequence[Domain], resolver: Resolver, selectors: Sequence[str]
) -> list[Finding]:
    """Judge every domain, a few at a time; in their order."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(domain: Domain) -> list[Finding]:
        async with gate:
            return await _one(domain, resolver, selectors)

    return [found for each in await asyncio.gather(*map(one, domains)) for found in each]


async def _one(domain: Domain, ask: Resolver, selectors: Sequence[str]) -> list[Finding]:
    first = await ask.find(domain.name, "MX")
    if first.problem:
        text, fix = first.problem, "try another name server: eisd doctor --online --dns 9.9.9.9"
        return [Finding("dns", domain.name, "dns", Grade.WARNING, text, fix)]
    if not first.exists:
        text = "the domain does not exist: nobody can answer, and most refuse its mail"
        return [Finding("dns", domain.name, "dns", Grade.ERROR, text, "register or renew it")]
    return [
        await _spf(domain, ask),
        await _dkim(domain, ask, selectors),
        await _dmarc(domain, ask),
        await _mx(domain, ask, first),
    ]


async def _spf(domain: Domain, ask: Resolver) -> Finding:
    answer = await ask.find(domain.name, "TXT")
    if answer.problem:
        return _unknown(domain, "spf", answer)
    lookups: int | None = None
    mine = [one for one in answer.records if one.lower().startswith("v=spf1")]
    if len(mine) == 1:
        lookups = await _count(mine[0], ask)
    return sending.spf(domain, answer.records, lookups)


async def _count(record: str, ask: Resolver) -> int:
    """The lookups that a record takes, includes followed; each name once, and not for ever."""
    waiting, total = sending.spf_asks(record)
    seen: set[str] = set()
    while waiting and len(seen) < INCLUDES_MAX:
        name = waiting.pop(0)
        total += 1
        if name in seen or "%" in name:  # a macro: nobody knows beforehand
            continue
        seen.add(name)
        for text in (await ask.find(name, "TXT")).records:
            if text.lower().startswith("v=spf1"):
                more, others = sending.spf_asks(text)
                waiting += more
                total += others
                break
    return total


async def _dkim(domain: Domain, ask: Resolver, selectors: Sequence[str]) -> Finding:
    tried = tuple(selectors) or SELECTORS.get(domain.driver, SELECTORS[""])
    names = [f"{selector}._domainkey.{domain.name}" for selector in tried]
    answers = await asyncio.gather(*(ask.find(name, "TXT") for name in names))
    if all(answer.problem for answer in answers):
        return _unknown(domain, "dkim", answers[0])
    found = {selector: one.records for selector, one in zip(tried, answers, strict=True)}
    return sending.dkim(domain, found, given=bool(selectors))


async def _dmarc(domain: Domain, ask: Resolver) -> Finding:
    answer = await ask.find(f"_dmarc.{domain.name}", "TXT")
    if answer.problem:
        return _unknown(domain, "dmarc", answer)
    organisation = registrable_domain(domain.name)
    if not answer.records and organisation not in {"", domain.name}:
        theirs = await ask.find(f"_dmarc.{organisation}", "TXT")
        if theirs.records:
            return sending.dmarc(domain, theirs.records, inherited=organisation)
    return sending.dmarc(domain, answer.records)


async def _mx(domain: Domain, ask: Resolver, answer: Found) -> Finding:
    hosts = [record.partition(" ")[2] for record in answer.records]
    asked = [host for host in hosts if host != "."][:10]
    reachable = await asyncio.gather(*(_has_address(host, ask) for host in asked))
    own = False if hosts else await _has_address(domain.name, ask)
    known = dict(zip(asked, reachable, strict=True))
    return sending.mx(domain, answer.records, known, has_address=own)


async def _has_address(host: str, ask: Resolver) -> bool:
    for kind in ("A", "AAAA"):
        answer = await ask.find(host, kind)
        if answer.records or answer.problem:  # what could not be asked is not held against it
            return True
    return False


def _unknown(domain: Domain, check: str, answer: Found) -> Finding:
    return Finding("dns", domain.name, check, Grade.NOTE, answer.problem)
