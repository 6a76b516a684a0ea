-- version 1
CREATE TABLE context (
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  url TEXT NOT NULL,
  document TEXT NOT NULL,
  lasting BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  last_usage BIGINT NOT NULL,
  hits BIGINT NOT NULL
);
CREATE UNIQUE INDEX context_url ON context (url) WHERE url <> '';
CREATE INDEX context_kind ON context (kind, last_usage);
