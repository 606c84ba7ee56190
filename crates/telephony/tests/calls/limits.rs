//! What the server refuses because it is too much, and what it answers outside of calls.

use std::time::Duration;

use ringfence_model::{CallEventKind, Disposition, Party};
use ringfence_telephony::TelephonyConfig;

use crate::harness::{Policy, Server, target};

/// The caller expects `code`, and no call comes of it.
async fn refuses(policy: Policy, config: TelephonyConfig, header: &str, code: &str) {
    let server = Server::start_with(policy, config).await;
    let caller = server.caller("caller_sends");
    caller
        .set("header", header)
        .set("body", "")
        .set("code", code)
        .set("linger", "1")
        .run()
        .await
        .expect("the caller's side");
    assert_eq!(server.telephony.active_calls(), 0);
}

#[tokio::test]
async fn a_call_beyond_the_most_at_once_gets_503() {
    let config = TelephonyConfig {
        max_calls: 0,
        ..TelephonyConfig::default()
    };
    refuses(Policy::default(), config, "X-Test: limit", "503").await;
}

#[tokio::test]
async fn a_call_beyond_the_rate_gets_503() {
    let config = TelephonyConfig {
        max_new_calls_per_second: 0,
        ..TelephonyConfig::default()
    };
    refuses(Policy::default(), config, "X-Test: limit", "503").await;
}

#[tokio::test]
async fn a_call_that_nobody_decides_about_gets_503() {
    let config = TelephonyConfig {
        decision_timeout: Duration::from_millis(300),
        ..TelephonyConfig::default()
    };
    let policy = Policy {
        dither: true,
        ..Policy::default()
    };
    refuses(policy, config, "X-Test: limit", "503").await;
}

#[tokio::test]
async fn the_platforms_own_code_is_sent() {
    let policy = Policy {
        refuse: Some(404),
        ..Policy::default()
    };
    refuses(policy, TelephonyConfig::default(), "X-Test: limit", "404").await;
}

#[tokio::test]
async fn an_extension_that_is_not_known_gets_420() {
    let config = TelephonyConfig::default();
    refuses(
        Policy::default(),
        config,
        "Require: timer, telepathy",
        "420",
    )
    .await;
}

#[tokio::test]
async fn requests_outside_of_calls_are_answered_briefly() {
    let server = Server::start(Policy::default()).await;
    for (method, code) in [
        ("OPTIONS", "200"),
        ("REGISTER", "405"),
        ("SUBSCRIBE", "405"),
        ("MESSAGE", "405"),
        ("REFER", "603"),
        ("BYE", "481"),
        ("DANCE", "501"),
    ] {
        let asker = server.caller("caller_asks");
        asker
            .set("method", method)
            .set("code", code)
            .run()
            .await
            .unwrap_or_else(|error| panic!("{method}: {error}"));
    }
}

#[tokio::test]
async fn a_call_ends_at_the_longest_length() {
    let callee = target("target_answers");
    let mut policy = Policy::ringing([&callee]);
    policy.options.max_length = Duration::from_millis(500);
    let mut server = Server::start(policy).await;
    let callee = callee.start().await;
    let caller = server.caller("caller_waits").set("linger", "1");
    caller.run().await.expect("the caller's side");
    callee.finish().await.expect("the target's side");
    let log = server.ended().await;
    assert_eq!(log.ended(), (Disposition::Answered, None));
    assert!(log.has(&CallEventKind::HungUp { by: Party::Server }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_calls_at_once_all_come_through() {
    const CALLS: u32 = 300;
    let callee = target("target_answers").calls(CALLS);
    let mut server = Server::start(Policy::ringing([&callee])).await;
    let callee = callee.start().await;
    let caller = server.caller("caller_hangs_up").calls(CALLS);
    caller
        .set("talk", "1000")
        .set("linger", "1")
        .rate(50, 400)
        .run()
        .await
        .expect("the callers' side");
    callee.finish().await.expect("the targets' side");
    for _ in 0..CALLS {
        assert_eq!(server.ended().await.ended(), (Disposition::Answered, None));
    }
    assert_eq!(server.telephony.active_calls(), 0);
}
