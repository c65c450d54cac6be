"""The tables and the public views of `eisd.db`, as SQL.

Tables are ours and may change; the views are the contract (docs/reference/database.md).

Rules: STRICT tables, AUTOINCREMENT ids, NOT NULL with DEFAULT for what is added later, and never
another meaning for a column that was released. Times are INTEGER milliseconds UTC, but for the
activity row: what people sort by stands there as the text they read, so that one index serves it.
"""

from __future__ import annotations

from eisd.store.visible import LEVEL

TABLES = (
    """
    CREATE TABLE meta (
      key TEXT PRIMARY KEY,
      value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    # A mailbox is its address and host; the name is the label the configuration gives it (M14).
    """
    CREATE TABLE mailbox (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      name TEXT NOT NULL,
      identity TEXT NOT NULL UNIQUE,
      address TEXT NOT NULL,
      aliases TEXT NOT NULL DEFAULT '[]',
      driver TEXT NOT NULL,
      owner TEXT NOT NULL DEFAULT '',
      access TEXT NOT NULL DEFAULT 'personal',
      configured INTEGER NOT NULL DEFAULT 1,
      paused INTEGER NOT NULL DEFAULT 0,
      state TEXT NOT NULL DEFAULT 'starting',
      reason TEXT NOT NULL DEFAULT '',
      detail TEXT NOT NULL DEFAULT '',
      since INTEGER NOT NULL DEFAULT 0,
      begin_at INTEGER,
      last_sync_at INTEGER,
      connected_at INTEGER,
      caught_up INTEGER NOT NULL DEFAULT 0
    ) STRICT
    """,
    "CREATE UNIQUE INDEX mailbox_name ON mailbox(name) WHERE configured",
    """
    CREATE TABLE feed (
      mailbox_id INTEGER NOT NULL REFERENCES mailbox(id) ON DELETE CASCADE,
      workspace TEXT NOT NULL,
      current INTEGER NOT NULL DEFAULT 1,
      connected_at INTEGER,
      PRIMARY KEY (mailbox_id, workspace)
    ) STRICT, WITHOUT ROWID
    """,
    # status: synced, excluded, gone; or ours, for the one that holds what eisd itself sends, which
    # no server lists. The cursor belongs to the driver.
    """
    CREATE TABLE folder (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      mailbox_id INTEGER NOT NULL REFERENCES mailbox(id) ON DELETE CASCADE,
      name TEXT NOT NULL,
      handle TEXT NOT NULL,
      role TEXT NOT NULL,
      status TEXT NOT NULL DEFAULT 'synced',
      why TEXT NOT NULL DEFAULT '',
      cursor TEXT NOT NULL DEFAULT '',
      validity TEXT NOT NULL DEFAULT '',
      backfilling INTEGER NOT NULL DEFAULT 1,
      remaining INTEGER,
      proof_at INTEGER,
      reconciled_at INTEGER,
      UNIQUE (mailbox_id, name)
    ) STRICT
    """,
    # One row a copy. `facts` is what the matcher needs of it, addresses as keyed hashes (U1);
    # `variant` tells apart different messages under one Message-ID (I2); `held` is the reason why
    # this copy does not count for its message (a draft, outside the window), or empty; `parent` is
    # the Message-ID hash that a skipped list message answers: by staff, it is direct (G4).
    """
    CREATE TABLE copy (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      folder_id INTEGER NOT NULL REFERENCES folder(id) ON DELETE CASCADE,
      validity TEXT NOT NULL,
      remote_id TEXT NOT NULL,
      id_key BLOB NOT NULL,
      variant INTEGER NOT NULL DEFAULT 0,
      gate_at INTEGER NOT NULL,
      size INTEGER NOT NULL DEFAULT -1,
      box TEXT NOT NULL,
      live INTEGER NOT NULL,
      seen INTEGER NOT NULL DEFAULT 0,
      answered INTEGER NOT NULL DEFAULT 0,
      flagged INTEGER NOT NULL DEFAULT 0,
      held TEXT NOT NULL DEFAULT '',
      outcome TEXT NOT NULL,
      reason TEXT NOT NULL DEFAULT '',
      facts BLOB NOT NULL,
      message_id INTEGER REFERENCES message(id),
      recorded_at INTEGER NOT NULL,
      removed_at INTEGER,
      attempts INTEGER NOT NULL DEFAULT 0,
      retry_at INTEGER,
      error TEXT NOT NULL DEFAULT '',
      parent INTEGER,
      UNIQUE (folder_id, validity, remote_id)
    ) STRICT
    """,
    "CREATE INDEX copy_identity ON copy(id_key)",
    "CREATE INDEX copy_message ON copy(message_id) WHERE message_id IS NOT NULL",
    """
    CREATE INDEX copy_queue ON copy(folder_id, live DESC, gate_at DESC)
      WHERE outcome IN ('pending', 'error')
    """,
    "CREATE INDEX copy_parent ON copy(parent) WHERE parent IS NOT NULL",
    # S of each workspace as key hashes, kept in step by eisd.store.mailboxes (S1).
    """
    CREATE TABLE staff (
      workspace TEXT NOT NULL,
      kind TEXT NOT NULL,
      hash INTEGER NOT NULL,
      PRIMARY KEY (workspace, kind, hash)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE TABLE thread (id INTEGER PRIMARY KEY AUTOINCREMENT) STRICT",
    # Message-ID hashes that belong to a thread, those of unknown parents included (H2).
    """
    CREATE TABLE thread_ref (
      ref INTEGER PRIMARY KEY,
      thread_id INTEGER NOT NULL
    ) STRICT
    """,
    "CREATE INDEX thread_ref_thread ON thread_ref(thread_id)",
    """
    CREATE TABLE message (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      id_key BLOB NOT NULL,
      variant INTEGER NOT NULL DEFAULT 0,
      identity TEXT NOT NULL,
      thread_id INTEGER NOT NULL REFERENCES thread(id),
      subject TEXT NOT NULL,
      snippet TEXT NOT NULL,
      text TEXT NOT NULL,
      text_reply TEXT NOT NULL,
      date_raw TEXT NOT NULL DEFAULT '',
      dated_at INTEGER,
      received TEXT NOT NULL DEFAULT '[]',
      occurred_at TEXT NOT NULL,
      gate_at INTEGER NOT NULL,
      size INTEGER NOT NULL DEFAULT -1,
      has_attachments INTEGER NOT NULL DEFAULT 0,
      parse_status TEXT NOT NULL DEFAULT 'full',
      defects TEXT NOT NULL DEFAULT '[]',
      sha256 TEXT NOT NULL DEFAULT '',
      normaliser INTEGER NOT NULL DEFAULT 1,
      UNIQUE (id_key, variant)
    ) STRICT
    """,
    "CREATE INDEX message_thread ON message(thread_id)",
    "CREATE INDEX message_identity ON message(identity)",
    """
    CREATE TABLE participant (
      message_id INTEGER NOT NULL REFERENCES message(id) ON DELETE CASCADE,
      exact INTEGER NOT NULL,
      role TEXT NOT NULL,
      address TEXT NOT NULL,
      name TEXT NOT NULL DEFAULT '',
      relaxed INTEGER NOT NULL,
      domain INTEGER NOT NULL,
      registrable INTEGER NOT NULL,
      marks INTEGER NOT NULL DEFAULT 0,
      PRIMARY KEY (message_id, exact)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE attachment (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      message_id INTEGER NOT NULL REFERENCES message(id) ON DELETE CASCADE,
      filename TEXT NOT NULL,
      content_type TEXT NOT NULL,
      size INTEGER NOT NULL,
      inline INTEGER NOT NULL,
      content_id TEXT NOT NULL,
      sha256 TEXT NOT NULL,
      stored INTEGER NOT NULL DEFAULT 0
    ) STRICT
    """,
    "CREATE INDEX attachment_message ON attachment(message_id)",
    # What delivery reports and read receipts say, by the hash of the message they are about.
    """
    CREATE TABLE report (
      id_key BLOB PRIMARY KEY,
      status TEXT,
      read_at INTEGER
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE contact (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      workspace TEXT NOT NULL,
      contact_id TEXT NOT NULL,
      name TEXT NOT NULL DEFAULT '',
      kind TEXT NOT NULL DEFAULT '',
      company TEXT NOT NULL DEFAULT '',
      created_at INTEGER NOT NULL,
      created_by TEXT NOT NULL DEFAULT 'import',
      deleted_at INTEGER,
      UNIQUE (workspace, contact_id)
    ) STRICT
    """,
    # One interval of one address of one contact (M3). added_at NULL: always known.
    """
    CREATE TABLE address (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      contact INTEGER NOT NULL REFERENCES contact(id) ON DELETE CASCADE,
      workspace TEXT NOT NULL,
      address TEXT NOT NULL,
      key TEXT NOT NULL,
      exact INTEGER NOT NULL,
      relaxed INTEGER NOT NULL,
      is_primary INTEGER NOT NULL DEFAULT 0,
      added_at INTEGER,
      ended_at INTEGER,
      match_from INTEGER,
      created INTEGER NOT NULL DEFAULT 0
    ) STRICT
    """,
    "CREATE INDEX address_contact ON address(contact)",
    "CREATE INDEX address_exact ON address(exact)",
    "CREATE INDEX address_relaxed ON address(relaxed)",
    # What the CRM's people see. contact_id and occurred_at stand here under one index.
    """
    CREATE TABLE activity (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      message_id INTEGER NOT NULL REFERENCES message(id) ON DELETE CASCADE,
      contact INTEGER NOT NULL REFERENCES contact(id),
      workspace TEXT NOT NULL,
      contact_id TEXT NOT NULL,
      direction TEXT NOT NULL,
      kind TEXT NOT NULL,
      roles TEXT NOT NULL,
      via TEXT NOT NULL,
      flags TEXT NOT NULL DEFAULT '[]',
      source TEXT NOT NULL DEFAULT 'sync',
      occurred_at TEXT NOT NULL,
      received_at TEXT NOT NULL,
      created_at TEXT NOT NULL,
      visibility TEXT NOT NULL DEFAULT 'full',
      delivery_status TEXT,
      read_at TEXT,
      UNIQUE (message_id, contact)
    ) STRICT
    """,
    "CREATE INDEX activity_contact ON activity(contact_id, occurred_at)",
    "CREATE INDEX activity_by_contact ON activity(contact, occurred_at)",
    "CREATE INDEX activity_time ON activity(occurred_at)",
)


def _ts(column: str) -> str:
    """SQL for a millisecond column as RFC 3339 UTC with milliseconds and Z."""
    return f"strftime('%Y-%m-%dT%H:%M:%fZ', {column} / 1000.0, 'unixepoch')"


_MESSAGE_ID = "CASE WHEN m.identity LIKE 'fp:%' THEN m.identity ELSE '<' || m.identity || '>' END"

VIEWS = {
    "activity_feed": f"""
      SELECT a.id AS activity_id, a.workspace, a.contact_id, c.name AS contact_name,
        {_MESSAGE_ID} AS message_id, m.thread_id,
        (SELECT json_group_array(name) FROM (
           SELECT DISTINCT b.name FROM copy p JOIN folder f ON f.id = p.folder_id
           JOIN mailbox b ON b.id = f.mailbox_id
           WHERE p.message_id = m.id AND p.outcome = 'matched' ORDER BY b.name)) AS mailboxes,
        (SELECT json_group_array(owner) FROM (
           SELECT DISTINCT b.owner FROM copy p JOIN folder f ON f.id = p.folder_id
           JOIN mailbox b ON b.id = f.mailbox_id
           WHERE p.message_id = m.id AND p.outcome = 'matched' AND b.owner <> ''
           ORDER BY b.owner)) AS owners,
        a.direction, a.roles, a.via, a.flags, a.source, m.subject, m.snippet, m.text,
        a.occurred_at, a.received_at, a.created_at, m.has_attachments, a.delivery_status,
        a.read_at, coalesce({LEVEL.strip()}, a.visibility) AS visibility
      FROM activity a JOIN message m ON m.id = a.message_id JOIN contact c ON c.id = a.contact
    """,
    "activity_copies": f"""
      SELECT a.id AS activity_id, b.name AS mailbox, f.name AS folder, p.remote_id, p.box,
        {_ts("p.gate_at")} AS received_at, p.seen, p.answered, p.flagged,
        {_ts("p.removed_at")} AS removed_at
      FROM activity a JOIN copy p ON p.message_id = a.message_id
      JOIN folder f ON f.id = p.folder_id JOIN mailbox b ON b.id = f.mailbox_id
      WHERE f.status <> 'ours'
    """,
    "activity_participants": """
      SELECT a.id AS activity_id, p.role, p.address, p.name,
        coalesce(
          (SELECT a.contact_id FROM address d
            WHERE d.exact = p.exact AND d.contact = a.contact LIMIT 1),
          (SELECT c.contact_id FROM address d JOIN contact c ON c.id = d.contact
            WHERE d.exact = p.exact AND d.workspace = a.workspace
            ORDER BY d.ended_at IS NOT NULL, d.contact LIMIT 1))
          AS contact_id,
        EXISTS (SELECT 1 FROM staff s WHERE s.workspace = a.workspace AND (
          (s.kind = 'exact' AND s.hash = p.exact) OR
          (s.kind = 'relaxed' AND s.hash = p.relaxed) OR
          (s.kind = 'domain' AND s.hash IN (p.domain, p.registrable)))) AS internal
      FROM activity a JOIN participant p ON p.message_id = a.message_id
    """,
    "activity_attachments": """
      SELECT a.id AS activity_id, t.filename, t.content_type, t.size, t.inline, t.content_id,
        t.sha256, t.stored
      FROM activity a JOIN attachment t ON t.message_id = a.message_id
    """,
    "message_outcomes": f"""
      SELECT b.name AS mailbox, f.name AS folder, p.remote_id,
        (SELECT {_MESSAGE_ID} FROM message m WHERE m.id = p.message_id) AS message_id,
        lower(hex(p.id_key)) || CASE p.variant WHEN 0 THEN '' ELSE printf('~%x', p.variant) END
          AS message_key,
        p.outcome, CASE p.reason WHEN 'internal_error' THEN 'internal' ELSE p.reason END AS reason,
        {_ts("p.gate_at")} AS received_at, {_ts("p.recorded_at")} AS recorded_at,
        {_ts("p.removed_at")} AS removed_at
      FROM copy p JOIN folder f ON f.id = p.folder_id JOIN mailbox b ON b.id = f.mailbox_id
      WHERE f.status <> 'ours'
    """,
    "mailbox_status": f"""
      SELECT b.name, b.address, b.driver, b.state, b.reason, b.detail, {_ts("b.since")} AS since,
        {_ts("b.last_sync_at")} AS last_sync_at,
        (SELECT count(*) FROM folder f JOIN copy p ON p.folder_id = f.id
          WHERE f.mailbox_id = b.id AND p.outcome IN ('pending', 'error')
            AND p.reason <> 'poison') +
        (SELECT coalesce(sum(f.remaining), 0) FROM folder f
          WHERE f.mailbox_id = b.id AND f.status = 'synced') AS backlog,
        {_ts("b.connected_at")} AS connected_at
      FROM mailbox b
    """,
    "contact_summary": """
      SELECT c.workspace, c.contact_id, c.name,
        (SELECT d.address FROM address d WHERE d.contact = c.id
          ORDER BY d.ended_at IS NOT NULL, d.is_primary DESC, d.id LIMIT 1) AS primary_address,
        (SELECT count(*) FROM activity a WHERE a.contact = c.id) AS activities,
        (SELECT max(a.occurred_at) FROM activity a
          WHERE a.contact = c.id AND a.direction = 'incoming') AS last_incoming_at,
        (SELECT max(a.occurred_at) FROM activity a
          WHERE a.contact = c.id AND a.direction = 'outgoing') AS last_outgoing_at,
        (SELECT max(a.occurred_at) FROM activity a
          WHERE a.contact = c.id AND NOT EXISTS (
            SELECT 1 FROM json_each(a.flags) WHERE value = 'auto')) AS last_contacted_at
      FROM contact c WHERE c.deleted_at IS NULL
    """,
}
"""Public views by name; (re)made at each start, so that they follow the code."""
