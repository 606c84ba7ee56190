//! The tables of each version, in order. A migration that was released never changes; a new one is added.

use sqlx::ConnectOptions as _;
use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use crate::{Db, StoreError};

const SQLITE: &[(&str, &str)] = &[("rows", include_str!("../migrations/sqlite/0001_rows.sql"))];
const POSTGRES: &[(&str, &str)] = &[("rows", include_str!("../migrations/postgres/0001_rows.sql"))];

pub(crate) async fn run(db: &Db) -> Result<(), StoreError> {
    match db {
        Db::Sqlite(sqlite) => {
            let mut connection = sqlite.options.connect().await?;
            migrator(SQLITE).run(&mut connection).await
        }
        Db::Postgres(postgres) => migrator(POSTGRES).run(&postgres.readers).await,
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
