//! Transfers, through the whole program: an agent's telephone puts its caller through by REFER (baresip's `transfer`).

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop at once"
)]

mod support;

use std::time::{Duration, Instant};

use ringfence_media::tone;
use ringfence_model::{AuditFilter, Call, CallEventKind, Disposition, LegOutcome};
use ringfence_platform::now;
use ringfence_store::{CallFilter, Db};
use ringfence_testing::baresip::{Baresip, Registrar, free_ports};
use ringfence_testing::{Engine, on_both_engines};
use support::{World, run};

on_both_engines!(
    an_agents_phone_puts_its_caller_through_to_a_colleague_and_the_recording_goes_on,
    a_program_puts_a_caller_through_and_who_talked_has_it_until_somebody_answers,
);

const PASSWORD: &str = "correct-horse-battery";
const NUMBER: &str = "+442079460001";
/// Rows and events take a second or two unless the machine is very busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// Three phones, of which the first takes the calls.
async fn world(engine: Engine) -> World {
    let mut world = World::new(engine.database_with_tables().await);
    // baresip of this age knows MD5 alone.
    world.more = "phone_md5_only = true\n".into();
    let text = format!(
        "[[trunk]]\nname = \"Carrier\"\naddresses = [\"127.0.0.1\"]\ncountry = \"GB\"\n\
         [[target]]\nname = \"Ann\"\nphone = \"ann\"\npassword = \"{PASSWORD}\"\n\
         [[target]]\nname = \"Ben Jones\"\nphone = \"102\"\npassword = \"{PASSWORD}\"\n\
         [[target]]\nname = \"Cat\"\nphone = \"103\"\npassword = \"{PASSWORD}\"\n\
         [[group]]\nname = \"Sales\"\ntargets = [\"Ann\"]\n\
         [[plan]]\nname = \"Main\"\nring = [\"Sales\"]\n\
         [[number]]\ne164 = \"{NUMBER}\"\nplan = \"Main\"\n"
    );
    std::fs::write(world.folder.path().join("arrangement.toml"), text).unwrap();
    for arguments in [
        &["user", "add", "--email", "owner@example.com"][..],
        &["apply", "arrangement.toml"],
    ] {
        let config = world.config();
        let arguments = [arguments, &["--config", config.to_str().unwrap()]].concat();
        let (code, out, said) = run(&arguments, world.folder.path());
        assert_eq!(code, Some(0), "{out}{said}");
    }
    world
}

async fn until<T>(world: &World, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}: {}", world.said());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A phone with two lines that is registered; so many are then.
async fn phone(world: &World, db: &Db, user: &str, tone_hz: u32, count: usize) -> Baresip {
    let registrar = Registrar {
        address: world.sip,
        password: PASSWORD.into(),
        transport: "udp",
        interval: 600,
    };
    let phone = Baresip::with_lines(free_ports(), user, &registrar, tone_hz, 2).await;
    let account = db.first_account().await.unwrap().unwrap().id;
    until(world, "registered", async || {
        let found = db.registrations(account, now()).await.unwrap();
        (found.len() == count).then_some(())
    })
    .await;
    phone
}

async fn newest(db: &Db) -> Option<Call> {
    let account = db.first_account().await.unwrap().unwrap().id;
    let calls = db.calls(account, &CallFilter::default(), None, 10).await;
    calls.unwrap().calls.into_iter().next()
}

async fn events(db: &Db, call: &Call) -> Vec<CallEventKind> {
    let events = db.call_events(call.account, call.id).await.unwrap();
    events.into_iter().map(|event| event.kind).collect()
}

async fn ended(db: &Db, world: &World) -> Call {
    until(world, "the call's end", async || {
        newest(db).await.filter(|call| call.ended_at.is_some())
    })
    .await
}

