-- Reports that are kept under a name: what is asked is the query string of the page Reports.
CREATE TABLE saved_reports (
    id BLOB NOT NULL,
    account BLOB NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    question TEXT NOT NULL,
    made_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (account, id)
) STRICT;
CREATE UNIQUE INDEX saved_reports_name ON saved_reports (account, name);
