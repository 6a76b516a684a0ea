-- version 1
CREATE TABLE alert (
    id TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    subject TEXT NOT NULL,
    severity BIGINT NOT NULL,
    peak BIGINT NOT NULL,
    state TEXT NOT NULL,
    stage BIGINT NOT NULL,
    verdict TEXT NOT NULL,
    version BIGINT NOT NULL,
    opened_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    observed_at BIGINT NOT NULL,
    content TEXT NOT NULL
);
CREATE INDEX alert_by_subject ON alert (subject, state);
CREATE INDEX alert_by_state ON alert (state, verdict, severity, observed_at);
CREATE TABLE alert_event (
    alert_id TEXT NOT NULL,
    key TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    stage BIGINT NOT NULL,
    severity BIGINT NOT NULL,
    observed_at BIGINT NOT NULL,
    at BIGINT NOT NULL,
    content TEXT NOT NULL
);
CREATE INDEX alert_event_by_alert ON alert_event (alert_id, at);
CREATE TABLE alert_decision (
    id TEXT PRIMARY KEY,
    alert_id TEXT NOT NULL,
    stage BIGINT NOT NULL,
    severity BIGINT NOT NULL,
    verdict TEXT NOT NULL,
    reason TEXT NOT NULL,
    who TEXT NOT NULL,
    at BIGINT NOT NULL,
    content TEXT NOT NULL,
    steps TEXT NOT NULL,
    UNIQUE (alert_id, stage)
);
CREATE INDEX alert_decision_by_time ON alert_decision (at);
-- version 2
ALTER TABLE alert_decision ADD COLUMN makers TEXT NOT NULL DEFAULT '[]';
CREATE INDEX alert_decision_by_newest ON alert_decision (at, id);