async fn an_agents_phone_puts_its_caller_through_to_a_colleague_and_the_recording_goes_on(
    engine: Engine,
) {
    let world = world(engine).await;
    let db = world.db().await;
    let server = world.serve();
    let mut ann = phone(&world, &db, "ann", 880, 1).await;
    let mut ben = phone(&world, &db, "102", 600, 2).await;
    let mut caller = Baresip::start(free_ports(), "+441632960001", 440).await;
    caller.dial(&format!("sip:{NUMBER}@{}", world.sip)).await;
    ann.answer().await;
    caller.event("CALL_ESTABLISHED").await;
    ann.event("CALL_RTPESTAB").await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    ann.transfer(&format!("sip:102@{}", world.sip)).await;
    ben.answer().await;
    ben.event("CALL_RTPESTAB").await;
    ann.event("CALL_CLOSED").await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    caller.hang_up().await;
    ben.event("CALL_CLOSED").await;

    let call = ended(&db, &world).await;
    assert_eq!(call.disposition, Some(Disposition::Answered));
    assert!(!call.failed_over, "a transfer is no failure");
    let told = events(&db, &call).await;
    let transferred = CallEventKind::Transferring {
        leg: leg_of(&told, "Ann"),
        reason: "Ann puts the caller through to Ben Jones".into(),
    };
    assert!(told.contains(&transferred), "{told:?}");
    let ben_leg = leg_of(&told, "Ben Jones");
    assert!(told.contains(&CallEventKind::Answered { leg: ben_leg }));
    // Whoever talked has a row, each with its own time; the call was answered when the first one did.
    let legs = db.legs(call.account, call.id).await.unwrap();
    assert_eq!(legs.len(), 2);
    for leg in &legs {
        assert_eq!(leg.outcome, Some(LegOutcome::Answered));
    }
    assert_eq!(call.answered_at, legs[0].answered_at);
    assert!(legs[0].ended_at <= legs[1].answered_at);
    assert_eq!(call.target, Some(legs[1].target));

    assert_recorded(&world, &db, &call).await;
    assert!(server.stop().success(), "{}", world.said());
    db.close().await;
}

/// The first one refuses, and Ann goes on talking; the second one takes the caller.
async fn a_program_puts_a_caller_through_and_who_talked_has_it_until_somebody_answers(
    engine: Engine,
) {
    let world = world(engine).await;
    let db = world.db().await;
    let key = [
        "key", "add", "--name", "desk", "--scope", "change", "--config",
    ];
    let config = world.config();
    let arguments = [&key[..], &[config.to_str().unwrap()]].concat();
    let (code, key, said) = run(&arguments, world.folder.path());
    assert_eq!(code, Some(0), "{key}{said}");
    let server = world.serve();
    let mut ann = phone(&world, &db, "ann", 880, 1).await;
    let mut ben = phone(&world, &db, "102", 600, 2).await;
    let mut cat = phone(&world, &db, "103", 1_000, 3).await;
    let mut caller = Baresip::start(free_ports(), "+441632960001", 440).await;
    caller.dial(&format!("sip:{NUMBER}@{}", world.sip)).await;
    let call = until(&world, "the call", async || newest(&db).await).await;
    let wishes = async |wish: serde_json::Value| {
        let url = format!("http://{}/v1/calls/{}/transfer", world.http, call.id);
        let asked = reqwest::Client::new().post(url).bearer_auth(key.trim());
        let answer = asked.json(&wish).send().await.unwrap();
        let status = answer.status().as_u16();
        let body: serde_json::Value = answer.json().await.unwrap();
        (
            status,
            body["reason"].as_str().unwrap_or_default().to_owned(),
        )
    };
    // Another test of this process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cat_wanted = || serde_json::json!({"target": "Cat"});
    let refused = |word: &str| (409, word.to_owned());
    assert_eq!(wishes(cat_wanted()).await, refused("not_answered"));
    ann.answer().await;
    caller.event("CALL_ESTABLISHED").await;
    ann.event("CALL_RTPESTAB").await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let abroad = serde_json::json!({"number": "+12125550123"});
    assert_eq!(wishes(abroad).await, refused("transfer_refused"));

    assert_eq!(wishes(cat_wanted()).await, (202, String::new()));
    cat.event("CALL_INCOMING").await;
    assert_eq!(wishes(cat_wanted()).await, refused("transfer_under_way"));
    cat.hang_up().await;
    until(&world, "that Cat refuses", async || {
        let told = events(&db, &call).await;
        let failed = |kind: &CallEventKind| {
            matches!(kind, CallEventKind::TransferFailed { reason, .. } if reason == "nobody took the transfer")
        };
        told.iter().any(failed).then_some(())
    })
    .await;

    let ben_wanted = serde_json::json!({"target": "Ben Jones"});
    assert_eq!(wishes(ben_wanted).await, (202, String::new()));
    ben.answer().await;
    ben.event("CALL_RTPESTAB").await;
    ann.event("CALL_CLOSED").await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    caller.hang_up().await;
    ben.event("CALL_CLOSED").await;
    let call = ended(&db, &world).await;
    assert_eq!(wishes(cat_wanted()).await, refused("call_over"));

    let told = events(&db, &call).await;
    let transferred = CallEventKind::Transferring {
        leg: leg_of(&told, "Ann"),
        reason: "the API key desk puts the caller through to Ben Jones".into(),
    };
    assert!(told.contains(&transferred), "{told:?}");
    let legs = db.legs(call.account, call.id).await.unwrap();
    let outcomes: Vec<_> = legs.iter().map(|leg| leg.outcome).collect();
    assert_eq!(outcomes[0], Some(LegOutcome::Answered), "Ann");
    assert_ne!(outcomes[1], Some(LegOutcome::Answered), "Cat");
    assert_eq!(outcomes[2], Some(LegOutcome::Answered), "Ben");
    assert_eq!(call.target, Some(legs[2].target));
    assert_recorded(&world, &db, &call).await;
    let all = AuditFilter::default();
    let log = db.audit_log(call.account, &all, 100).await.unwrap();
    let log: Vec<_> = log
        .iter()
        .filter(|entry| entry.action == "call.transfer")
        .map(|entry| (entry.actor.name.as_str(), entry.object.id))
        .collect();
    assert_eq!(
        log,
        [("desk", call.id.0); 2],
        "what was refused is no change"
    );
    assert!(server.stop().success(), "{}", world.said());
    db.close().await;
}

