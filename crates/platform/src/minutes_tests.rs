//! Minutes are counted and held in memory, and kept in rows over runs.

use std::path::Path;

use ringfence_model::AuditFilter;
use ringfence_outbound::{Outbound, OutboundPolicy};
use ringfence_store::Db;
use ringfence_testing::{Engine, on_both_engines};

use super::*;
use crate::fence::FenceSettings;
use crate::{Keys, Settings};

on_both_engines!(
    minutes_are_kept_over_a_restart_and_shared_with_others,
    a_hold_is_written_audited_and_released_wherever_it_was_placed,
    a_limit_of_an_accounts_own_takes_the_place_of_the_servers,
);

const NOW: Timestamp = Timestamp::from_micros(1_764_000_000_000_000);

fn account(n: u128) -> AccountId {
    AccountId::new(NOW, n)
}

fn leg(n: u128) -> LegId {
    LegId::new(NOW, n)
}

#[test]
fn calls_side_by_side_share_a_limit_and_another_account_has_its_own() {
    let minutes = Minutes::new(2);
    let mut one = minutes.of_call(account(1), NOW);
    let mut two = minutes.of_call(account(1), NOW);
    assert_eq!(one.begin(leg(1), NOW), Ok(()));
    assert_eq!(two.begin(leg(2), NOW), Ok(()));
    let why = two.begin(leg(3), NOW).unwrap_err();
    assert!(why.contains("3 minutes were dialled"), "{why}");
    let hold = minutes.held(account(1)).unwrap();
    assert_eq!((hold.minutes, hold.minutes_per_hour), (3, 2));
    drop(one);
    assert!(two.begin(leg(4), NOW).is_err(), "a hold does not end so");
    let mut other = minutes.of_call(account(2), NOW);
    assert_eq!(other.begin(leg(5), NOW), Ok(()));
    assert_eq!(minutes.held(account(2)), None);
}

#[test]
fn a_call_that_is_dropped_rings_nobody_any_more() {
    let minutes = Minutes::new(1);
    let mut call = minutes.of_call(account(1), NOW);
    assert_eq!(call.begin(leg(1), NOW), Ok(()));
    call.ended(leg(9), NOW);
    drop(call);
    let mut next = minutes.of_call(account(1), NOW);
    assert_eq!(
        next.begin(leg(2), NOW),
        Ok(()),
        "the first was not answered"
    );
    next.answered(leg(2), NOW);
    next.all_ended(NOW + Duration::from_secs(20));
    assert!(next.begin(leg(3), NOW).is_err());
}

#[test]
fn a_hold_that_has_no_row_yet_outlives_rows_that_do_not_know_it() {
    let mut dialling = Dialling::default();
    let over = OverLimit {
        minutes: 3,
        limit: 2,
    };
    dialling.place(account(1), over, NOW);
    dialling.read(&[], None, 0);
    let mut hold = dialling.hold.unwrap().hold;
    dialling.read(&[hold], None, 0);
    assert!(dialling.hold.unwrap().written);
    hold.ended_at = Some(NOW);
    dialling.read(&[hold], Some(9), 7);
    assert!(dialling.hold.is_none());
    assert_eq!(dialling.released_at, Some(NOW));
    assert_eq!((dialling.limit, dialling.elsewhere), (Some(9), 7));
}

async fn run(url: &str, folder: &Path, limit: u32) -> Arc<Platform> {
    let db = Db::open(url).await.unwrap();
    db.migrate().await.unwrap();
    let settings = Settings {
        recordings_folder: folder.into(),
        record_calls: false,
        public_url: "https://calls.example.com".into(),
        trusted_proxies: Vec::new(),
        number_requests_per_minute: 0,
        late_call_window: Duration::from_mins(10),
        carriers: crate::carriers::CarrierUrls::default(),
        conversions: crate::conversions::ConversionUrls::default(),
        mail: None,
        fence: FenceSettings {
            dialled_minutes_per_hour: limit,
            ..FenceSettings::default()
        },
    };
    let outbound = Outbound::new(OutboundPolicy::default());
    let keys = Keys::from_master(&[7; 32]);
    Platform::start(db, outbound, settings, keys).await.unwrap()
}

/// Talks so many minutes, all of them at the same time.
fn talk(platform: &Platform, account: AccountId, minutes: u128, at: Timestamp) {
    for n in 0..minutes {
        let mut call = platform.minutes.of_call(account, at);
        let leg = LegId::new(at, n);
        call.begin(leg, at).unwrap();
        call.answered(leg, at);
    }
}

fn may_dial(platform: &Platform, account: AccountId, at: Timestamp) -> bool {
    let mut call = platform.minutes.of_call(account, at);
    call.begin(LegId::new(at, 999), at).is_ok()
}

