-- version 1
-- Every command that was asked for, also the refused ones, with the reason of the decision in two languages.
CREATE TABLE command (
  number BIGINT PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  device TEXT NOT NULL,
  name TEXT NOT NULL,
  arguments TEXT NOT NULL,
  level BIGINT NOT NULL,
  reason TEXT NOT NULL,
  actor TEXT NOT NULL,
  purpose TEXT NOT NULL,
  cause TEXT NOT NULL,
  state TEXT NOT NULL,
  detail_ja TEXT NOT NULL,
  detail_en TEXT NOT NULL,
  asked_at BIGINT NOT NULL,
  ended_at BIGINT
);
CREATE INDEX command_device ON command (device, number);
CREATE INDEX command_state ON command (state);
