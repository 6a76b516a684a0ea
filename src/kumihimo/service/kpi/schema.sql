-- version 1
-- content: a measure with its targets as JSON, as measures_text keeps it.
CREATE TABLE measure (
  id TEXT PRIMARY KEY,
  revision BIGINT NOT NULL,
  content TEXT NOT NULL,
  changed_at BIGINT NOT NULL,
  changed_by TEXT NOT NULL
);
CREATE TABLE measure_version (
  id TEXT NOT NULL,
  revision BIGINT NOT NULL,
  content TEXT NOT NULL,
  made_at BIGINT NOT NULL,
  made_by TEXT NOT NULL,
  why TEXT NOT NULL,
  PRIMARY KEY (id, revision)
);
CREATE TABLE measure_note (
  id TEXT PRIMARY KEY,
  measure TEXT NOT NULL,
  kind TEXT NOT NULL,
  text TEXT NOT NULL,
  verdict TEXT NOT NULL,
  at BIGINT NOT NULL,
  made_by TEXT NOT NULL,
  frozen TEXT NOT NULL
);
CREATE INDEX measure_note_by_measure ON measure_note (measure, at);
