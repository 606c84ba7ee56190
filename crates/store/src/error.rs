//! What can go wrong with rows, told apart by what the caller should do about it.

use ringfence_model::E164;

/// Why rows could not be read or written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The URL names no database.
    #[error(
        "expected a database URL such as `sqlite:ringfence.db` or `postgres://user@host/name`, got {0:?}"
    )]
    BadUrl(String),
    /// The lease's token was spent before.
    #[error("expected a token that was never spent, got one whose nonce has a lease already")]
    NonceSpent,
    /// The tracking number is owned already, by this account or another.
    #[error("expected a tracking number that nobody owns yet, {0} is owned already")]
    NumberTaken(E164),
    /// Another unique value is taken: a user's e-mail, a site's key, a row's own identifier, ….
    #[error("expected a value that is not in use, but {0} is taken")]
    Taken(String),
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
        column: &'static str,
        /// What would have been right.
        expected: &'static str,
        /// What the row holds, at most 64 characters.
        found: String,
    },
    /// The tables could not be brought to this version.
    #[error("expected to bring the tables to this version, but {0}")]
    Migration(String),
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
