"""Which test brings an event about that no test looks for by its name; tests/conftest.py checks."""

from __future__ import annotations

SAID_BY = {
    "activity.disclosed": "test_v1_an_owner_says_who_sees_one_message",
    "auth.forgotten": "test_logout_revokes_where_the_provider_can",
    "auth.granted": "test_a_refused_token_is_replaced_though_it_is_fresh",
    "auth.refreshed": "test_a_refused_token_is_replaced_though_it_is_fresh",
    "backfill.completed": "test_a_copy_is_sent_by_its_label",
    "contact.changed": "test_m10_a_purge_reaches_every_table",
    "contacts.imported": "test_a_dry_run_leaves_no_trace",
    "db.migrated": "test_a_backup_of_a_database_in_use",
    "db.write_slow": "test_a_long_write_gives_signs_of_life",
    "folder.discovered": "test_a_copy_is_sent_by_its_label",
    "folder.failed": "test_a_folder_that_may_not_be_opened_is_not_gone",
    "folder.vanished": "test_a_copy_that_waits_in_a_folder_gone_later_has_vanished",
    "imap.uidvalidity_changed": "test_renumbered_folder_makes_no_second_activity",
    "mailbox.forgotten": "test_v1_what_an_owner_said_outlives_his_mailbox",
    "match.backfill_completed": "test_c3_the_earliest_that_asks_counts",
    "match.message_failed": "test_poison_costs_one_message",
    "match.replayed": "test_the_difference_is_shown_and_then_made",
    "message.dropped": "test_a_copy_removed_and_then_wanted_is_not_waited_for",
    "outbox.copy_filed": "test_a_sent_message_is_filed_and_its_copy_joins_the_activity",
    "outbox.copy_unfiled": "test_a_copy_that_cannot_be_filed_makes_no_message_fail",
    "outbox.doubt_settled": "test_a_doubt_is_settled_by_the_copy_in_sent",
    "outbox.message_accepted": "test_a_sent_message_is_filed_and_its_copy_joins_the_activity",
    "outbox.message_changed": "test_cancelled_mail_leaves_nothing",
    "outbox.message_deferred": "test_a_refusal_for_now_puts_off_that_message_alone",
    "outbox.message_doubted": "test_a_doubt_is_settled_by_the_copy_in_sent",
    "outbox.message_failed": "test_a_refusal_for_good_fails_and_marks_a_dead_address",
    "outbox.message_sent": "test_a_sent_message_is_filed_and_its_copy_joins_the_activity",
    "outbox.stalled": "test_refused_credentials_keep_the_messages",
    "sync.failed": "test_a_fault_of_ours_in_the_lane_is_no_silence",
}
"""Test functions by event."""
