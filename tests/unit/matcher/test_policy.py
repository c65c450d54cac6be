"""The matcher's policies are those of the configuration."""

from __future__ import annotations

from eisd.config.schema import Settings
from eisd.matcher.policy import Policy


def test_the_defaults_are_the_configurations():
    """A configuration without a word on policies gives the matcher its defaults."""
    assert Policy.of(Settings(version=1)) == Policy()


def test_every_policy_is_taken_over():
    """A value that differs from the default arrives under its own name."""
    settings = Settings.model_validate(
        {
            "version": 1,
            "match": {"addresses": "primary", "roles": ["from", "to"], "shared_address": "none"},
            "normalize": {"subaddress": "off"},
            "internal": {"mode": "any_staff"},
            "group": {"list": "match", "bulk": "match", "auto": "skip"},
            "create": {"policy": "sent", "max_recipients": 3},
            "calendar": {"enabled": True},
        }
    )

    policy = Policy.of(settings)

    assert (policy.match_addresses, policy.shared_address, policy.subaddress) == (
        "primary",
        "none",
        "off",
    )
    assert policy.match_roles == {"from", "to"}
    assert policy.internal_mode == "any_staff"
    assert (policy.group_list, policy.group_bulk, policy.group_auto) == ("match", "match", "skip")
    assert (policy.create_policy, policy.create_max_recipients) == ("sent", 3)
    assert policy.calendar_sync is True
