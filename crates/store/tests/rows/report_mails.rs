//! Reports that are sent by mail, and each mail.

use ringfence_model::{
    AccountId, DeliveryState, MailId, MailRhythm, MailTimes, OutgoingMail, ReportMail,
    ReportQuestion, SavedReport, SavedReportId,
};
use ringfence_store::{MailResult, StoreError};

use crate::world::{START, World, at, on_both_engines};

on_both_engines! {
    a_report_is_sent_to_users_until_it_is_not
    one_of_two_servers_makes_the_mails_of_a_due_report
    a_mail_is_claimed_by_one_and_written_down
    a_removed_report_takes_its_mails_along
    another_account_neither_sees_nor_changes_a_mail
}

async fn report(world: &World, account: AccountId) -> SavedReport {
    let report = SavedReport {
        id: SavedReportId::new(START, world.draw()),
        account,
        name: "Weekly".into(),
        question: ReportQuestion::default(),
        made_by: "ada@example.com".into(),
        created_at: at(5),
    };
    world.db.add_saved_report(&report).await.unwrap();
    report
}

async fn sent(world: &World, account: AccountId, next: u64) -> ReportMail {
    let mail = ReportMail {
        account,
        report: report(world, account).await.id,
        times: MailTimes {
            rhythm: MailRhythm::Weekly,
            weekday: 4,
            hour: 8,
        },
        to: vec![world.user_id(), world.user_id()],
        next_at: at(next),
    };
    world.db.set_report_mail(&mail).await.unwrap();
    mail
}

fn mails(world: &World, of: &ReportMail, due: u64) -> Vec<OutgoingMail> {
    let mail = |user| OutgoingMail {
        id: MailId::new(START, world.draw()),
        account: of.account,
        report: of.report,
        user,
        due_at: at(due),
        state: DeliveryState::Pending,
        next_at: at(due),
        retry_until: None,
        attempts: 0,
        sent_at: None,
        said: None,
    };
    let mut mails: Vec<OutgoingMail> = of.to.iter().copied().map(mail).collect();
    mails.sort_by_key(|mail| mail.id);
    mails
}

async fn a_report_is_sent_to_users_until_it_is_not(world: World) {
    let (db, account) = (&world.db, world.account().await);
    let mut mail = sent(&world, account, 100).await;
    let known = async || db.report_mail(account, mail.report).await.unwrap();
    assert_eq!(known().await.as_ref(), Some(&mail));
    assert_eq!(db.due_report_mails(at(99), 10).await.unwrap(), []);
    let due = db.due_report_mails(at(100), 10).await.unwrap();
    assert_eq!(due, std::slice::from_ref(&mail));
    mail.times.rhythm = MailRhythm::Daily;
    mail.to.pop();
    mail.next_at = at(50);
    db.set_report_mail(&mail).await.unwrap();
    let due = db.due_report_mails(at(99), 10).await.unwrap();
    assert_eq!(due, std::slice::from_ref(&mail), "said anew");
    assert!(db.stop_report_mail(account, mail.report).await.unwrap());
    assert!(!db.stop_report_mail(account, mail.report).await.unwrap());
    assert_eq!(db.report_mail(account, mail.report).await.unwrap(), None);
    assert_eq!(db.due_report_mails(at(999), 10).await.unwrap(), []);
    let nothing = ReportMail {
        report: SavedReportId::new(START, world.draw()),
        ..mail
    };
    let set = db.set_report_mail(&nothing).await;
    assert!(matches!(set, Err(StoreError::MissingParent(_))), "{set:?}");
}

async fn one_of_two_servers_makes_the_mails_of_a_due_report(world: World) {
    let (db, account) = (&world.db, world.account().await);
    let due = sent(&world, account, 100).await;
    let (ours, theirs) = (mails(&world, &due, 100), mails(&world, &due, 100));
    let (first, second) = tokio::join!(
        db.make_mails(&due, at(200), &ours),
        db.make_mails(&due, at(200), &theirs),
    );
    assert_ne!(first.unwrap(), second.unwrap(), "one of them");
    let waiting = db.due_mails(account, at(100), 10).await.unwrap();
    assert_eq!(waiting.len(), 2);
    assert_eq!(db.due_report_mails(at(199), 10).await.unwrap(), []);
    let next = db.due_report_mails(at(200), 10).await.unwrap();
    assert_eq!(next[0].next_at, at(200));
    assert_eq!(db.accounts_with_due_mails(at(99)).await.unwrap(), []);
    let accounts = db.accounts_with_due_mails(at(100)).await.unwrap();
    assert_eq!(accounts, [account]);
    assert_eq!(db.mails_since(account, at(100)).await.unwrap(), 2);
    assert_eq!(db.mails_since(account, at(101)).await.unwrap(), 0);
    assert!(!db.add_mail(&ours[0]).await.unwrap(), "once a due time");
}

