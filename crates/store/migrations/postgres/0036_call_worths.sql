-- What somebody or a program said of a call: what came of it, its value in the smallest unit of the account's currency,
-- tags (each between commas: ',quote,vip,') and a note. `started_at` is the call's, so that reports read one index.
CREATE TABLE call_worths (
    account UUID NOT NULL REFERENCES accounts (id),
    call UUID NOT NULL,
    started_at BIGINT NOT NULL,
    lead TEXT,
    value BIGINT,
    tags TEXT NOT NULL,
    note TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (account, call)
);
CREATE INDEX call_worths_started ON call_worths (account, started_at);
