-- Reports that are kept under a name: what is asked is the query string of the page Reports.
CREATE TABLE saved_reports (
    id UUID NOT NULL,
    account UUID NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    question TEXT NOT NULL,
    made_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account, id)
);
CREATE UNIQUE INDEX saved_reports_name ON saved_reports (account, name);
