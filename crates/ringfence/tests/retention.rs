//! A running server erases what visits, calls and recordings tell of people once their time is over, and `ringfence erase`
//! erases a caller beside it.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop at once"
)]

mod support;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use ringfence_model::{
    Call, CallId, Confidence, Disposition, E164, Recording, RecordingId, RecordingState, Source,
    SourceKind, Timestamp, TrunkId, Utm, Visit, VisitId, VisitorId,
};
use ringfence_platform::{now, random};
use ringfence_store::{Aged, Db, Write};
use ringfence_testing::{Engine, on_both_engines};
use support::{Rows, World, run};

on_both_engines!(
    what_is_past_its_time_is_erased_and_the_rest_stays,
    calls_and_recordings_past_their_time_are_erased_with_their_files,
    a_start_finishes_what_was_killed_between_the_row_and_the_file,
    erase_says_what_would_go_and_erases_it_when_told_to,
);

fn visit(rows: &Rows, started_at: Timestamp) -> Visit {
    Visit {
        id: VisitId::new(started_at, random()),
        account: rows.account,
        site: rows.site,
        visitor: VisitorId::new(started_at, random()),
        started_at,
        seen_at: started_at,
        landing_page: "https://www.example.com/?utm_source=mail".into(),
        referrer: Some("https://search.example/".into()),
        source: Source {
            kind: SourceKind::Mail,
            name: "mail".into(),
            campaign: Some("Spring".into()),
            keyword: None,
        },
        utm: Utm::default(),
        click_id: None,
        language: Some("en-GB".into()),
        device: Some("phone".into()),
        address_prefix: Some("203.0.113.0/24".into()),
    }
}

