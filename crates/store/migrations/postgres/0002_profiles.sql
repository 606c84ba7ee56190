-- What balancing knows of targets and groups beyond their names, where a trunk takes calls, and which numbers may be
-- dialled. The SQLite twin of this file has the same tables and columns. Documents are JSON text.

CREATE TABLE target_profiles (
    account UUID NOT NULL,
    target UUID NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (account, target),
    FOREIGN KEY (account, target) REFERENCES targets (account, id)
);

CREATE TABLE target_group_profiles (
    account UUID NOT NULL,
    target_group UUID NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (account, target_group),
    FOREIGN KEY (account, target_group) REFERENCES target_groups (account, id)
);

CREATE TABLE trunk_routes (
    account UUID NOT NULL,
    trunk UUID NOT NULL,
    send_to TEXT NOT NULL,
    PRIMARY KEY (account, trunk),
    FOREIGN KEY (account, trunk) REFERENCES trunks (account, id)
);

CREATE TABLE dialling (
    account UUID NOT NULL REFERENCES accounts (id),
    document TEXT NOT NULL,
    PRIMARY KEY (account)
);
