//! What can go wrong with rows, told apart by what the caller should do about it.

use ringfence_model::E164;
use rusqlite::ffi;
use sqlx::error::{DatabaseError, ErrorKind};

/// Why rows could not be read or written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The URL names no database.
    #[error(
        "expected a database URL such as `sqlite:ringfence.db` or `postgres://user@host/name`, got {0:?}"
    )]
    BadUrl(String),
    /// The tracking number is owned already, by this account or another.
    #[error("expected a tracking number that nobody owns yet, {0} is owned already")]
    NumberTaken(E164),
    /// Another unique value is taken: a user's e-mail, a site's key, a row's own identifier, ….
    #[error("expected a value that is not in use, but {0} is taken")]
    Taken(String),
    /// A tracking number has another lease at that time: what gave this one out did not know of it.
    #[error(
        "expected a tracking number without a lease at that time, but it has one; nothing was written"
    )]
    NumberLeased,
    /// What is to be changed was changed by somebody else since it was read.
    #[error(
        "expected what was read to be there still, but somebody changed it meanwhile; read it again"
    )]
    Overtaken,
    /// A row points to one that does not exist in its account.
    #[error("expected an identifier of the same account, but {0}")]
    MissingParent(String),
    /// The database is gone, locked or shutting down; the same call may work later.
    #[error("expected the database to answer, but {0}; check that it runs and try again")]
    Unavailable(String),
    /// Nothing more can be written until somebody makes room.
    #[error(
        "expected room for rows, but the database's disk is full; free some space, nothing was written"
    )]
    DiskFull,
    /// A row holds what this version cannot read.
    #[error(
        "expected {expected} in column `{column}`, got {found:?}; was it written by a newer version?"
    )]
    BadRow {
        /// The column.
        column: String,
        /// What would have been right.
        expected: &'static str,
        /// What the row holds, at most 64 characters.
        found: String,
    },
    /// The tables could not be brought to this version.
    #[error("expected to bring the tables to this version, but {0}")]
    Migration(String),
    /// The journal in front of SQLite cannot be read, or does not belong to these tables.
    #[error(
        "expected the journal beside the SQLite file to continue its tables, but {0}; \
         put back the file that it belongs to, or move the journal's two files away to go on without what only they have"
    )]
    Journal(String),
    /// The database refused a statement: a mistake of ours.
    #[error("the database refused a statement: {0}")]
    Refused(String),
}

impl StoreError {
    /// The same call may succeed later without anybody changing it.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::DiskFull)
    }
}

/// What a failure of the driver means to a caller.
impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => match database.kind() {
                ErrorKind::UniqueViolation => taken(database.as_ref()),
                ErrorKind::ForeignKeyViolation => Self::MissingParent(
                    database
                        .constraint()
                        .map_or_else(|| database.message().to_owned(), str::to_owned),
                ),
                _ => refused(database.as_ref()),
            },
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error.to_string()),
            _ => Self::Refused(error.to_string()),
        }
    }
}

/// What a failure of the connection that writes to SQLite means to a caller.
impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let rusqlite::Error::SqliteFailure(code, message) = &error else {
            return Self::Refused(error.to_string());
        };
        let message = message.clone().unwrap_or_else(|| error.to_string());
        match code.extended_code {
            ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY => {
                Self::Taken(last_part(&message))
            }
            ffi::SQLITE_CONSTRAINT_FOREIGNKEY => Self::MissingParent(message),
            code => by_code(&code.to_string(), message),
        }
    }
}

/// Whatever keeps a database from opening is worth another try, but for a full disk.
pub(crate) fn open_error(error: impl Into<StoreError>) -> StoreError {
    match error.into() {
        StoreError::Refused(why) => StoreError::Unavailable(why),
        other => other,
    }
}

/// Names the unique value as `table.column` on both engines: SQLite says `UNIQUE constraint failed: table.column, …`,
/// PostgreSQL names the index, which our migrations call `table_column`.
fn taken(database: &dyn DatabaseError) -> StoreError {
    let name = match (database.table(), database.constraint()) {
        (Some(table), Some(index)) => {
            let column = index.strip_prefix(table).unwrap_or(index);
            format!("{table}.{}", column.trim_start_matches('_'))
        }
        _ => last_part(database.message()),
    };
    StoreError::Taken(name)
}

fn last_part(message: &str) -> String {
    message.rsplit(": ").next().unwrap_or_default().to_owned()
}

fn refused(database: &dyn DatabaseError) -> StoreError {
    by_code(&database.code().unwrap_or_default(), database.to_string())
}

/// PostgreSQL's codes have five characters (<https://www.postgresql.org/docs/current/errcodes-appendix.html>), SQLite's
/// are numbers below 10,000 with the primary result code (<https://www.sqlite.org/rescode.html>) in the low octet.
fn by_code(code: &str, message: String) -> StoreError {
    if code.len() < 5
        && let Ok(code) = code.parse::<u32>()
    {
        return match code & 0xff {
            SQLITE_FULL => StoreError::DiskFull,
            SQLITE_BUSY | SQLITE_LOCKED | SQLITE_IOERR | SQLITE_CANTOPEN | SQLITE_READONLY
            | SQLITE_PROTOCOL => StoreError::Unavailable(message),
            _ => StoreError::Refused(message),
        };
    }
    match code {
        "53100" => StoreError::DiskFull,
        // read only; serialization failure; deadlock; lock not available
        "25006" | "40001" | "40P01" | "55P03" => StoreError::Unavailable(message),
        // connection exception; no such database; insufficient resources; shutting down or starting up; system error
        code if ["08", "3D", "53", "57", "58"]
            .iter()
            .any(|class| code.starts_with(class)) =>
        {
            StoreError::Unavailable(message)
        }
        _ => StoreError::Refused(message),
    }
}

const SQLITE_BUSY: u32 = 5;
const SQLITE_LOCKED: u32 = 6;
const SQLITE_READONLY: u32 = 8;
const SQLITE_IOERR: u32 = 10;
const SQLITE_FULL: u32 = 13;
const SQLITE_CANTOPEN: u32 = 14;
const SQLITE_PROTOCOL: u32 = 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_by_itself_is_told_from_what_does_not() {
        // SQLITE_BUSY, SQLITE_BUSY_SNAPSHOT, SQLITE_IOERR_WRITE, admin_shutdown, deadlock_detected
        for code in ["5", "517", "778", "57P01", "40P01"] {
            assert!(
                matches!(by_code(code, String::new()), StoreError::Unavailable(_)),
                "{code}"
            );
        }
        for code in ["13", "53100"] {
            assert!(matches!(by_code(code, String::new()), StoreError::DiskFull));
        }
        // SQLITE_ERROR, SQLITE_CORRUPT, syntax_error, undefined_table
        for code in ["1", "11", "42601", "42P01", ""] {
            assert!(
                matches!(by_code(code, String::new()), StoreError::Refused(_)),
                "{code}"
            );
        }
    }
}
