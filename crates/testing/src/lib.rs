//! For tests only: an empty database of either engine, which goes away with its [`TestDatabase`], a Valkey, and telephones.
//!
//! It must not be a dependency of anything that ships, only a dev-dependency.

pub mod baresip;
mod ports;
pub mod sipp;

mod cluster;
mod mail_server;
mod place;
mod tables;
mod valkey;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _};
use tempfile::TempDir;

use cluster::Cluster;

pub use mail_server::{MailSecurity, TestMailServer};
pub use valkey::TestValkey;

/// Makes two tests of each `async fn(Engine)` that is named: `sqlite::NAME` and `postgres::NAME`.
#[macro_export]
macro_rules! on_both_engines {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $test() {
                    super::$test($crate::Engine::Sqlite).await;
                }
            )+
        }
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $test() {
                    super::$test($crate::Engine::Postgres).await;
                }
            )+
        }
    };
}

/// What a test's rows are kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// A file.
    Sqlite,
    /// A server.
    Postgres,
}

impl Engine {
    /// A new empty database.
    ///
    /// # Panics
    /// As [`TestDatabase::sqlite`] and [`TestDatabase::postgres`] do.
    pub async fn database(self) -> TestDatabase {
        match self {
            Self::Sqlite => TestDatabase::sqlite(),
            Self::Postgres => TestDatabase::postgres().await,
        }
    }

    /// A new database with the newest tables and no rows: a copy of one that is migrated once for all tests, which is
    /// many times faster than migrating each. `Db::migrate` finds nothing to do in it.
    ///
    /// # Panics
    /// As [`Engine::database`] does, or when the tables cannot be made.
    pub async fn database_with_tables(self) -> TestDatabase {
        match self {
            Self::Sqlite => {
                let database = TestDatabase::sqlite();
                tables::copy_file(&database).await;
                database
            }
            Self::Postgres => TestDatabase::on_server(place::quick_folder(), true).await,
        }
    }
}

/// An empty database; dropping it removes it.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Folder {
        _folder: TempDir,
    },
    Server {
        administration: String,
        name: String,
        /// Keeps the throw-away cluster running.
        _cluster: Option<Cluster>,
    },
    Alone(Cluster),
    /// Another handle removes it.
    Borrowed,
}

