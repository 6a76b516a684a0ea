-- version 1
-- key_hash is empty once the device is removed; lon and lat are NULL where its place is not known.
CREATE TABLE device (
  id TEXT PRIMARY KEY,
  family TEXT NOT NULL,
  name TEXT NOT NULL,
  entity_id TEXT NOT NULL,
  entity_type TEXT NOT NULL,
  settings TEXT NOT NULL,
  lon DOUBLE PRECISION,
  lat DOUBLE PRECISION,
  key_hash TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  last_seen_at BIGINT,
  accepted BIGINT NOT NULL,
  refused BIGINT NOT NULL,
  refusal_ja TEXT NOT NULL,
  refusal_en TEXT NOT NULL,
  refusal_at BIGINT,
  removed_at BIGINT
);
-- The last refusals of a tenant: who it said it was, by which way it came, and why not. Never what it sent.
CREATE TABLE device_refusal (
  seq BIGINT PRIMARY KEY,
  at BIGINT NOT NULL,
  device TEXT NOT NULL,
  way TEXT NOT NULL,
  ja TEXT NOT NULL,
  en TEXT NOT NULL
);
-- version 2
-- old_key_hash is that of the key before, which is taken until old_key_until; key_made_at is 0 where it is not known.
ALTER TABLE device ADD COLUMN key_made_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE device ADD COLUMN key_used_at BIGINT;
ALTER TABLE device ADD COLUMN old_key_hash TEXT NOT NULL DEFAULT '';
ALTER TABLE device ADD COLUMN old_key_until BIGINT NOT NULL DEFAULT 0;
-- version 3
-- Families that packs declare in this tenant: how their messages are read (codecs/declared.py), as JSON.
CREATE TABLE device_family (
  name TEXT PRIMARY KEY,
  content TEXT NOT NULL
);
