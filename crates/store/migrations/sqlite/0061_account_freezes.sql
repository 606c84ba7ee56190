-- While a freeze has no end, the account's numbers are out of service and its people change nothing. It ends with its case.
CREATE TABLE account_freezes (
    account BLOB NOT NULL,
    case_id BLOB NOT NULL,
    placed_at INTEGER NOT NULL,
    ended_at INTEGER,
    PRIMARY KEY (account, case_id),
    FOREIGN KEY (account, case_id) REFERENCES cases (account, id)
) STRICT;
