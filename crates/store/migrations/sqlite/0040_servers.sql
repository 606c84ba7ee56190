-- Runs of the program that take calls over these rows, a row for each start. `place` is the data folder that it runs from,
-- `key_mark` tells master keys apart and gives nothing of them away; `leases` says where its pool leases are kept: `own`, in
-- its memory, or `shared`. Who stopped, or was given up by another, has left calls
-- open perhaps: `closer` closes them.
CREATE TABLE servers (
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    place BLOB NOT NULL,
    key_mark TEXT NOT NULL,
    leases TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    stopped_at INTEGER,
    closer BLOB,
    closed_at INTEGER,
    PRIMARY KEY (id)
) STRICT;
CREATE INDEX servers_name ON servers (name);
CREATE INDEX servers_unclosed ON servers (started_at) WHERE closed_at IS NULL;

-- The server that took a call; none of those that came before this version.
ALTER TABLE calls ADD COLUMN server BLOB;
