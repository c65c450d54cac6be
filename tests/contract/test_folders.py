"""What the list of folders promises."""

from __future__ import annotations

import pytest
from contract.harness import Provider, folder_named

from eisd.errors import AuthRejected
from eisd.model.folder import FolderRole


async def test_folders_are_distinct(provider: Provider):
    """Names and handles are unique, INBOX and Sent have their roles."""
    await provider.create("Projekt Ä & Co")
    async with provider.session() as session:
        folders = await session.folders()
    assert len({f.name for f in folders}) == len({f.handle for f in folders}) == len(folders)
    roles = {f.name: f.role for f in folders}
    assert roles["INBOX"] is FolderRole.INBOX
    assert roles["Sent"] is FolderRole.SENT
    assert roles["Projekt Ä & Co"] is FolderRole.OTHER


async def test_a_renamed_folder_is_listed_by_its_new_name(provider: Provider):
    """After a rename the list shows the new name alone."""
    await provider.create("Old")
    async with provider.session() as session:
        await session.folders()
        await provider.rename("Old", "New")
        names = {f.name for f in await session.folders()}
    assert "New" in names
    assert "Old" not in names


async def test_folders_are_scanned_by_their_handle(provider: Provider):
    """A folder whose name needs encoding can be opened."""
    await provider.create('Büro "Süd" \\ 日本')
    async with provider.session() as session:
        folder = await folder_named(session, 'Büro "Süd" \\ 日本')
        assert [i async for i in session.fetch(folder, [], limit=1)] == []


async def test_a_wrong_password_is_the_owners_business(provider: Provider):
    """Refused credentials raise `AuthRejected` and nothing else."""
    with pytest.raises(AuthRejected):
        async with provider.session("wrong"):
            pass
