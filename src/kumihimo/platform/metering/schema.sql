-- version 1
-- The same tables in every scope: usage is a tenant's, the plan of costs the platform's.
-- day is YYYY-MM-DD and month YYYY-MM of the tenant's time zone; service '' stands for the tenant as a whole.
CREATE TABLE usage_day (
  day TEXT NOT NULL,
  service TEXT NOT NULL,
  measure TEXT NOT NULL,
  amount BIGINT NOT NULL,
  PRIMARY KEY (day, service, measure)
);
-- What is left of days that are no longer kept one by one.
CREATE TABLE usage_month (
  month TEXT NOT NULL,
  service TEXT NOT NULL,
  measure TEXT NOT NULL,
  amount BIGINT NOT NULL,
  PRIMARY KEY (month, service, measure)
);
-- The last batch of each process that counts, so that one whose commit was not heard of is never added twice.
CREATE TABLE usage_writer (
  writer TEXT PRIMARY KEY,
  batch BIGINT NOT NULL,
  at BIGINT NOT NULL
);
CREATE TABLE cost_plan (
  since TEXT PRIMARY KEY,
  cost BIGINT NOT NULL,
  weights TEXT NOT NULL
);
