//! Calls while the database is away: those under way go on and are told in full afterwards, new ones are refused with a
//! clear code, visitors keep the page's own number, and nothing that was acknowledged is lost.

use std::sync::Arc;
use std::time::Duration;

use ringfence_model::Disposition;
use ringfence_testing::TestDatabase;

use crate::line::{Line, LineWish};
use crate::office::{OVERFLOW, Office};

/// Long enough that a gap would be heard.
const A_WHILE: Duration = Duration::from_secs(3);

const WISH: LineWish = LineWish {
    targets: 1,
    ring_seconds: 60,
    leased: true,
};

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_on_while_postgresql_is_dead_and_nothing_is_lost() {
    let (office, lines) = Office::open(TestDatabase::postgres_alone().await, &[WISH; 4]).await;
    let [long, short, ringing, new] = <[Line; 4]>::try_from(lines).ok().unwrap();
    let (mut long_caller, mut long_desk) = long.talk().await;
    let (mut short_caller, mut short_desk) = short.talk().await;
    let mut desk = ringing.baresip_target(0).await;
    let mut caller = ringing.baresip_caller().await;
    caller.dial(&ringing.uri()).await;
    caller.event("CALL_RINGING").await;
    ringing.has("progress").await;
    long.has("recording_started").await;
    short.has("recording_started").await;
    office.world.database.stop_server();

    assert_eq!(office.readiness().await, 503);
    let ((status, answer), ()) = tokio::join!(office.ask("nobody"), new.is_refused("503"));
    assert_eq!(
        (status, &answer["reason"]),
        (503, &"unavailable".into()),
        "{answer}"
    );
    desk.answer().await;
    caller.event("CALL_RTPESTAB").await;
    short_caller.hang_up().await;
    short_desk.event("CALL_CLOSED").await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(office.readiness().await, 503);

    office.world.database.start_server();
    short.ended().await.is_plain();
    for (line, caller, desk) in [
        (&long, &mut long_caller, &mut long_desk),
        (&ringing, &mut caller, &mut desk),
    ] {
        line.has("recording_started").await;
        caller.hang_up().await;
        desk.event("CALL_CLOSED").await;
        let told = line.ended().await;
        told.is_plain();
        told.is_never_silent();
    }
    office.nothing_shown_is_lost().await;
    assert_eq!(office.readiness().await, 200);
    works_again(&office, &new).await;
    drop((long, short, ringing, new));
    close(office).await;
}

/// The journal in front of the file takes what they write; the tables get it when the lock is gone. How it is when the
/// journal is full is tested where the journal is, in the store.
#[tokio::test(flavor = "multi_thread")]
async fn calls_and_visits_go_on_while_another_program_locks_the_sqlite_file() {
    let (office, lines) = Office::open(TestDatabase::sqlite(), &[WISH; 3]).await;
    let [under_way, begun, new] = <[Line; 3]>::try_from(lines).ok().unwrap();
    let (mut caller, mut desk) = under_way.talk().await;
    under_way.has("recording_started").await;

    let lock = office.world.database.lock().await;
    let (status, answer) = office.ask("impatience").await;
    let shown = answer["number"]["e164"].as_str();
    assert_eq!((status, shown), (200, Some(OVERFLOW)), "{answer}");
    caller.hang_up().await;
    desk.event("CALL_CLOSED").await;
    let (mut caller, mut desk) = begun.talk().await;
    tokio::time::sleep(A_WHILE).await;
    lock.release().await;
    under_way.ended().await.is_plain();
    begun.has("recording_started").await;
    caller.hang_up().await;
    desk.event("CALL_CLOSED").await;
    let told = begun.ended().await;
    told.is_plain();
    told.is_never_silent();
    office.nothing_shown_is_lost().await;
    works_again(&office, &new).await;
    drop((under_way, begun, new));
    close(office).await;
}

/// A number is shown and a call is answered; the one that was refused has no row, or one that says so.
async fn works_again(office: &Office, line: &Line) {
    let (status, answer) = office.ask("back-again").await;
    let shown = answer["number"]["e164"].as_str();
    assert_eq!((status, shown), (200, Some(OVERFLOW)), "{answer}");
    let (mut caller, mut desk) = line.talk().await;
    caller.hang_up().await;
    desk.event("CALL_CLOSED").await;
    let mut told = line.answered_and_all_ended().await;
    assert_eq!(told.remove(0).ended(), (Disposition::Answered, None));
    for refused in told {
        assert_eq!(refused.ended(), (Disposition::Failed, None), "{refused:#?}");
        assert_eq!(refused.words(), ["arrived", "attributed", "ended"]);
        let reason = refused.call.reason.unwrap_or_default();
        assert!(reason.contains("took too long"), "{reason}");
    }
}

async fn close(office: Arc<Office>) {
    let office = Arc::into_inner(office).expect("nobody uses it any more");
    office.close().await;
}
