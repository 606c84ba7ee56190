//! The two engines behind one handle.

use crate::StoreError;

/// A database; clones share its connections and its writer.
#[derive(Debug, Clone)]
pub enum Db {
    /// A file on this machine.
    Sqlite(Sqlite),
    /// A server.
    Postgres(Postgres),
}

/// The embedded engine.
#[derive(Debug, Clone)]
pub struct Sqlite {}

/// The server engine.
#[derive(Debug, Clone)]
pub struct Postgres {}

impl Db {
    /// Opens `sqlite:PATH` (made when it does not exist) or `postgres://…`. Tables are made by [`Db::migrate`].
    ///
    /// # Errors
    /// [`StoreError::BadUrl`], or [`StoreError::Unavailable`] when nothing answers there.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        todo!()
    }
    /// Brings the tables to this version; does nothing when they are.
    ///
    /// # Errors
    /// [`StoreError::Migration`] when a migration fails or the tables are of a newer version.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        todo!()
    }
    /// Asks the database whether it is there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it is not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        todo!()
    }
    /// Waits for what is being written, then lets go of every connection.
    pub async fn close(&self) {
        todo!()
    }
    /// `SQLite` or `PostgreSQL`.
    pub fn engine_name(&self) -> &'static str {
        todo!()
    }
}
