-- version 1
CREATE TABLE source (
  name TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  place TEXT NOT NULL,
  every BIGINT NOT NULL,
  options TEXT NOT NULL,
  added_at BIGINT NOT NULL,
  next_run BIGINT NOT NULL,
  last_run BIGINT,
  outcome TEXT NOT NULL,
  detail TEXT NOT NULL,
  taken BIGINT NOT NULL,
  refused BIGINT NOT NULL,
  failures BIGINT NOT NULL,
  validators TEXT NOT NULL
);
-- What a source was found to hold: a file of its folder, or under the name '' what its address gave.
-- state: seen (it may be written still), taken, aside (it cannot be read; not tried again before it changes).
CREATE TABLE source_content (
  source TEXT NOT NULL,
  name TEXT NOT NULL,
  mark TEXT NOT NULL,
  state TEXT NOT NULL,
  detail TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (source, name)
);
-- version 2
-- What of the content that was taken last was refused, and why: a JSON array of texts.
ALTER TABLE source ADD COLUMN reasons TEXT NOT NULL DEFAULT '[]';