impl TestDatabase {
    /// A new SQLite file in a temporary folder.
    ///
    /// # Panics
    /// When no temporary folder can be made.
    pub fn sqlite() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("ringfence-test-")
            .tempdir_in(place::quick_folder())
            .expect("a temporary folder is needed");
        let path = folder.path().join("rows.db");
        Self {
            url: format!("sqlite:{}", path.display()),
            place: Place::Folder { _folder: folder },
        }
    }

    /// A new PostgreSQL database: in the server that `RINGFENCE_TEST_POSTGRES` names (its user must be allowed to
    /// create databases), else in a private throw-away cluster that is started from Debian's binaries.
    ///
    /// # Panics
    /// When neither is possible, saying what to install. A test that needs PostgreSQL fails without it; it is never
    /// skipped.
    pub async fn postgres() -> Self {
        Self::on_server(place::quick_folder(), false).await
    }

    /// As [`TestDatabase::postgres`], in the system's temporary folder: for rows that memory may not hold.
    ///
    /// # Panics
    /// As [`TestDatabase::postgres`] does.
    pub async fn postgres_on_disk() -> Self {
        Self::on_server(std::env::temp_dir(), false).await
    }

    async fn on_server(within: PathBuf, with_tables: bool) -> Self {
        let (administration, cluster) = match std::env::var("RINGFENCE_TEST_POSTGRES") {
            Ok(url) if !url.is_empty() => (url, None),
            _ => {
                let cluster = tokio::task::spawn_blocking(move || Cluster::join(&within))
                    .await
                    .expect("starting PostgreSQL does not panic")
                    .unwrap_or_else(|error| panic!("{error}"));
                (cluster.url("postgres"), Some(cluster))
            }
        };
        let name = unused_name();
        let made = match &cluster {
            Some(cluster) if with_tables => tables::copy_database(cluster, &name).await,
            // Nothing but a test's own database is left in somebody's server, not even for a while.
            _ => execute(&administration, &format!("CREATE DATABASE {name}")).await,
        };
        made.unwrap_or_else(|error| {
            panic!("expected to make a test database, but PostgreSQL says: {error}")
        });
        Self {
            url: with_database(&administration, &name),
            place: Place::Server {
                administration,
                name,
                _cluster: cluster,
            },
        }
    }

    /// A new database of a PostgreSQL of its own, which a test may stop and start.
    ///
    /// # Panics
    /// As [`TestDatabase::postgres`] does; `RINGFENCE_TEST_POSTGRES` is of no use here.
    pub async fn postgres_alone() -> Self {
        let name = unused_name();
        let folder = name.clone();
        let cluster = tokio::task::spawn_blocking(move || Cluster::alone(&folder))
            .await
            .expect("starting PostgreSQL does not panic")
            .unwrap_or_else(|error| panic!("{error}"));
        execute(&cluster.url("postgres"), &format!("CREATE DATABASE {name}"))
            .await
            .unwrap_or_else(|error| {
                panic!("expected to make a test database, but PostgreSQL says: {error}")
            });
        Self {
            url: cluster.url(&name),
            place: Place::Alone(cluster),
        }
    }

    /// Ends the server as a crash does.
    ///
    /// # Panics
    /// When it is not [`TestDatabase::postgres_alone`], or cannot be stopped.
    pub fn stop_server(&self) {
        let stopped = self.server().stop();
        stopped.unwrap_or_else(|error| panic!("{error}"));
    }

    /// Starts the server again, and returns when it takes connections.
    ///
    /// # Panics
    /// When it is not [`TestDatabase::postgres_alone`], or cannot be started.
    pub fn start_server(&self) {
        let started = self.server().start();
        started.unwrap_or_else(|error| panic!("{error}"));
    }

    fn server(&self) -> &Cluster {
        match &self.place {
            Place::Alone(cluster) => cluster,
            other => panic!("expected a server of the test's own, got {other:?}"),
        }
    }

    /// Locks a SQLite file as another program may (`BEGIN EXCLUSIVE`), until the lock is released or dropped.
    ///
    /// # Panics
    /// When it is no SQLite file, or cannot be locked within ten seconds.
    pub async fn lock(&self) -> FileLock {
        let options: SqliteConnectOptions = self.url.parse().expect("the URL of a SQLite file");
        let options = options.busy_timeout(Duration::from_secs(10));
        let mut connection = SqliteConnection::connect_with(&options)
            .await
            .expect("the file opens");
        sqlx::raw_sql("BEGIN EXCLUSIVE")
            .execute(&mut connection)
            .await
            .expect("the file can be locked");
        FileLock(connection)
    }

    /// The same database for somebody else; the first handle removes it.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self {
            url: self.url.clone(),
            place: Place::Borrowed,
        }
    }

    /// What `Db::open` takes.
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// A locked SQLite file.
#[derive(Debug)]
pub struct FileLock(SqliteConnection);

impl FileLock {
    /// Lets others write again.
    ///
    /// # Panics
    /// When that is not possible.
    pub async fn release(self) {
        self.0.close().await.expect("the file can be let go of");
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Place::Alone(cluster) = &self.place {
            // A test that failed may have stopped it before; its watcher removes the folder.
            cluster.stop().ok();
        }
        let Place::Server {
            administration,
            name,
            ..
        } = &self.place
        else {
            return;
        };
        let (administration, name) = (administration.clone(), name.clone());
        // A thread of its own, for drop may run inside a runtime, which must not be blocked on itself.
        let removal = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            runtime.block_on(execute(&administration, &sql))
        });
        if let Ok(Err(error)) = removal.join() {
            eprintln!("a test database was left behind: {error}");
        }
    }
}

async fn execute(url: &str, sql: &str) -> Result<(), sqlx::Error> {
    let options: PgConnectOptions = url.parse()?;
    let mut connection = PgConnection::connect_with(&options).await?;
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(&mut connection)
        .await?;
    connection.close().await
}

/// The same server, another database.
fn with_database(url: &str, name: &str) -> String {
    let (address, parameters) = match url.split_once('?') {
        Some((address, parameters)) => (address, format!("?{parameters}")),
        None => (url, String::new()),
    };
    let scheme = address.find("://").map_or(0, |at| at + 3);
    let host_end = address[scheme..]
        .find('/')
        .map_or(address.len(), |at| scheme + at);
    format!("{}/{name}{parameters}", &address[..host_end])
}

fn unused_name() -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let nanoseconds = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    let counter = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!(
        "ringfence_test_{}_{nanoseconds}_{counter}",
        std::process::id()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_of_a_url_is_replaced_and_nothing_else() {
        for (url, expected) in [
            ("postgres://u:p@h:1/a", "postgres://u:p@h:1/b"),
            ("postgres://u@h", "postgres://u@h/b"),
            ("postgres://u@h/a?host=/s/t", "postgres://u@h/b?host=/s/t"),
        ] {
            assert_eq!(with_database(url, "b"), expected);
        }
    }
}
