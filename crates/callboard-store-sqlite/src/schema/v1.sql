-- The store of Callboard, version 1. Do not edit: a change is a further version.
--
-- Numbers: times are milliseconds since 1970; message ids are 16 bytes; headers, tags and traces are packed (encode.rs).
-- A mark is a place in the commit order of the whole store. Publications and actors take their marks from one sequence.

-- What there is one of.
CREATE TABLE store (
  id        INTEGER PRIMARY KEY CHECK (id = 1),
  mark      INTEGER NOT NULL,  -- marks up to here were given away, even where nothing shows it any more
  watermark INTEGER NOT NULL   -- up to here every durable subscriber is done
) STRICT;
INSERT INTO store VALUES (1, 0, 0);

-- Who may commit for a shard.
CREATE TABLE shard (
  shard INTEGER PRIMARY KEY,
  owner INTEGER NOT NULL,
  epoch INTEGER NOT NULL
) STRICT;

-- Texts that are written once and meant by number elsewhere. Rows stay for ever.
CREATE TABLE type (
  id       INTEGER PRIMARY KEY,
  name     TEXT NOT NULL,
  encoding INTEGER NOT NULL,   -- 0 protobuf, 1 JSON, 2 bytes
  UNIQUE (name, encoding)
) STRICT;

CREATE TABLE pattern (
  id   INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE topic (
  id    INTEGER PRIMARY KEY,
  name  TEXT NOT NULL UNIQUE,
  epoch INTEGER NOT NULL,
  head  INTEGER NOT NULL       -- at least this was published, even when nothing of it is kept
) STRICT;

-- Named actors and external subscribers; instances are subscribers by their row in `actor`.
CREATE TABLE subscriber (
  id   INTEGER PRIMARY KEY,
  kind INTEGER NOT NULL,       -- 0 actor, 1 external
  name TEXT NOT NULL,
  UNIQUE (kind, name)
) STRICT;

-- Every actor of which anything is stored, as it is now. The id is the mark of its creation and is never used again.
-- What is listed stands before the state, which may be long.
CREATE TABLE actor (
  id       INTEGER PRIMARY KEY,
  name     TEXT NOT NULL UNIQUE,
  revision INTEGER NOT NULL,   -- 0: it has no state yet
  earlier  INTEGER NOT NULL,   -- the row of `history` of the revision before; 0: there is none
  time     INTEGER NOT NULL,   -- of this revision
  tags     BLOB,
  type     INTEGER,            -- none: there is no state, only tags
  state    BLOB
) STRICT;

-- Revisions before the present one, of all actors, in commit order: a commit appends what it replaces, so that the table of
-- the present stays small and the pages of the past are written once. `earlier` leads from revision to revision. What
-- is more than 100 revisions old is cleared away from the front.
CREATE TABLE history (
  id       INTEGER PRIMARY KEY,
  actor    INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  earlier  INTEGER NOT NULL,
  time     INTEGER NOT NULL,
  tags     BLOB,
  type     INTEGER,
  state    BLOB
) STRICT;

-- Revisions of actors that rest, moved here when the front of `history` is cleared: a ring of 100 per actor,
-- slot = actor * 100 + revision % 100.
CREATE TABLE archive (
  slot     INTEGER PRIMARY KEY,
  revision INTEGER NOT NULL,
  time     INTEGER NOT NULL,
  tags     BLOB,
  type     INTEGER,
  state    BLOB
) STRICT;

-- Responses under idempotency keys, in the order of their commits.
CREATE TABLE reply (
  id          INTEGER PRIMARY KEY,
  actor       INTEGER NOT NULL,
  key         TEXT NOT NULL,
  fingerprint INTEGER NOT NULL,
  type        INTEGER NOT NULL,
  payload     BLOB NOT NULL,
  revision    INTEGER NOT NULL,
  time        INTEGER NOT NULL,
  UNIQUE (actor, key)
) STRICT;
CREATE INDEX reply_of ON reply (actor);

CREATE TABLE timer (
  actor    TEXT NOT NULL,
  name     TEXT NOT NULL,
  due      INTEGER NOT NULL,
  every    INTEGER NOT NULL,
  catch_up INTEGER NOT NULL,   -- 0 once, 1 all, 2 skip
  PRIMARY KEY (actor, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX timer_due ON timer (due, actor, name);

-- The logs of all durable topics in commit order.
CREATE TABLE publication (
  mark      INTEGER PRIMARY KEY,
  topic     INTEGER NOT NULL,
  seq       INTEGER NOT NULL,
  id        BLOB NOT NULL,
  time      INTEGER NOT NULL,
  horizon   INTEGER NOT NULL,  -- the latest time up to here: it never falls, so a time is found by bisection
  type      INTEGER NOT NULL,
  payload   BLOB NOT NULL,
  headers   BLOB,
  trace     BLOB,
  publisher TEXT
) STRICT;
CREATE UNIQUE INDEX publication_seq ON publication (topic, seq);

-- From which mark on a registered subscriber hears a pattern.
CREATE TABLE subscription (
  subscriber INTEGER NOT NULL,
  pattern    INTEGER NOT NULL,
  after      INTEGER NOT NULL,
  policy     INTEGER NOT NULL, -- on failure: 0 dead letter, 1 park
  absent     INTEGER,          -- the watermark when it was no longer declared; none: it is declared
  PRIMARY KEY (subscriber, pattern)
) STRICT, WITHOUT ROWID;

-- How far a subscriber is done with a topic. subscriber: an instance's `actor.id`, or minus a `subscriber.id`.
CREATE TABLE cursor (
  subscriber INTEGER NOT NULL,
  pattern    INTEGER NOT NULL,
  topic      INTEGER NOT NULL,
  epoch      INTEGER NOT NULL,
  seq        INTEGER NOT NULL,
  PRIMARY KEY (subscriber, pattern, topic)
) STRICT, WITHOUT ROWID;

CREATE TABLE effect (
  id      BLOB PRIMARY KEY,
  origin  TEXT,
  target  TEXT NOT NULL,
  action  TEXT NOT NULL,
  type    INTEGER NOT NULL,
  payload BLOB NOT NULL,
  headers BLOB,
  trace   BLOB,
  due     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX effect_due ON effect (due, id);

CREATE TABLE dead_letter (
  id       BLOB PRIMARY KEY,
  target   TEXT NOT NULL,
  action   TEXT NOT NULL,
  type     INTEGER NOT NULL,
  payload  BLOB NOT NULL,
  headers  BLOB,
  source   BLOB NOT NULL,      -- the id of the publication or effect
  topic    TEXT,               -- of the publication; none: it was an effect
  epoch    INTEGER,
  seq      INTEGER,
  code     TEXT NOT NULL,
  message  TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  time     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE parked (
  kind       INTEGER NOT NULL, -- 0 actor, 1 external
  subscriber TEXT NOT NULL,
  pattern    TEXT NOT NULL,
  topic      TEXT NOT NULL,
  epoch      INTEGER NOT NULL,
  seq        INTEGER NOT NULL,
  code       TEXT NOT NULL,
  message    TEXT NOT NULL,
  attempts   INTEGER NOT NULL,
  time       INTEGER NOT NULL,
  PRIMARY KEY (kind, subscriber, pattern, topic)
) STRICT, WITHOUT ROWID;
