-- version 1
CREATE TABLE signing_key (
  id TEXT PRIMARY KEY,
  public TEXT NOT NULL,
  private TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  retired_at BIGINT NOT NULL
);
CREATE INDEX signing_key_created ON signing_key (created_at);
