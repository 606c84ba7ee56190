-- Minutes of calls to telephone numbers: how many an account may dial within an hour, how many it did, and what holds its
-- dialling.

-- Without a row the server's own limit holds.
CREATE TABLE dialling_limits (
    account BLOB NOT NULL REFERENCES accounts (id),
    minutes_per_hour INTEGER NOT NULL,
    PRIMARY KEY (account)
) STRICT;

-- What each run of a server has dialled in each minute of the clock; kept for two hours.
CREATE TABLE dialled_minutes (
    account BLOB NOT NULL REFERENCES accounts (id),
    writer BLOB NOT NULL,
    minute INTEGER NOT NULL,
    minutes INTEGER NOT NULL,
    PRIMARY KEY (account, writer, minute)
) STRICT, WITHOUT ROWID;
CREATE INDEX dialled_minutes_minute ON dialled_minutes (minute);

-- While a hold has no end, the account dials no telephone number.
CREATE TABLE dialling_holds (
    account BLOB NOT NULL REFERENCES accounts (id),
    placed_at INTEGER NOT NULL,
    ended_at INTEGER,
    minutes INTEGER NOT NULL,
    minutes_per_hour INTEGER NOT NULL,
    PRIMARY KEY (account, placed_at)
) STRICT;
CREATE UNIQUE INDEX dialling_holds_live ON dialling_holds (account) WHERE ended_at IS NULL;
