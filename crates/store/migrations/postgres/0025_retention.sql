-- When a visit's personal data was erased, and how far back everything of an account is erased already, so that a run
-- begins where the last one ended. The row of the visit itself stays: leases and calls point to it, and reports count it.
ALTER TABLE visits ADD COLUMN erased_at BIGINT;

CREATE TABLE retention_progress (
    account UUID NOT NULL REFERENCES accounts (id),
    visits_through BIGINT NOT NULL,
    PRIMARY KEY (account)
);
