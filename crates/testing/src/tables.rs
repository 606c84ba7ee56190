//! A database with the newest tables, made once and then copied: more than a thousand tests want one, and migrating is
//! most of what many of them would do.

use std::fs::File;
use std::path::{Path, PathBuf};

use ringfence_store::Db;

use crate::cluster::Cluster;
use crate::{TestDatabase, execute};

/// Copies the file with the tables to where `database`, a `SQLite` file that is not there yet, shall lie.
pub(crate) async fn copy_file(database: &TestDatabase) {
    let original = tokio::task::spawn_blocking(original_file)
        .await
        .expect("making the tables does not panic");
    let path = database.url().trim_start_matches("sqlite:");
    std::fs::copy(original, path).expect("the tables can be copied");
}

/// The file that is copied: beside the tests' programs, so that it goes away with them.
fn original_file() -> PathBuf {
    let program = std::env::current_exe().expect("a test is a program");
    let folder = program.parent().expect("a program lies in a folder");
    let path = folder.join(format!("tables-{:08x}.db", Db::tables_checksum()));
    if path.exists() {
        return path;
    }
    let lock = File::create(folder.join("tables.lock")).expect("the programs' folder is writable");
    lock.lock().expect("a file can be locked");
    if !path.exists() {
        make_file(&path);
    }
    path
}

/// Makes the file whole before it gets its name, for others do not ask for the lock once it has it.
fn make_file(path: &Path) {
    let folder = tempfile::tempdir_in(path.parent().expect("a file lies in a folder"))
        .expect("the programs' folder is writable");
    let new = folder.path().join("rows.db");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    runtime.block_on(migrate(&format!("sqlite:{}", new.display())));
    std::fs::rename(new, path).expect("a file can be moved within its folder");
}

/// Makes `name` in the shared cluster, a copy of its database with the tables; that is made first where it is missing.
pub(crate) async fn copy_database(cluster: &Cluster, name: &str) -> Result<(), sqlx::Error> {
    let original = format!("ringfence_tables_{:08x}", Db::tables_checksum());
    let administration = cluster.url("postgres");
    let copy = format!("CREATE DATABASE {name} TEMPLATE {original}");
    let made = execute(&administration, &copy).await;
    if !made.as_ref().is_err_and(is_missing) {
        return made;
    }
    let _lock = cluster
        .lock_tables()
        .unwrap_or_else(|error| panic!("{error}"));
    // Another test may have made it meanwhile.
    let made = execute(&administration, &copy).await;
    if !made.as_ref().is_err_and(is_missing) {
        return made;
    }
    let unfinished = format!("{original}_unfinished");
    let begin = format!("DROP DATABASE IF EXISTS {unfinished} WITH (FORCE)");
    execute(&administration, &begin).await?;
    execute(&administration, &format!("CREATE DATABASE {unfinished}")).await?;
    migrate(&cluster.url(&unfinished)).await;
    let finish = format!("ALTER DATABASE {unfinished} RENAME TO {original}");
    execute(&administration, &finish).await?;
    execute(&administration, &copy).await
}

/// Whether a database that was named is not there (SQLSTATE 3D000).
fn is_missing(error: &sqlx::Error) -> bool {
    let said = error.as_database_error();
    said.is_some_and(|said| said.code().as_deref() == Some("3D000"))
}

async fn migrate(url: &str) {
    let db = Db::open(url).await.expect("a new database opens");
    db.migrate().await.expect("an empty database is migrated");
    db.close().await;
}
