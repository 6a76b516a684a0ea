-- version 1
-- Who wants to hear. All that is personal stands in `sealed`; account is an account's id, list a staff list's.
CREATE TABLE notice_recipient (
  id TEXT PRIMARY KEY,
  account TEXT NOT NULL,
  list TEXT NOT NULL,
  sealed TEXT NOT NULL
);
CREATE INDEX notice_recipient_account ON notice_recipient (account);
CREATE INDEX notice_recipient_list ON notice_recipient (list);
CREATE TABLE notice_list (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  purpose TEXT NOT NULL,
  topics TEXT NOT NULL,
  made_by TEXT NOT NULL,
  made_at BIGINT NOT NULL
);
-- Marks (keyed digests) of the addresses that left a list by themselves, so that an import does not bring them back.
CREATE TABLE notice_stopped (
  list TEXT NOT NULL,
  mark TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (list, mark)
);
-- What was told, once; handed_at: when the first message about it was handed over, 0 before.
CREATE TABLE notice_told (
  id TEXT PRIMARY KEY,
  body TEXT NOT NULL,
  taken_at BIGINT NOT NULL,
  until BIGINT NOT NULL,
  handed_at BIGINT NOT NULL
);
-- One row for each message; state: waiting, sent, dropped. due moves on while somebody sends it.
CREATE TABLE notice_outbox (
  id TEXT PRIMARY KEY,
  notice TEXT NOT NULL,
  recipient TEXT NOT NULL,
  channel TEXT NOT NULL,
  browser TEXT NOT NULL,
  due BIGINT NOT NULL,
  tries BIGINT NOT NULL,
  made_at BIGINT NOT NULL,
  state TEXT NOT NULL,
  why TEXT NOT NULL,
  done_at BIGINT NOT NULL
);
CREATE INDEX notice_outbox_due ON notice_outbox (state, channel, due);
CREATE INDEX notice_outbox_recipient ON notice_outbox (recipient, made_at);
-- In the platform's scope: the key by which push services know us, and the one of the marks; both sealed.
CREATE TABLE notice_key (
  name TEXT PRIMARY KEY,
  sealed TEXT NOT NULL
);
-- version 2
-- How many a notice was put on its way to is asked by its id.
CREATE INDEX notice_outbox_notice ON notice_outbox (notice);
