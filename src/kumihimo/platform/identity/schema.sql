-- version 1
CREATE TABLE account (
  id TEXT PRIMARY KEY,
  sign_in TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  email TEXT NOT NULL,
  lang TEXT NOT NULL,
  made_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  disabled_at BIGINT NOT NULL,
  password TEXT NOT NULL,
  password_at BIGINT NOT NULL,
  totp TEXT NOT NULL,
  totp_step BIGINT NOT NULL
);
CREATE TABLE account_passkey (
  id TEXT PRIMARY KEY,
  account TEXT NOT NULL,
  public TEXT NOT NULL,
  counter BIGINT NOT NULL,
  name TEXT NOT NULL,
  made_at BIGINT NOT NULL,
  used_at BIGINT NOT NULL
);
CREATE INDEX account_passkey_account ON account_passkey (account);
CREATE TABLE account_recovery (
  account TEXT NOT NULL,
  digest TEXT NOT NULL,
  PRIMARY KEY (account, digest)
);
CREATE TABLE account_login (
  digest TEXT PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  account TEXT NOT NULL,
  how TEXT NOT NULL,
  made_at BIGINT NOT NULL,
  seen_at BIGINT NOT NULL,
  proved_at BIGINT NOT NULL,
  address TEXT NOT NULL,
  device TEXT NOT NULL
);
CREATE INDEX account_login_account ON account_login (account, made_at);
CREATE INDEX account_login_made ON account_login (made_at);
CREATE TABLE account_link (
  digest TEXT PRIMARY KEY,
  account TEXT NOT NULL UNIQUE,
  expires_at BIGINT NOT NULL
);
CREATE TABLE account_pending (
  digest TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  account TEXT NOT NULL,
  data TEXT NOT NULL,
  tries BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX account_pending_expires ON account_pending (expires_at);
CREATE TABLE account_try (
  name TEXT PRIMARY KEY,
  failures BIGINT NOT NULL,
  last_at BIGINT NOT NULL,
  until BIGINT NOT NULL
);
CREATE INDEX account_try_last ON account_try (last_at);
