-- version 1
CREATE TABLE webhook (
  name TEXT PRIMARY KEY,
  token TEXT NOT NULL
);
CREATE TABLE webhook_message (
  seq BIGINT PRIMARY KEY,
  at BIGINT NOT NULL,
  headers TEXT NOT NULL,
  body TEXT NOT NULL
);
