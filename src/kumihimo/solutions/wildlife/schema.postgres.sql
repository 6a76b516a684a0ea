-- version 1
-- Photographs of reports; id is that of the report's entity. One that was deleted keeps its row without a body, so that a
-- report that is sent again does not bring it back, and who deleted it is known.
CREATE TABLE wildlife_photo (
  id TEXT PRIMARY KEY,
  at BIGINT NOT NULL,
  width BIGINT NOT NULL,
  height BIGINT NOT NULL,
  size BIGINT NOT NULL,
  removed TEXT NOT NULL,
  deleted_at BIGINT NOT NULL,
  deleted_by TEXT NOT NULL,
  body BYTEA NOT NULL
);