async fn minutes_are_kept_over_a_restart_and_shared_with_others(engine: Engine) {
    let folder = tempfile::tempdir().unwrap();
    let database = engine.database_with_tables().await;
    let (url, begin) = (database.url(), now());
    let first = run(url, folder.path(), 5).await;
    let account = first.add_account("A", "GB", "UTC", begin).await.unwrap();
    talk(&first, account.id, 3, begin);
    first.tend_minutes(begin).await.unwrap();
    let standing = first.dialling_standing(account.id, begin).await.unwrap();
    assert_eq!((standing.minutes, standing.limit), (3, 5));
    if matches!(engine, Engine::Sqlite) {
        first.db.close().await;
    }

    let second = run(url, folder.path(), 5).await;
    talk(&second, account.id, 2, begin);
    second.tend_minutes(begin).await.unwrap();
    assert!(!may_dial(&second, account.id, begin), "3 and 2 of 5");
    if !matches!(engine, Engine::Sqlite) {
        // The other server learns of both.
        second.tend_minutes(begin).await.unwrap();
        first.tend_minutes(begin).await.unwrap();
        let hold = first.minutes.held(account.id).unwrap();
        assert_eq!((hold.minutes, hold.minutes_per_hour), (6, 5));
    }
    let later = begin + SPAN + Duration::from_mins(2);
    let standing = second.dialling_standing(account.id, later).await.unwrap();
    assert_eq!(standing.minutes, 0);
}

async fn a_hold_is_written_audited_and_released_wherever_it_was_placed(engine: Engine) {
    let folder = tempfile::tempdir().unwrap();
    let database = engine.database_with_tables().await;
    let begin = now();
    let platform = run(database.url(), folder.path(), 2).await;
    let account = platform.add_account("A", "GB", "UTC", begin).await.unwrap();
    let other = platform.add_account("B", "GB", "UTC", begin).await.unwrap();
    // A call that talks on uses the limit up although nobody dials.
    let mut call = platform.minutes.of_call(account.id, begin);
    let leg = LegId::new(begin, 1);
    call.begin(leg, begin).unwrap();
    call.answered(leg, begin);
    let later = begin + Duration::from_secs(125);
    platform.tend_minutes(later).await.unwrap();
    let hold = platform.db.dialling_hold(account.id).await.unwrap();
    assert_eq!(hold, platform.minutes.held(account.id));
    assert_eq!(hold.unwrap().minutes, 3);
    drop(call);
    assert!(!may_dial(&platform, account.id, later));
    assert!(may_dial(&platform, other.id, later));
    let listed = platform.held_dialling(later).await.unwrap();
    assert_eq!(listed, [(hold.unwrap(), "A".to_owned())]);
    platform.tend_minutes(later).await.unwrap();
    assert!(!may_dial(&platform, account.id, later), "it stands");

    let released = later + Duration::from_secs(1);
    let release = platform.release_dialling(&account, released);
    assert!(release.await.unwrap());
    let again = platform.release_dialling(&account, released);
    assert!(!again.await.unwrap(), "nothing holds it any more");
    assert!(may_dial(&platform, account.id, released));
    platform.tend_minutes(released).await.unwrap();
    assert!(may_dial(&platform, account.id, released));
    assert_eq!(platform.held_dialling(released).await.unwrap(), []);
    let all = AuditFilter::default();
    let log = platform.audit_log(account.id, &all, 10);
    let actions: Vec<_> = log.await.unwrap().0;
    let actions: Vec<_> = actions.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(
        actions,
        ["account.release_dialling", "account.hold_dialling"],
        "the newest first, and each once"
    );

    // A command beside the server releases the next one.
    let at = released + Duration::from_mins(1);
    talk(&platform, account.id, 2, at);
    assert!(!may_dial(&platform, account.id, at));
    platform.tend_minutes(at).await.unwrap();
    let row = platform
        .db
        .release_dialling(account.id, at + Duration::from_secs(9));
    assert!(row.await.unwrap());
    let soon = at + Duration::from_secs(10);
    platform.tend_minutes(soon).await.unwrap();
    assert!(may_dial(&platform, account.id, soon));
}

async fn a_limit_of_an_accounts_own_takes_the_place_of_the_servers(engine: Engine) {
    let folder = tempfile::tempdir().unwrap();
    let database = engine.database_with_tables().await;
    let begin = now();
    let platform = run(database.url(), folder.path(), 1).await;
    let account = platform.add_account("A", "GB", "UTC", begin).await.unwrap();
    let set = async |limit| {
        let set = platform.set_dialling_limit(&account, limit);
        set.await.unwrap();
        platform.tend_minutes(begin).await.unwrap();
    };
    set(Some(3)).await;
    talk(&platform, account.id, 3, begin);
    set(Some(0)).await;
    talk(&platform, account.id, 30, begin);
    assert!(may_dial(&platform, account.id, begin), "without a limit");
    set(None).await;
    assert!(!may_dial(&platform, account.id, begin), "the server's own");
    let standing = platform.dialling_standing(account.id, begin).await.unwrap();
    assert!(!standing.own_limit && standing.limit == 1);
    let all = AuditFilter::default();
    let log = platform.audit_log(account.id, &all, 10);
    let (log, _) = log.await.unwrap();
    let limits = log
        .iter()
        .filter(|entry| entry.action == "account.dialling_limit");
    assert_eq!(limits.count(), 3);
}
