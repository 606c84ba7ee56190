-- What somebody or a program said of a call: what came of it, its value in the smallest unit of the account's currency,
-- tags (each between commas: ',quote,vip,') and a note. `started_at` is the call's, so that reports read one index.
CREATE TABLE call_worths (
    account BLOB NOT NULL REFERENCES accounts (id),
    call BLOB NOT NULL,
    started_at INTEGER NOT NULL,
    lead TEXT,
    value INTEGER,
    tags TEXT NOT NULL,
    note TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (account, call)
) STRICT, WITHOUT ROWID;
CREATE INDEX call_worths_started ON call_worths (account, started_at);
