-- When and why what a call and a recording told of people was erased; `erased_by` is 'retention' or 'request'. Both rows
-- stay, for reports count them. A recording is 'erasing' from then on until its file is gone, and 'erased' after that, so
-- that whoever is stopped between the two is followed by somebody who goes on.
ALTER TABLE calls ADD COLUMN erased_at BIGINT;
ALTER TABLE calls ADD COLUMN erased_by TEXT;
ALTER TABLE recordings ADD COLUMN erased_at BIGINT;
ALTER TABLE recordings ADD COLUMN erased_by TEXT;
CREATE INDEX recordings_erasing ON recordings (account, started_at, id) WHERE state = 'erasing';

-- Before which start everything of a kind ('calls', 'recordings') is erased already.
CREATE TABLE erasure_progress (
    account UUID NOT NULL REFERENCES accounts (id),
    kind TEXT NOT NULL,
    through BIGINT NOT NULL,
    PRIMARY KEY (account, kind)
);
