-- version 1
-- In the platform's scope: whether a town shows anything is found out in the same time for every name, also one that
-- no town has. kind: kpi or measure; since: the day of before and after (YYYY-MM-DD), '' for none.
CREATE TABLE kpi_public (
  tenant TEXT NOT NULL,
  kind TEXT NOT NULL,
  ref TEXT NOT NULL,
  since TEXT NOT NULL,
  made_at BIGINT NOT NULL,
  made_by TEXT NOT NULL,
  PRIMARY KEY (tenant, kind, ref)
);
-- version 2
-- rests: the KPIs that a measure had targets of when it was chosen, as a JSON array; those of others are not shown.
ALTER TABLE kpi_public ADD COLUMN rests TEXT NOT NULL DEFAULT '[]';
-- version 3
-- revision: that of the measure as it was when it was chosen; what was said before it was kept is chosen anew.
ALTER TABLE kpi_public ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