async fn what_is_past_its_time_is_erased_and_the_rest_stays(engine: Engine) {
    let mut world = World::new(engine.database_with_tables().await);
    world.more = "[retention]\nvisits = \"2 days\"\n".into();
    let rows = world
        .rows(&["sip:desk@127.0.0.1:9".into()], Duration::from_secs(5), 1)
        .await;
    let db = world.db().await;
    let old = visit(&rows, now() - Duration::from_hours(49));
    let new = visit(&rows, now() - Duration::from_hours(47));
    let write = |visit: &Visit| Write::Visit(Box::new(visit.clone()));
    db.write(vec![write(&old), write(&new)]).await.unwrap();

    let _server = world.serve();
    let until = Instant::now() + Duration::from_mins(1);
    let erased = loop {
        let found = db.visit(rows.account, old.id).await.unwrap().unwrap();
        if found != old {
            break found;
        }
        assert!(Instant::now() < until, "not erased:\n{}", world.said());
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(erased.landing_page, "");
    assert_eq!(erased.referrer, None);
    assert_eq!(erased.address_prefix, None);
    assert_ne!(erased.visitor, old.visitor);
    assert_eq!(erased.source, old.source);
    assert_eq!(db.visit(rows.account, new.id).await.unwrap(), Some(new));
}

fn caller() -> E164 {
    "+441632960123".parse().unwrap()
}

/// A call that is over, with a recording and its file.
async fn recorded(world: &World, db: &Db, rows: &Rows, started_at: Timestamp) -> (CallId, PathBuf) {
    let call = Call {
        id: CallId::new(started_at, random()),
        account: rows.account,
        number: rows.numbers[0].id,
        dialled: rows.numbers[0].e164.clone(),
        caller: Some(caller()),
        trunk: TrunkId::new(started_at, 1),
        plan: None,
        sip_call_id: "a@192.0.2.1".into(),
        started_at,
        answered_at: None,
        ended_at: None,
        disposition: None,
        reason: None,
        target: None,
        failed_over: false,
        visit: None,
        source: None,
        confidence: Confidence::Unknown,
        server: None,
    };
    let recording = Recording {
        id: RecordingId::new(started_at, random()),
        call: call.id,
        account: rows.account,
        path: format!("{}/a-day/{}.wav", rows.account, call.id),
        started_at,
        duration_ms: 0,
        size: 0,
        sha256: None,
        state: RecordingState::Open,
    };
    let file = world.recordings().join(&recording.path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "sound").unwrap();
    let closed = Write::RecordingClosed {
        account: rows.account,
        recording: recording.id,
        duration_ms: 900,
        size: 5,
        sha256: Some(vec![1; 32]),
        state: RecordingState::Closed,
    };
    let ended = Write::CallEnded {
        account: rows.account,
        call: call.id,
        at: started_at + Duration::from_secs(20),
        disposition: Disposition::Missed,
        reason: None,
        failed_over: false,
    };
    let id = call.id;
    let writes = vec![
        Write::CallBegun(Box::new(call)),
        Write::RecordingOpened(recording),
        closed,
        ended,
    ];
    db.write(writes).await.unwrap();
    (id, file)
}

async fn state(db: &Db, rows: &Rows, call: CallId) -> RecordingState {
    let found = db.recording_of_call(rows.account, call).await.unwrap();
    found.unwrap().state
}

/// Waits until the recording of a call is erased.
async fn erased(world: &World, db: &Db, rows: &Rows, call: CallId) {
    let until = Instant::now() + Duration::from_mins(1);
    while state(db, rows, call).await != RecordingState::Erased {
        assert!(Instant::now() < until, "not erased:\n{}", world.said());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn calls_and_recordings_past_their_time_are_erased_with_their_files(engine: Engine) {
    let mut world = World::new(engine.database_with_tables().await);
    world.more = "[retention]\ncalls = \"90 days\"\nrecordings = \"30 days\"\n".into();
    let rows = world
        .rows(&["sip:desk@127.0.0.1:9".into()], Duration::from_secs(5), 1)
        .await;
    let db = world.db().await;
    let ago = |days: u32| now() - Duration::from_hours(24) * days;
    let (oldest, oldest_file) = recorded(&world, &db, &rows, ago(91)).await;
    let (old, old_file) = recorded(&world, &db, &rows, ago(31)).await;
    // Somebody removed it by hand.
    let (lost, lost_file) = recorded(&world, &db, &rows, ago(32)).await;
    std::fs::remove_file(lost_file).unwrap();
    let (new, new_file) = recorded(&world, &db, &rows, ago(29)).await;

    let _server = world.serve();
    for call in [oldest, lost, old] {
        erased(&world, &db, &rows, call).await;
    }
    assert!(!oldest_file.exists() && !old_file.exists());
    assert!(new_file.exists());
    assert_eq!(state(&db, &rows, new).await, RecordingState::Closed);
    let of = async |call| db.call(rows.account, call).await.unwrap().unwrap().caller;
    assert_eq!(of(oldest).await, None);
    for kept in [old, lost, new] {
        assert_eq!(of(kept).await, Some(caller()));
    }
    let check = db.check_call_sums(rows.account).await.unwrap();
    assert_eq!((check.calls, check.differing), (4, 0));
}

async fn a_start_finishes_what_was_killed_between_the_row_and_the_file(engine: Engine) {
    let world = World::new(engine.database_with_tables().await);
    let rows = world
        .rows(&["sip:desk@127.0.0.1:9".into()], Duration::from_secs(5), 1)
        .await;
    let db = world.db().await;
    let ago = |hours: u64| now() - Duration::from_hours(hours);
    let (before_file, its_file) = recorded(&world, &db, &rows, ago(30)).await;
    let (after_file, gone) = recorded(&world, &db, &rows, ago(29)).await;
    let (kept, kept_file) = recorded(&world, &db, &rows, ago(2)).await;
    // As whoever is killed leaves it: both rows say that the files are to go, and one of them is gone already.
    let span = (Timestamp::from_micros(0), ago(10));
    let marked = db.erase_aged(rows.account, Aged::Recordings, span, now(), 100);
    assert_eq!(marked.await.unwrap().0, 2);
    std::fs::remove_file(gone).unwrap();
    assert_eq!(
        state(&db, &rows, before_file).await,
        RecordingState::Erasing
    );

    // Nothing is past its time by this configuration.
    let _server = world.serve();
    for call in [before_file, after_file] {
        erased(&world, &db, &rows, call).await;
    }
    assert!(!its_file.exists());
    assert!(kept_file.exists());
    assert_eq!(state(&db, &rows, kept).await, RecordingState::Closed);
}

async fn erase_says_what_would_go_and_erases_it_when_told_to(engine: Engine) {
    let world = World::new(engine.database_with_tables().await);
    let rows = world
        .rows(&["sip:desk@127.0.0.1:9".into()], Duration::from_secs(5), 1)
        .await;
    let config = world.config();
    let config = config.to_str().unwrap();
    let folder = world.folder.path();
    let _server = world.serve();
    let db = world.db().await;
    let (call, file) = recorded(&world, &db, &rows, now() - Duration::from_hours(1)).await;
    let ask = |more: &[&str]| {
        let number = caller();
        let mut all = vec!["erase", "--config", config, "--caller", number.as_str()];
        all.extend_from_slice(more);
        run(&all, folder)
    };
    let (code, out, said) = ask(&[]);
    assert_eq!(code, Some(0), "{out}{said}");
    assert!(
        out.contains("1 call, 1 recording, 0 visits would go"),
        "{out}"
    );
    assert!(file.exists());
    assert_eq!(state(&db, &rows, call).await, RecordingState::Closed);

    let (code, out, said) = ask(&["--yes"]);
    assert_eq!(code, Some(0), "{out}{said}");
    assert!(
        out.contains("1 call, 1 recording, 0 visits erased"),
        "{out}"
    );
    assert!(!file.exists());
    assert_eq!(state(&db, &rows, call).await, RecordingState::Erased);
    let (_, out, _) = ask(&["--yes"]);
    assert!(
        out.contains("0 calls, 0 recordings, 0 visits erased"),
        "{out}"
    );

    for wrong in [
        &["erase", "--config", config][..],
        &["erase", "--config", config, "--caller", "nobody"][..],
    ] {
        let (code, _, said) = run(wrong, folder);
        assert_ne!(code, Some(0), "{said}");
    }
}
