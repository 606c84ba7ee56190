//! What a test gets when it asks for a database.

use ringfence_model::{Account, AccountId, Timestamp};
use ringfence_store::Db;
use ringfence_testing::{Engine, TestDatabase};
use sqlx::{Connection as _, PgConnection};

#[tokio::test]
async fn a_postgresql_database_is_there_until_it_is_dropped() {
    let database = TestDatabase::postgres().await;
    let other = TestDatabase::postgres().await;
    assert_ne!(database.url(), other.url());
    let connection = PgConnection::connect(database.url()).await.unwrap();
    connection.close().await.unwrap();

    let url = database.url().to_owned();
    drop(database);
    assert!(PgConnection::connect(&url).await.is_err());
}

#[test]
fn a_sqlite_file_has_a_folder_until_it_is_dropped() {
    let database = TestDatabase::sqlite();
    let path = database.url().strip_prefix("sqlite:").unwrap().to_owned();
    let folder = std::path::Path::new(&path).parent().unwrap().to_owned();
    assert!(folder.is_dir());
    drop(database);
    assert!(!folder.exists());
}

#[tokio::test]
async fn a_database_with_tables_has_them_and_is_nobody_elses() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let (one, other) = (
            engine.database_with_tables().await,
            engine.database_with_tables().await,
        );
        let (ours, others) = (
            Db::open(one.url()).await.unwrap(),
            Db::open(other.url()).await.unwrap(),
        );
        // Without a migration.
        assert_eq!(ours.accounts().await.unwrap(), []);
        ours.add_account(&Account {
            id: AccountId::new(Timestamp::from_micros(0), 1),
            name: "Example Ltd".into(),
            country: "GB".into(),
            time_zone: "Europe/London".into(),
            money: None,
            created_at: Timestamp::from_micros(0),
        })
        .await
        .unwrap();
        assert_eq!(ours.accounts().await.unwrap().len(), 1);
        assert_eq!(others.accounts().await.unwrap(), []);
        ours.close().await;
        others.close().await;
    }
}
