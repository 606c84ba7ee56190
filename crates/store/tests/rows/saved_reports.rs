//! Reports that are kept under a name.

use ringfence_model::{AccountId, ReportQuestion, SavedReport, SavedReportId};
use ringfence_store::StoreError;

use crate::world::{START, World, at, on_both_engines};

on_both_engines! {
    a_report_is_kept_renamed_and_removed
    no_two_reports_of_an_account_have_one_name
    another_account_neither_sees_nor_changes_a_report
}

fn report(world: &World, account: AccountId, name: &str) -> SavedReport {
    let query = "by=weekday&and=hour&span=last_7_days&outcome=missed&source=Google+Ads";
    SavedReport {
        id: SavedReportId::new(START, world.draw()),
        account,
        name: name.into(),
        question: ReportQuestion::parse(query).unwrap(),
        made_by: "ada@example.com".into(),
        created_at: at(5),
    }
}

async fn a_report_is_kept_renamed_and_removed(world: World) {
    let (db, account) = (&world.db, world.account().await);
    let mut missed = report(&world, account, "Missed by hour");
    let mut all = report(&world, account, "All sources");
    all.question = ReportQuestion::default();
    db.add_saved_report(&missed).await.unwrap();
    db.add_saved_report(&all).await.unwrap();
    let kept = db.saved_reports(account).await.unwrap();
    assert_eq!(kept, [all.clone(), missed.clone()], "by name");
    let one = db.saved_report(account, missed.id).await.unwrap();
    assert_eq!(one.as_ref(), Some(&missed));
    let renamed = db.rename_saved_report(account, missed.id, "A missed hour");
    assert!(renamed.await.unwrap());
    missed.name = "A missed hour".into();
    let kept = db.saved_reports(account).await.unwrap();
    assert_eq!(kept, [missed.clone(), all.clone()]);
    assert!(db.remove_saved_report(account, all.id).await.unwrap());
    assert!(!db.remove_saved_report(account, all.id).await.unwrap());
    let renamed = db.rename_saved_report(account, all.id, "Gone");
    assert!(!renamed.await.unwrap());
    assert_eq!(db.saved_reports(account).await.unwrap(), [missed]);
    assert_eq!(db.saved_report(account, all.id).await.unwrap(), None);
}

async fn no_two_reports_of_an_account_have_one_name(world: World) {
    let (db, account) = (&world.db, world.account().await);
    let (first, second) = (
        report(&world, account, "Weekly"),
        report(&world, account, "Weekly"),
    );
    db.add_saved_report(&first).await.unwrap();
    let added = db.add_saved_report(&second).await;
    assert!(matches!(added, Err(StoreError::Taken(_))), "{added:?}");
    let other = report(&world, account, "Monthly");
    db.add_saved_report(&other).await.unwrap();
    let renamed = db.rename_saved_report(account, other.id, "Weekly").await;
    assert!(matches!(renamed, Err(StoreError::Taken(_))), "{renamed:?}");
    let elsewhere = report(&world, world.account().await, "Weekly");
    db.add_saved_report(&elsewhere).await.unwrap();
    assert_eq!(db.saved_reports(account).await.unwrap(), [other, first]);
    let nowhere = report(&world, AccountId::new(START, world.draw()), "Weekly");
    let added = db.add_saved_report(&nowhere).await;
    assert!(
        matches!(added, Err(StoreError::MissingParent(_))),
        "{added:?}"
    );
}

async fn another_account_neither_sees_nor_changes_a_report(world: World) {
    let (db, account, eve) = (&world.db, world.account().await, world.account().await);
    let ours = report(&world, account, "Ours");
    db.add_saved_report(&ours).await.unwrap();
    assert_eq!(db.saved_reports(eve).await.unwrap(), []);
    assert_eq!(db.saved_report(eve, ours.id).await.unwrap(), None);
    let renamed = db.rename_saved_report(eve, ours.id, "Eve's");
    assert!(!renamed.await.unwrap());
    assert!(!db.remove_saved_report(eve, ours.id).await.unwrap());
    assert_eq!(db.saved_reports(account).await.unwrap(), [ours]);
}