/// The caller is on the left all the time; Ann, then Ben on the right.
async fn assert_recorded(world: &World, db: &Db, call: &Call) {
    let recording = db.recording_of_call(call.account, call.id).await.unwrap();
    let path = world.recordings().join(recording.unwrap().path);
    let mut reader = hound::WavReader::open(path).unwrap();
    let samples: Vec<i16> = reader.samples::<i16>().map(Result::unwrap).collect();
    let channel =
        |first: usize| -> Vec<i16> { samples.iter().skip(first).step_by(2).copied().collect() };
    let heard =
        |samples: &[i16]| tone::dominant(samples, 8_000, &[440.0, 600.0, 880.0]).map(|(hz, _)| hz);
    let (left, right) = (channel(0), channel(1));
    let second = 8_000;
    let last = right.len() - second;
    assert_eq!(heard(&left[..second]), Some(440.0));
    assert_eq!(heard(&left[last..]), Some(440.0));
    assert_eq!(heard(&right[second / 4..second]), Some(880.0), "Ann");
    assert_eq!(heard(&right[last..]), Some(600.0), "Ben");
}

/// Ann has her caller on hold, calls Ben, and joins them. baresip of this age has no key for the last of it: the test writes
/// what a newer one sends.
#[tokio::test]
async fn an_agents_phone_calls_a_colleague_and_joins_its_caller_with_that_one() {
    let world = world(Engine::Sqlite).await;
    let db = world.db().await;
    let server = world.serve();
    let mut ann = phone(&world, &db, "ann", 880, 1).await;
    let mut ben = phone(&world, &db, "102", 600, 2).await;
    let mut caller = Baresip::start(free_ports(), "+441632960001", 440).await;
    caller.dial(&format!("sip:{NUMBER}@{}", world.sip)).await;
    ann.answer().await;
    caller.event("CALL_ESTABLISHED").await;
    ann.event("CALL_RTPESTAB").await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    ann.hold().await;
    until(&world, "the hold", async || {
        let told = events(&db, &newest(&db).await?).await;
        let by = ringfence_model::Party::Callee;
        told.contains(&CallEventKind::Held { by }).then_some(())
    })
    .await;

    let colleague = format!("sip:102@{}", world.sip);
    ann.dial(&colleague).await;
    ben.answer().await;
    ben.event("CALL_RTPESTAB").await;
    ann.event("CALL_ESTABLISHED").await;
    let replaces = ann.replaces("102");
    ann.line(1).await;
    ann.transfer(&format!("{colleague}?Replaces={replaces}"))
        .await;
    ann.event("CALL_CLOSED").await;
    ann.event("CALL_CLOSED").await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    caller.hang_up().await;
    ben.event("CALL_CLOSED").await;

    let call = ended(&db, &world).await;
    assert_eq!(call.disposition, Some(Disposition::Answered));
    let told = events(&db, &call).await;
    let joined = told.iter().any(|kind| match kind {
        CallEventKind::Transferring { leg, reason } => {
            *leg == leg_of(&told, "Ann")
                && reason.starts_with("Ann joins the caller with Ben Jones after a talk of ")
        }
        _ => false,
    });
    assert!(joined, "{told:?}");
    let legs = db.legs(call.account, call.id).await.unwrap();
    assert_eq!(legs.len(), 2);
    for leg in &legs {
        assert_eq!(leg.outcome, Some(LegOutcome::Answered));
    }
    assert_eq!(call.target, Some(legs[1].target));
    let every = CallFilter::default();
    let all = db.calls(call.account, &every, None, 10).await.unwrap();
    let all = all.calls;
    assert_eq!(all.len(), 1, "a talk inside the house is no call: {all:?}");
    assert_recorded(&world, &db, &call).await;
    assert!(server.stop().success(), "{}", world.said());
    db.close().await;
}

/// The leg of whoever has this name.
fn leg_of(events: &[CallEventKind], wanted: &str) -> ringfence_model::LegId {
    let found = events.iter().find_map(|kind| match kind {
        CallEventKind::Ringing { leg, name, .. } if name == wanted => Some(*leg),
        _ => None,
    });
    found.unwrap()
}
