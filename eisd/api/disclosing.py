"""What owners say of single messages: private, shared, or as their mailbox has it (V1)."""

from __future__ import annotations

from eisd import events
from eisd.api.answers import Answer, activity_show
from eisd.api.core import Core
from eisd.errors import ExitCode, UserError
from eisd.logs import emit
from eisd.model.visibility import SETTINGS
from eisd.store import visible


async def disclose(core: Core, activity: int, owner: str, setting: str) -> Answer:
    """Set what others may see of an activity's message; the answer is what they see from now on.

    It holds for the message, so for the activities of all its contacts, and for the mailboxes of
    this owner; what other owners' mailboxes show of their copies is theirs to say.

    Raises:
        UserError: there is no such activity (67); ``owner`` owns no mailbox that holds it (1); the
            setting is not known (64).
    """
    if setting not in SETTINGS:
        raise UserError(
            f"{setting!r} is no visibility",
            hint=f"one of: {', '.join(SETTINGS)}",
            code=ExitCode.USAGE,
        )
    level = SETTINGS[setting]
    done = await core.store.write(lambda tx: visible.disclose(tx.db, activity, owner, level))
    if done is None:
        raise UserError(f"there is no activity {activity}", code=ExitCode.UNKNOWN)
    if not done:
        raise UserError(
            f"{owner!r} owns no mailbox that holds activity {activity}",
            hint="only its owner may say who sees a message",
            code=ExitCode.NO,
        )
    emit(events.ACTIVITY_DISCLOSED, activity_id=activity, owner=owner, setting=setting)
    shown = await core.store.read(lambda db: activity_show(db, activity))
    return {
        "activity_id": activity,
        "owner": owner,
        "setting": setting,
        "visibility": shown["visibility"],
    }
