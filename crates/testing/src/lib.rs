//! For tests only: an empty database of either engine, which goes away with its [`TestDatabase`].
//!
//! It must not be a dependency of anything that ships, only a dev-dependency.

/// An empty database; dropping it removes it.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
}

impl TestDatabase {
    /// A new SQLite file in a temporary folder.
    ///
    /// # Panics
    /// When no temporary folder can be made.
    pub fn sqlite() -> Self {
        todo!()
    }

    /// A new PostgreSQL database: in the server that `RINGFENCE_TEST_POSTGRES` names (its user must be allowed to
    /// create databases), else in a private throw-away cluster that is started from Debian's binaries.
    ///
    /// # Panics
    /// When neither is possible, saying what to install. A test that needs PostgreSQL fails without it; it is never skipped.
    pub async fn postgres() -> Self {
        todo!()
    }

    /// What `Db::open` takes.
    pub fn url(&self) -> &str {
        &self.url
    }
}
