-- Whether an account's numbers are what they were, without reading them: the count of changes to them. An account
-- whose numbers never changed since this was made has no row. The PostgreSQL twin of this file has the same table.

CREATE TABLE number_changes (
    account BLOB NOT NULL,
    mark INTEGER NOT NULL,
    PRIMARY KEY (account)
) STRICT;

CREATE TRIGGER tracking_number_added AFTER INSERT ON tracking_numbers BEGIN
    INSERT INTO number_changes VALUES (NEW.account, 1) ON CONFLICT DO UPDATE SET mark = mark + 1;
END;

CREATE TRIGGER tracking_number_changed AFTER UPDATE ON tracking_numbers BEGIN
    INSERT INTO number_changes VALUES (NEW.account, 1) ON CONFLICT DO UPDATE SET mark = mark + 1;
END;

CREATE TRIGGER tracking_number_removed AFTER DELETE ON tracking_numbers BEGIN
    INSERT INTO number_changes VALUES (OLD.account, 1) ON CONFLICT DO UPDATE SET mark = mark + 1;
END;
