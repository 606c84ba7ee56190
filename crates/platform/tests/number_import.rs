//! `number import` against a real database: all or nothing.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop at once"
)]

use ringfence_model::{Account, AccountId, NumberState, Pool, PoolId, Timestamp};
use ringfence_platform::number_import::{ImportError, import_numbers};
use ringfence_store::Db;
use ringfence_testing::{Engine, on_both_engines};

const NOW: Timestamp = Timestamp::from_micros(1_795_000_000_000_000);

async fn account_with_pool(db: &Db) -> Account {
    let account = Account {
        id: AccountId::new(NOW, 1),
        name: "Example".into(),
        country: "GB".into(),
        time_zone: "Europe/London".into(),
        money: None,
        created_at: NOW,
    };
    db.add_account(&account).await.expect("a new account");
    let pool = Pool {
        id: PoolId::new(NOW, 2),
        account: account.id,
        name: "web".into(),
        hold: std::time::Duration::from_mins(1),
        overflow: None,
        quarantine: Pool::QUARANTINE,
    };
    db.add_pool(&pool).await.expect("a new pool");
    account
}

on_both_engines!(good_files_are_imported_and_bad_ones_leave_nothing_behind);

async fn good_files_are_imported_and_bad_ones_leave_nothing_behind(engine: Engine) {
    let database = engine.database_with_tables().await;
    let db = Db::open(database.url()).await.unwrap();
    db.migrate().await.unwrap();
    let account = account_with_pool(&db).await;

    let good = "e164,label,pool\n020 7946 0101,Front,web\n+442079460102,,\n";
    assert_eq!(
        import_numbers(&db, &account, good.as_bytes(), NOW)
            .await
            .unwrap(),
        2
    );
    let numbers = db.numbers(account.id).await.unwrap();
    assert_eq!(numbers.len(), 2);
    assert_eq!(
        (numbers[0].label.as_str(), numbers[0].state),
        ("Front", NumberState::Assigned)
    );
    assert_eq!(
        (numbers[1].label.as_str(), numbers[1].state),
        ("+44 20 7946 0102", NumberState::Available)
    );

    let half_bad = "e164\n+442079460103\n+442079460101\nnothing\n";
    let error = import_numbers(&db, &account, half_bad.as_bytes(), NOW)
        .await
        .unwrap_err();
    let ImportError::Lines(lines) = &error else {
        panic!("expected wrong lines, got {error}");
    };
    assert_eq!(lines.iter().map(|bad| bad.line).collect::<Vec<_>>(), [3, 4]);
    assert!(
        error
            .to_string()
            .ends_with("2 lines are wrong; nothing was imported"),
        "{error}"
    );
    assert_eq!(db.numbers(account.id).await.unwrap().len(), 2);

    let none = import_numbers(&db, &account, &b"e164\n"[..], NOW)
        .await
        .unwrap_err();
    assert!(matches!(none, ImportError::Empty));
    db.close().await;
}
