-- version 1
-- In the platform's scope the root, in a tenant's the authority that issues its devices' certificates; DER in
-- base64, the private key sealed.
CREATE TABLE device_authority (
  id TEXT PRIMARY KEY,
  certificate TEXT NOT NULL,
  sealed_key TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
-- fingerprint: SHA-256 of the DER; serial in hex; revoked_at is NULL while it is good.
CREATE TABLE device_certificate (
  fingerprint TEXT PRIMARY KEY,
  serial TEXT NOT NULL,
  device TEXT NOT NULL,
  not_before BIGINT NOT NULL,
  not_after BIGINT NOT NULL,
  made_at BIGINT NOT NULL,
  used_at BIGINT,
  revoked_at BIGINT
);
CREATE INDEX device_certificate_device ON device_certificate (device);
-- At most one code for each device; it goes when it is used.
CREATE TABLE device_claim (
  device TEXT PRIMARY KEY,
  code_hash TEXT NOT NULL,
  made_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX device_claim_code ON device_claim (code_hash);
-- A secret of the tenant, sealed: without it the hashes of claim codes cannot be guessed from a copy of the file.
CREATE TABLE device_secret (
  name TEXT PRIMARY KEY,
  sealed TEXT NOT NULL
);
