//! Calls that somebody answers.

use ringfence_model::{CallEventKind, Disposition, Party};

use crate::harness::{NUMBER, Policy, Server, scenario, target};

#[tokio::test]
async fn a_call_is_answered_and_the_caller_hangs_up() {
    let callee = target("target_answers");
    let mut server = Server::start(Policy::ringing([&callee])).await;
    let callee = callee.start().await;
    let caller = server.caller("caller_hangs_up");
    caller
        .set("talk", "100")
        .set("linger", "1")
        .run()
        .await
        .expect("the caller's side");
    callee.finish().await.expect("the target's side");
    let log = server.ended().await;
    assert_eq!(
        log.words(),
        ["ringing", "progress", "answered", "hung up", "ended"]
    );
    assert!(log.has(&CallEventKind::HungUp { by: Party::Caller }));
    assert_eq!(log.ended(), (Disposition::Answered, None));
    assert_eq!(log.facts.dialled, NUMBER);
    assert_eq!(log.facts.caller.as_deref(), Some("+441632960001"));
    assert_eq!(log.facts.country.as_deref(), Some("GB"));
    assert_eq!(server.telephony.active_calls(), 0);
}

#[tokio::test]
async fn the_callee_hangs_up() {
    let callee = target("target_hangs_up");
    let mut server = Server::start(Policy::ringing([&callee])).await;
    let callee = callee.start().await;
    let caller = server.caller("caller_waits").set("linger", "1");
    caller.run().await.expect("the caller's side");
    callee.finish().await.expect("the target's side");
    let log = server.ended().await;
    assert!(log.has(&CallEventKind::HungUp { by: Party::Callee }));
    assert_eq!(log.ended(), (Disposition::Answered, None));
}

#[tokio::test]
async fn a_call_over_tcp_on_both_sides() {
    let callee = target("target_answers").tcp();
    let mut server = Server::start(Policy::ringing([&callee])).await;
    let callee = callee.start().await;
    let caller = server.tcp_caller("caller_hangs_up");
    caller
        .set("talk", "100")
        .set("linger", "1")
        .run()
        .await
        .expect("the caller's side");
    callee.finish().await.expect("the target's side");
    assert_eq!(server.ended().await.ended().0, Disposition::Answered);
}

#[tokio::test]
async fn the_callee_hangs_up_a_call_that_came_over_tcp() {
    let callee = target("target_hangs_up");
    let mut server = Server::start(Policy::ringing([&callee])).await;
    let callee = callee.start().await;
    let caller = server.tcp_caller("caller_waits").set("linger", "1");
    caller.run().await.expect("the caller's side");
    callee.finish().await.expect("the target's side");
    assert_eq!(server.ended().await.ended().0, Disposition::Answered);
}

#[tokio::test]
async fn the_caller_hears_a_target_before_it_answers() {
    let callee = target("target_sounds_early");
    let mut server = Server::start(Policy::ringing([&callee])).await;
    let callee = callee.start().await;
    let caller = server.caller("caller_hears_early").set("linger", "1");
    caller.run().await.expect("the caller's side");
    callee.finish().await.expect("the target's side");
    let log = server.ended().await;
    assert!(log.events.iter().any(|event| matches!(
        event,
        CallEventKind::Progress {
            code: 183,
            early_media: true,
            ..
        }
    )));
    assert_eq!(log.ended().0, Disposition::Answered);
}

#[tokio::test]
async fn a_caller_who_offers_in_the_ack_is_heard_too() {
    let callee = target("target_answers");
    let mut server = Server::start(Policy::ringing([&callee])).await;
    let callee = callee.start().await;
    let caller = server.caller("caller_offers_late").set("linger", "1");
    caller.run().await.expect("the caller's side");
    callee.finish().await.expect("the target's side");
    assert_eq!(server.ended().await.ended().0, Disposition::Answered);
}

#[tokio::test]
async fn the_caller_puts_the_target_on_hold_and_comes_back() {
    let callee = target("target_is_held");
    let mut server = Server::start(Policy::ringing([&callee])).await;
    let callee = callee.start().await;
    let caller = server.caller("caller_holds").set("linger", "1");
    caller.run().await.expect("the caller's side");
    callee.finish().await.expect("the target's side");
    let log = server.ended().await;
    assert_eq!(
        log.words(),
        [
            "ringing", "progress", "answered", "held", "resumed", "hung up", "ended"
        ]
    );
    assert!(log.has(&CallEventKind::Held { by: Party::Caller }));
    assert!(log.has(&CallEventKind::Resumed { by: Party::Caller }));
    assert_eq!(log.ended(), (Disposition::Answered, None));
}

#[tokio::test]
async fn the_target_puts_the_caller_on_hold_and_comes_back() {
    let callee = target("target_holds");
    let mut server = Server::start(Policy::ringing([&callee])).await;
    let callee = callee.start().await;
    let caller = server.caller("caller_is_put_on_hold").set("linger", "1");
    caller.run().await.expect("the caller's side");
    callee.finish().await.expect("the target's side");
    let log = server.ended().await;
    assert!(log.has(&CallEventKind::Held { by: Party::Callee }));
    assert!(log.has(&CallEventKind::Resumed { by: Party::Callee }));
    assert!(log.has(&CallEventKind::HungUp { by: Party::Callee }));
}