async fn a_mail_is_claimed_by_one_and_written_down(world: World) {
    let (db, account) = (&world.db, world.account().await);
    let due = sent(&world, account, 100).await;
    let all = mails(&world, &due, 100);
    assert!(db.make_mails(&due, at(200), &all).await.unwrap());
    let waiting = async |now| db.due_mails(account, at(now), 10).await.unwrap();
    assert_eq!(waiting(100).await, all);
    assert!(db.claim_mail(&all[0], at(160), at(999)).await.unwrap());
    assert!(!db.claim_mail(&all[0], at(160), at(999)).await.unwrap());
    assert_eq!(waiting(159).await, [all[1].clone()]);
    let again = waiting(160).await.remove(1);
    assert_eq!((again.attempts, again.retry_until), (1, Some(at(999))));
    let later = MailResult::Later(at(300));
    db.note_mail(&again, later, "not now").await.unwrap();
    assert_eq!(waiting(299).await, [all[1].clone()]);
    let sent = MailResult::Sent(at(301));
    db.note_mail(&again, sent, "250 taken").await.unwrap();
    db.note_mail(&all[1], MailResult::Failed, "550 nobody")
        .await
        .unwrap();
    assert_eq!(waiting(999).await, []);
    let log = db.mails_of_report(account, due.report, 10).await.unwrap();
    let states: Vec<_> = log
        .iter()
        .map(|mail| (mail.id, mail.state, mail.sent_at, mail.said.as_deref()))
        .collect();
    let (over, gone) = (DeliveryState::Delivered, DeliveryState::Failed);
    assert_eq!(
        states,
        [
            (all[1].id, gone, None, Some("550 nobody")),
            (all[0].id, over, Some(at(301)), Some("250 taken")),
        ]
    );
    assert_eq!(db.forget_mails(at(100)).await.unwrap(), 0);
    assert_eq!(db.forget_mails(at(101)).await.unwrap(), 2);
}

async fn a_removed_report_takes_its_mails_along(world: World) {
    let (db, account) = (&world.db, world.account().await);
    let due = sent(&world, account, 100).await;
    let all = mails(&world, &due, 100);
    assert!(db.make_mails(&due, at(200), &all).await.unwrap());
    let removed = db.remove_saved_report(account, due.report).await;
    assert!(removed.unwrap());
    assert_eq!(db.due_mails(account, at(999), 10).await.unwrap(), []);
    assert_eq!(db.report_mail(account, due.report).await.unwrap(), None);
    assert!(!db.make_mails(&due, at(300), &all).await.unwrap());
    assert_eq!(db.due_mails(account, at(999), 10).await.unwrap(), []);
}

async fn another_account_neither_sees_nor_changes_a_mail(world: World) {
    let (db, account, eve) = (&world.db, world.account().await, world.account().await);
    let due = sent(&world, account, 100).await;
    let all = mails(&world, &due, 100);
    assert!(db.make_mails(&due, at(200), &all).await.unwrap());
    assert_eq!(db.report_mail(eve, due.report).await.unwrap(), None);
    assert!(!db.stop_report_mail(eve, due.report).await.unwrap());
    assert_eq!(db.due_mails(eve, at(999), 10).await.unwrap(), []);
    let log = db.mails_of_report(eve, due.report, 10).await.unwrap();
    assert_eq!(log, []);
    assert_eq!(db.mails_since(eve, at(0)).await.unwrap(), 0);
    let theirs = OutgoingMail {
        account: eve,
        ..all[0].clone()
    };
    assert!(!db.claim_mail(&theirs, at(160), at(999)).await.unwrap());
    db.note_mail(&theirs, MailResult::Failed, "eve")
        .await
        .unwrap();
    assert!(!db.remove_saved_report(eve, due.report).await.unwrap());
    assert_eq!(db.due_mails(account, at(999), 10).await.unwrap(), all);
}
