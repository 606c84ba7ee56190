-- While a freeze has no end, the account's numbers are out of service and its people change nothing. It ends with its case.
CREATE TABLE account_freezes (
    account UUID NOT NULL,
    case_id UUID NOT NULL,
    placed_at BIGINT NOT NULL,
    ended_at BIGINT,
    PRIMARY KEY (account, case_id),
    FOREIGN KEY (account, case_id) REFERENCES cases (account, id)
);