#[tokio::test]
async fn a_key_that_is_pressed_reaches_the_target_and_a_transfer_is_declined() {
    let callee = target("target_hears_a_key");
    let mut server = Server::start(Policy::ringing([&callee])).await;
    let callee = callee.start().await;
    let caller = server.caller("caller_presses_a_key");
    caller
        .set("talk", "100")
        .set("linger", "1")
        .run()
        .await
        .expect("the caller's side");
    callee.finish().await.expect("the target's side");
    let log = server.ended().await;
    assert_eq!(log.ended(), (Disposition::Answered, None));
    assert_eq!(log.keys, [(Party::Caller, '5')]);
}

#[tokio::test]
async fn an_answered_call_is_recorded_and_the_file_is_closed_before_the_end() {
    let callee = target("target_answers");
    let policy = Policy {
        record: true,
        ..Policy::ringing([&callee])
    };
    let mut server = Server::start(policy).await;
    let callee = callee.start().await;
    let caller = server.caller("caller_hangs_up");
    caller
        .set("talk", "300")
        .set("linger", "1")
        .run()
        .await
        .expect("the caller's side");
    callee.finish().await.expect("the target's side");
    let log = server.ended().await;
    assert_eq!(
        log.words(),
        [
            "ringing",
            "progress",
            "answered",
            "recording started",
            "hung up",
            "recording finished",
            "ended"
        ]
    );
    let report = log.recorded.expect("it tells of the file");
    assert_eq!(report.failure, None);
    let size = std::fs::metadata(&report.path).expect("the file is there");
    assert_eq!(size.len(), report.size);
}

#[tokio::test]
async fn a_recording_that_cannot_be_made_is_told_and_the_call_goes_on() {
    let callee = target("target_answers");
    let policy = Policy {
        record: true,
        ..Policy::ringing([&callee])
    };
    let mut server = Server::start(policy).await;
    // A file where the folder should be: nothing can be made below it.
    let folder = server.folder.path().to_owned();
    std::fs::remove_dir(&folder).expect("it is empty");
    std::fs::write(&folder, "in the way").expect("it can be written");
    let callee = callee.start().await;
    let caller = server.caller("caller_hangs_up");
    caller
        .set("talk", "300")
        .set("linger", "1")
        .run()
        .await
        .expect("the caller's side");
    callee.finish().await.expect("the target's side");
    let log = server.ended().await;
    let words = log.words();
    assert_eq!(
        words.iter().filter(|w| **w == "recording failed").count(),
        1,
        "{words:?}"
    );
    assert_eq!(log.ended(), (Disposition::Answered, None));
    std::fs::remove_file(&folder).expect("it can be removed");
}

#[tokio::test]
async fn a_server_that_drains_refuses_new_calls_and_lets_those_under_way_finish() {
    let callee = target("target_answers");
    let mut server = Server::start(Policy::ringing([&callee])).await;
    let callee = callee.start().await;
    let talking = server
        .caller("caller_hangs_up")
        .set("talk", "2000")
        .set("linger", "1")
        .start()
        .await;
    while server.telephony.active_calls() == 0 {
        tokio::task::yield_now().await;
    }
    let telephony = server.telephony.clone();
    let drained = tokio::spawn(async move {
        telephony.drain(std::time::Duration::from_secs(20)).await;
    });
    tokio::task::yield_now().await;
    let refused = scenario("caller_is_refused").remote(server.address, NUMBER);
    refused
        .set("code", "503")
        .set("linger", "1")
        .run()
        .await
        .expect("the second caller is refused");
    talking.finish().await.expect("the first caller's side");
    callee.finish().await.expect("the target's side");
    drained.await.expect("the drain ends");
    let log = server.ended().await;
    assert!(log.has(&CallEventKind::HungUp { by: Party::Caller }));
}

#[tokio::test]
async fn a_server_that_runs_out_of_patience_hangs_up() {
    let callee = target("target_answers");
    let mut server = Server::start(Policy::ringing([&callee])).await;
    let callee = callee.start().await;
    let caller = server
        .caller("caller_waits")
        .set("linger", "1")
        .start()
        .await;
    while server.telephony.active_calls() == 0 {
        tokio::task::yield_now().await;
    }
    // Long enough for the answer, unless the machine is very slow: then the caller is refused instead.
    server
        .telephony
        .drain(std::time::Duration::from_secs(3))
        .await;
    let log = server.ended().await;
    assert!(log.has(&CallEventKind::HungUp { by: Party::Server }));
    assert_eq!(log.ended().0, Disposition::Answered);
    caller.finish().await.expect("the caller's side");
    callee.finish().await.expect("the target's side");
}
