//! What a test gets when it asks for a database.

use ringfence_testing::TestDatabase;
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
