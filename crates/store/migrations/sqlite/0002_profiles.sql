-- What balancing knows of targets and groups beyond their names, where a trunk takes calls, and which numbers may be
-- dialled. The PostgreSQL twin of this file has the same tables and columns. Documents are JSON text.

CREATE TABLE target_profiles (
    account BLOB NOT NULL,
    target BLOB NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (account, target),
    FOREIGN KEY (account, target) REFERENCES targets (account, id)
) STRICT;

CREATE TABLE target_group_profiles (
    account BLOB NOT NULL,
    target_group BLOB NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (account, target_group),
    FOREIGN KEY (account, target_group) REFERENCES target_groups (account, id)
) STRICT;

CREATE TABLE trunk_routes (
    account BLOB NOT NULL,
    trunk BLOB NOT NULL,
    send_to TEXT NOT NULL,
    PRIMARY KEY (account, trunk),
    FOREIGN KEY (account, trunk) REFERENCES trunks (account, id)
) STRICT;

CREATE TABLE dialling (
    account BLOB NOT NULL REFERENCES accounts (id),
    document TEXT NOT NULL,
    PRIMARY KEY (account)
) STRICT;
