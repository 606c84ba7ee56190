//! Tables are brought to this version, once.

use ringfence_store::{Db, StoreError};
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use crate::world::{World, on_both_engines};

on_both_engines! {
    migrating_again_changes_nothing
    tables_of_a_newer_version_are_left_alone
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
