-- What programs asked for under a key of their own choice (`Idempotency-Key`), so that asking again does nothing twice: the
-- same answer is given for a day. The answer is sealed with a key that is not in the database; it is empty while the
-- request is carried out.
CREATE TABLE repeated_requests (
    account BLOB NOT NULL REFERENCES accounts (id),
    api_key BLOB NOT NULL,
    repeat_key TEXT NOT NULL,
    request_hash BLOB NOT NULL,
    begun_at INTEGER NOT NULL,
    status INTEGER,
    answer BLOB,
    PRIMARY KEY (account, api_key, repeat_key)
) STRICT;
CREATE INDEX repeated_requests_begun ON repeated_requests (account, begun_at);
