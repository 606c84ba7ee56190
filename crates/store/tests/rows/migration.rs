//! Tables are brought to this version, once.

use ringfence_model::Account;
use ringfence_store::{Db, StoreError};
use ringfence_testing::Engine;
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use crate::world::{World, on_both_engines};

on_both_engines! {
    an_empty_database_gets_its_tables
    migrating_again_changes_nothing
    tables_of_a_newer_version_are_left_alone
}

// Every other test begins with a copy of tables that were made before.
async fn an_empty_database_gets_its_tables(world: World) {
    let engine = match world.db.engine_name() {
        "SQLite" => Engine::Sqlite,
        _ => Engine::Postgres,
    };
    let empty = engine.database().await;
    let db = Db::open(empty.url()).await.unwrap();
    let no_table = db.accounts().await;
    assert!(no_table.is_err(), "{no_table:?}");
    db.migrate().await.unwrap();
    assert_eq!(db.accounts().await.unwrap(), Vec::<Account>::new());
    db.close().await;
}

async fn migrating_again_changes_nothing(world: World) {
    let tenant = world.tenant(1).await;
    world.db.migrate().await.unwrap();
    let again = Db::open(world.database.url()).await.unwrap();
    again.migrate().await.unwrap();
    assert_eq!(again.sites(tenant.account).await.unwrap(), [tenant.site]);
    again.close().await;
}

// The checksum's octets are text to one engine and a blob to the other.
const FUTURE: &str = "INSERT INTO _sqlx_migrations \
    (version, description, success, checksum, execution_time) VALUES (9999, 'later', TRUE, ";

async fn tables_of_a_newer_version_are_left_alone(world: World) {
    let url = world.database.url();
    if url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(url).await.unwrap();
        let sql = format!("{FUTURE} x'00', 0)");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&mut connection)
            .await
            .unwrap();
    } else {
        let mut connection = PgConnection::connect(url).await.unwrap();
        let sql = format!("{FUTURE} '\\x00', 0)");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&mut connection)
            .await
            .unwrap();
    }
    let result = world.db.migrate().await;
    assert!(
        matches!(&result, Err(StoreError::Migration(why)) if why.contains("9999")),
        "{result:?}"
    );
}
