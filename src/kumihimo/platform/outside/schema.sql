-- version 1
CREATE TABLE outside_provider (
  name TEXT PRIMARY KEY,
  settings TEXT NOT NULL,
  secret TEXT NOT NULL,
  active BIGINT NOT NULL,
  made_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE TABLE outside_key (
  id TEXT PRIMARY KEY,
  provider TEXT NOT NULL,
  public TEXT NOT NULL,
  private TEXT NOT NULL,
  made_at BIGINT NOT NULL,
  retired_at BIGINT NOT NULL
);
CREATE INDEX outside_key_provider ON outside_key (provider, made_at);
CREATE TABLE outside_identity (
  provider TEXT NOT NULL,
  subject TEXT NOT NULL,
  account TEXT NOT NULL,
  kept TEXT NOT NULL,
  linked_at BIGINT NOT NULL,
  used_at BIGINT NOT NULL,
  PRIMARY KEY (provider, subject)
);
CREATE INDEX outside_identity_account ON outside_identity (account);
CREATE TABLE outside_login (
  login TEXT PRIMARY KEY,
  account TEXT NOT NULL,
  provider TEXT NOT NULL,
  subject TEXT NOT NULL,
  sid TEXT NOT NULL,
  hint TEXT NOT NULL,
  at BIGINT NOT NULL
);
CREATE INDEX outside_login_subject ON outside_login (provider, subject);
CREATE INDEX outside_login_at ON outside_login (at);
CREATE TABLE outside_once (
  digest TEXT PRIMARY KEY,
  until BIGINT NOT NULL
);
CREATE INDEX outside_once_until ON outside_once (until);
CREATE TABLE outside_names (
  id BIGINT PRIMARY KEY,
  sealed TEXT NOT NULL
);
