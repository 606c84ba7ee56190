//! The tables of each version, in order. A migration that was released never changes; a new one is added.

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use crate::StoreError;
use crate::commit::WriterPool;

const SQLITE: &[(&str, &str)] = &[("rows", include_str!("../migrations/sqlite/0001_rows.sql"))];
const POSTGRES: &[(&str, &str)] = &[("rows", include_str!("../migrations/postgres/0001_rows.sql"))];

pub(crate) async fn run(pool: &WriterPool) -> Result<(), StoreError> {
    match pool {
        WriterPool::Sqlite(pool) => migrator(SQLITE).run(pool).await,
        WriterPool::Postgres(pool) => migrator(POSTGRES).run(pool).await,
    }
    .map_err(|error| StoreError::Migration(error.to_string()))
}

fn migrator(texts: &[(&'static str, &'static str)]) -> Migrator {
    let migrations = (1..).zip(texts).map(|(version, (name, sql))| {
        Migration::new(
            version,
            (*name).into(),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    });
    Migrator::with_migrations(migrations.collect())
}
