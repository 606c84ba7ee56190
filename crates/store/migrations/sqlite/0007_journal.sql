-- Which of the journal's frames are in these tables (src/journal.rs); SQLite alone has a journal in front of it.
-- One row. `id` stands in each frame, so that a journal is never taken for that of another file.
CREATE TABLE journal (
    id BLOB NOT NULL,
    applied INTEGER NOT NULL
) STRICT;
INSERT INTO journal (id, applied) VALUES (randomblob(16), 0);
