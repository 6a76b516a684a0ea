-- version 1
-- How far the import of a file has come; written in the transaction that holds its rows.
CREATE TABLE import_run (
  id TEXT PRIMARY KEY,
  title TEXT NOT NULL,
  state TEXT NOT NULL,
  position BIGINT NOT NULL,
  stored BIGINT NOT NULL,
  duplicates BIGINT NOT NULL,
  corrected BIGINT NOT NULL,
  refused BIGINT NOT NULL,
  settled BIGINT NOT NULL,
  begun_at BIGINT NOT NULL,
  changed_at BIGINT NOT NULL
);
-- The newest instance of each series of an import, until it is held against the current state at the import's end.
CREATE TABLE import_newest (
  import_id TEXT NOT NULL,
  entity_id TEXT NOT NULL,
  attribute TEXT NOT NULL,
  dataset TEXT NOT NULL,
  types TEXT NOT NULL,
  observed_at BIGINT NOT NULL,
  instance TEXT NOT NULL,
  PRIMARY KEY (import_id, entity_id, attribute, dataset)
);
