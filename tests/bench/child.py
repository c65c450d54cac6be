"""eisd in a process of its own: ``python -m bench.child once|contacts|profile|serve CONFIG``.

Prints one line of JSON a result. ``serve`` runs the mailboxes until its standard input closes.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from lab.mail import contact_address

from eisd.config.load import load
from eisd.daemon import spares
from eisd.daemon.collector import spare_the_collector
from eisd.daemon.core import Core
from eisd.driver.registry import discover
from eisd.mime.addresses import address_key, relaxed_key
from eisd.model.contact import AddressIn, ContactIn
from eisd.sync.importing import Given

CONTACTS = 1000


async def opened(config: Path) -> Core:
    """Open what the configuration describes, as the daemon does."""
    registry = discover()
    core = await Core.open(load(config, check_driver=registry.check), registry)
    spare_the_collector()
    return core


async def contacts(core: Core) -> dict[str, float]:
    """Import the contacts whom a corpus of the lab is about."""
    people = []
    for number in range(CONTACTS):
        address = contact_address(number)
        key = address_key(address)
        keys = core.hasher.key(key), core.hasher.key(relaxed_key(key))
        one = AddressIn(address, key, *keys, True)
        people.append(ContactIn("default", f"c{number}", address, "", "", (one,)))
    done, _ = await core.import_contacts(Given.of(people), replace=False)
    return {"contacts": done.added}


async def once(core: Core) -> dict[str, float]:
    """Sync every mailbox: seconds from the first connection to the last commit, and of CPU."""
    await spares.start().lend(core.parser, core.headers)
    await asyncio.gather(core.parser.warm(), core.headers.warm())  # as when a daemon connects
    wall, cpu = time.monotonic(), time.process_time()
    failed = {name: str(error) for name, error in (await core.once()).items() if error}
    if failed:
        raise RuntimeError(str(failed))
    return {"seconds": time.monotonic() - wall, "cpu": time.process_time() - cpu}


async def serve(core: Core) -> dict[str, float]:
    """Run the mailboxes until somebody closes our standard input."""
    await core.start()
    await asyncio.to_thread(sys.stdin.read)
    return {}


async def main() -> None:
    """Do one of the above."""
    core = await opened(Path(sys.argv[2]))
    try:
        done = await {"contacts": contacts, "once": once, "serve": serve}[sys.argv[1]](core)
    finally:
        await core.close()
    sys.stdout.write(json.dumps(done) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
