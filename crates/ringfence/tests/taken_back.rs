//! A page that locks its visitor in loses its number, and calls to that number hear that it is out of service; what a look
//! of ours finds decides about everybody else.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop at once"
)]

#[path = "calls/browser.rs"]
#[allow(dead_code, reason = "this test uses a part of it")]
mod browser;
mod support;

use std::time::Duration;

use ringfence_model::{CallEventKind, Confidence, Disposition};
use ringfence_softphone::{CallRequest, CallResult, Softphone, SoftphoneConfig};
use ringfence_store::CallFilter;
use ringfence_testing::{Engine, on_both_engines};
use serde_json::json;
use support::{World, run};

use browser::{Browser, pages};

on_both_engines!(calls_to_a_number_that_was_taken_back_are_refused_and_no_others);

fn arrangement(agent: &str, page: std::net::SocketAddr) -> String {
    let numbers = (1..=3).map(|nth| {
        format!("[[number]]\ne164 = \"+44207946000{nth}\"\nplan = \"Main\"\npool = \"Web\"\n")
    });
    let numbers: String = numbers.collect();
    format!(
        "[[trunk]]\nname = \"Carrier\"\naddresses = [\"127.0.0.1\"]\ncountry = \"GB\"\n\
         [[target]]\nname = \"Desk\"\nuri = \"{agent}\"\n[[group]]\nname = \"All\"\ntargets = [\"Desk\"]\n\
         [[plan]]\nname = \"Main\"\nring = [\"All\"]\n[[pool]]\nname = \"Web\"\n{numbers}\
         [[site]]\nname = \"Example\"\nhosts = [\"localhost:{}\"]\npool = \"Web\"\n",
        page.port()
    )
}

async fn call(world: &World, caller: &Softphone, number: &str) -> CallResult {
    let call = CallRequest {
        server: world.sip,
        to: number.into(),
        from: "+441632960001".into(),
        tone_hz: 440.0,
        talk: Duration::from_millis(600),
        give_up_after: Some(Duration::from_secs(20)),
        expect: vec![440.0, 880.0],
    };
    caller.call(call).await.unwrap()
}

async fn calls_to_a_number_that_was_taken_back_are_refused_and_no_others(engine: Engine) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let agent = Softphone::start(SoftphoneConfig::default()).await.unwrap();
    let mut world = World::new(engine.database_with_tables().await);
    world.more = "[outbound]\nallow_private = true\n".into();
    let config = world.config();
    let config = config.to_str().unwrap();
    let folder = world.folder.path();
    let (challenge, page, pages) = pages().await;
    let add = ["user", "add", "--email", "owner@example.com", "--config"];
    let (_, out, said) = run(&[&add[..], &[config]].concat(), folder);
    let (_, password) = out.split_once("password: ").expect(&said);
    let file = folder.join("arrangement.toml");
    std::fs::write(&file, arrangement(&agent.uri(), page)).unwrap();
    let apply = ["apply", file.to_str().unwrap(), "--config", config];
    let (_, out, said) = run(&apply, folder);
    let (_, key) = out.split_once("data-site=\"").expect(&said);
    let (key, _) = key.split_once('"').unwrap();
    let db = world.db().await;
    let site = db.site_by_key(key).await.unwrap().unwrap();
    let host = db.hosts(site.account, site.id).await.unwrap().remove(0);
    challenge.set(host.challenge.clone()).unwrap();
    let server = world.serve();
    let browser = Browser::new(&world, page);
    let check = format!("/sites/{}/hosts/{}/check", site.id, host.id);
    browser.prove(password.trim(), &check).await;

    let (_, locked) = browser.ask(key, "leaflet").await;
    let (_, honest) = browser.ask(key, "poster").await;
    let number = |answer: &serde_json::Value| answer["number"]["e164"].as_str().unwrap().to_owned();
    let caller = Softphone::start(SoftphoneConfig::default()).await.unwrap();
    let result = call(&world, &caller, &number(&locked)).await;
    assert!(result.answered, "{result:?}\n{}", world.said());

    let (_, video) = browser
        .beat(key, &honest, json!({"requestFullscreen": 4}))
        .await;
    assert!(video["expires"].is_string(), "{video}");
    let locks = json!({"requestFullscreen": 3, "lock": 1, "addEventListener": 1, "alert": 12});
    let (status, answer) = browser.beat(key, &locked, locks).await;
    assert_eq!((status, &answer["reason"]), (200, &json!("withdrawn")));

    let result = call(&world, &caller, &number(&locked)).await;
    assert_eq!(result.final_code, 404, "{result:?}\n{}", world.said());
    let result = call(&world, &caller, &number(&honest)).await;
    assert!(result.answered, "another visit's: {result:?}");
    // The look that this led to found an honest page.
    let (_, later) = browser.ask(key, "radio").await;
    assert_ne!(number(&later), number(&locked), "it is nobody's meanwhile");
    assert!(db.cases(10).await.unwrap().is_empty());

    let page = db
        .calls(site.account, &CallFilter::default(), None, 9)
        .await;
    let mut calls = page.unwrap().calls;
    calls.sort_by_key(|call| call.started_at);
    let refused = &calls[1];
    assert_eq!(refused.disposition, Some(Disposition::Rejected));
    assert_eq!(
        refused.confidence,
        Confidence::Certain,
        "its visit is known"
    );
    let events = db.call_events(site.account, refused.id).await.unwrap();
    let why = events.iter().find_map(|event| match &event.kind {
        CallEventKind::Ended { reason, .. } => Some(reason.as_str()),
        _ => None,
    });
    assert!(why.unwrap().contains("taken back"), "{why:?}");
    assert!(server.stop().success());
    db.close().await;
    pages.abort();
}
