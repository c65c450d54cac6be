"""The tables of what is sent: submissions, drafts and templates, as SQL (step m004_outbox).

A submission's message is kept in a table of its own, so that the history of a hundred thousand
stays small and quick to walk; the message goes when nothing needs it any more.
"""

from __future__ import annotations

TABLES = (
    # next_at is when it is looked at next: by the loop while it is queued, by whoever settles
    # doubts while it is in doubt. sent_at stands from the first recipient that was accepted.
    """
    CREATE TABLE submission (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      mailbox_id INTEGER NOT NULL REFERENCES mailbox(id) ON DELETE CASCADE,
      state TEXT NOT NULL,
      message_id TEXT NOT NULL UNIQUE,
      id_key BLOB NOT NULL,
      envelope_id TEXT NOT NULL UNIQUE,
      sender TEXT NOT NULL,
      utf8 INTEGER NOT NULL DEFAULT 0,
      subject TEXT NOT NULL,
      size INTEGER NOT NULL,
      idempotency_key TEXT,
      fingerprint BLOB NOT NULL DEFAULT x'',
      created_at INTEGER NOT NULL,
      due_at INTEGER NOT NULL,
      next_at INTEGER NOT NULL,
      attempts INTEGER NOT NULL DEFAULT 0,
      sent_at INTEGER,
      ended_at INTEGER,
      reply TEXT NOT NULL DEFAULT '',
      filing TEXT NOT NULL DEFAULT '',
      filing_at INTEGER,
      filing_attempts INTEGER NOT NULL DEFAULT 0
    ) STRICT
    """,
    """
    CREATE UNIQUE INDEX submission_key ON submission(idempotency_key)
      WHERE idempotency_key IS NOT NULL
    """,
    "CREATE INDEX submission_identity ON submission(id_key)",
    "CREATE INDEX submission_state ON submission(state, id)",
    "CREATE INDEX submission_mailbox ON submission(mailbox_id, id)",
    "CREATE INDEX submission_queue ON submission(mailbox_id, next_at, id) WHERE state = 'queued'",
    """
    CREATE INDEX submission_unsettled ON submission(mailbox_id, next_at)
      WHERE state IN ('sending', 'doubt')
    """,
    "CREATE INDEX submission_filing ON submission(mailbox_id, filing_at) WHERE filing = 'due'",
    "CREATE INDEX submission_sent ON submission(mailbox_id, sent_at) WHERE sent_at IS NOT NULL",
    """
    CREATE TABLE submission_message (
      submission_id INTEGER PRIMARY KEY REFERENCES submission(id) ON DELETE CASCADE,
      rfc822 BLOB NOT NULL
    ) STRICT
    """,
    # `exact` is the address's hash, as everywhere.
    """
    CREATE TABLE recipient (
      submission_id INTEGER NOT NULL REFERENCES submission(id) ON DELETE CASCADE,
      address TEXT NOT NULL,
      exact INTEGER NOT NULL,
      state TEXT NOT NULL DEFAULT 'queued',
      reply TEXT NOT NULL DEFAULT '',
      PRIMARY KEY (submission_id, address)
    ) STRICT, WITHOUT ROWID
    """,
    # Addresses that delivery reports call dead, by hash; of those that are no contact's, no more.
    """
    CREATE TABLE bounce (
      exact INTEGER PRIMARY KEY,
      bounced_at INTEGER NOT NULL,
      status TEXT NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE draft (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      mailbox_id INTEGER NOT NULL REFERENCES mailbox(id) ON DELETE CASCADE,
      state TEXT NOT NULL DEFAULT 'draft',
      content BLOB NOT NULL,
      subject TEXT NOT NULL,
      recipients TEXT NOT NULL DEFAULT '[]',
      created_at INTEGER NOT NULL,
      updated_at INTEGER NOT NULL,
      message_id TEXT NOT NULL DEFAULT '',
      id_key BLOB NOT NULL DEFAULT x'',
      subject_key INTEGER NOT NULL DEFAULT 0,
      filed_at INTEGER,
      submission_id INTEGER REFERENCES submission(id) ON DELETE SET NULL
    ) STRICT
    """,
    "CREATE INDEX draft_filed ON draft(mailbox_id) WHERE state = 'draft' AND filed_at IS NOT NULL",
    # Versions are never changed; the newest one that is not removed is the template.
    """
    CREATE TABLE template (
      name TEXT NOT NULL,
      version INTEGER NOT NULL,
      subject TEXT NOT NULL,
      text TEXT,
      html TEXT,
      headers TEXT NOT NULL DEFAULT '{}',
      created_at INTEGER NOT NULL,
      removed_at INTEGER,
      PRIMARY KEY (name, version)
    ) STRICT
    """,
)
