-- version 1
-- Keys by which tokens are signed; the newest that has started signs. The private half is sealed.
CREATE TABLE provider_key (
  id TEXT PRIMARY KEY,
  public TEXT NOT NULL,
  sealed TEXT NOT NULL,
  starts_at BIGINT NOT NULL
);
CREATE TABLE provider_secret (
  name TEXT PRIMARY KEY,
  sealed TEXT NOT NULL
);
CREATE TABLE application (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  sector TEXT NOT NULL,
  scopes TEXT NOT NULL,
  grants TEXT NOT NULL,
  logout_uris TEXT NOT NULL,
  jwks TEXT NOT NULL,
  is_own BIGINT NOT NULL,
  is_resource BIGINT NOT NULL,
  made_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  disabled_at BIGINT NOT NULL,
  last_used_at BIGINT NOT NULL
);
CREATE INDEX application_tenant ON application (tenant, created_at);
CREATE TABLE application_redirect (
  application TEXT NOT NULL,
  uri TEXT NOT NULL,
  origin TEXT NOT NULL,
  PRIMARY KEY (application, uri)
);
CREATE INDEX application_redirect_origin ON application_redirect (origin);
-- Client secrets and API keys: only what SHA-256 makes of them.
CREATE TABLE application_secret (
  id TEXT PRIMARY KEY,
  application TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE,
  made_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  last_used_at BIGINT NOT NULL
);
CREATE INDEX application_secret_application ON application_secret (application, created_at);
CREATE TABLE provider_code (
  hash TEXT PRIMARY KEY,
  application TEXT NOT NULL,
  family TEXT NOT NULL,
  redirect_uri TEXT NOT NULL,
  challenge TEXT NOT NULL,
  nonce TEXT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT NOT NULL
);
CREATE INDEX provider_code_expires ON provider_code (expires_at);
-- What a person's one log-in at one application gave: all tokens of it end together.
CREATE TABLE provider_family (
  id TEXT PRIMARY KEY,
  application TEXT NOT NULL,
  account TEXT NOT NULL,
  login TEXT NOT NULL,
  scopes TEXT NOT NULL,
  login_at BIGINT NOT NULL,
  acr TEXT NOT NULL,
  amr TEXT NOT NULL,
  expires_at BIGINT NOT NULL,
  ended_at BIGINT NOT NULL
);
CREATE INDEX provider_family_account ON provider_family (account, application);
CREATE INDEX provider_family_expires ON provider_family (expires_at);
CREATE TABLE provider_refresh (
  hash TEXT PRIMARY KEY,
  family TEXT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT NOT NULL
);
CREATE INDEX provider_refresh_expires ON provider_refresh (expires_at);
-- Assertions of clients that were shown once, until they expire.
CREATE TABLE provider_assertion (
  application TEXT NOT NULL,
  jti TEXT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (application, jti)
);
CREATE INDEX provider_assertion_expires ON provider_assertion (expires_at);
CREATE TABLE provider_consent (
  account TEXT NOT NULL,
  application TEXT NOT NULL,
  scopes TEXT NOT NULL,
  given_at BIGINT NOT NULL,
  PRIMARY KEY (account, application)
);
-- What was ended before its time, in the order in which it was: processes look for what came since they last looked.
CREATE TABLE provider_revocation (
  revision BIGINT PRIMARY KEY,
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  until BIGINT NOT NULL
);
CREATE INDEX provider_revocation_id ON provider_revocation (kind, id);
CREATE TABLE provider_revision (
  one BIGINT PRIMARY KEY,
  value BIGINT NOT NULL
);
INSERT INTO provider_revision (one, value) VALUES (1, 0);
-- version 2
-- When scopes were last taken from an application: what is open by its keys and tokens since before then is cut.
ALTER TABLE application ADD COLUMN narrowed_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX provider_family_application ON provider_family (application);
-- version 3
-- When an application that was out of use came back: tokens of before then stay refused.
ALTER TABLE application ADD COLUMN enabled_at BIGINT NOT NULL DEFAULT 0;
-- Who did what to an application: rows are added and never changed.
CREATE TABLE application_act (
  id TEXT PRIMARY KEY,
  application TEXT NOT NULL,
  tenant TEXT NOT NULL,
  act TEXT NOT NULL,
  at BIGINT NOT NULL,
  made_by TEXT NOT NULL
);
CREATE INDEX application_act_tenant ON application_act (tenant, at);
