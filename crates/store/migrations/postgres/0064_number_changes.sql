-- Whether an account's numbers are what they were, without reading them: the transaction that changed one last. An
-- account whose numbers never changed since this was made has no row. The SQLite twin of this file has the same table.

CREATE TABLE number_changes (
    account UUID NOT NULL,
    mark BIGINT NOT NULL,
    PRIMARY KEY (account)
);

-- A transaction that changes ten thousand numbers writes one row once: a row that it wrote before is left alone.
CREATE FUNCTION note_number_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO number_changes VALUES
        (CASE WHEN TG_OP = 'DELETE' THEN OLD.account ELSE NEW.account END, pg_current_xact_id()::text::bigint)
    ON CONFLICT (account) DO UPDATE SET mark = excluded.mark WHERE number_changes.mark <> excluded.mark;
    RETURN NULL;
END
$$;

CREATE TRIGGER tracking_number_changed AFTER INSERT OR UPDATE OR DELETE ON tracking_numbers
    FOR EACH ROW EXECUTE FUNCTION note_number_change();
