//! Agents' phones, through the whole program: they register with the password that the arrangement gave them, calls to a
//! tracking number reach them where they are, and nobody else gets in.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop at once"
)]

mod support;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ringfence_media::tone;
use ringfence_model::{Call, CallEventKind, Disposition, Registration};
use ringfence_platform::now;
use ringfence_store::{CallFilter, Db};
use ringfence_testing::baresip::{Baresip, Registrar, free_ports};
use ringfence_testing::{Engine, on_both_engines};
use support::{World, run};

on_both_engines!(
    a_phone_registers_takes_calls_and_is_remembered_until_it_expires,
    who_does_not_know_the_password_never_registers,
);

const PASSWORD: &str = "correct-horse-battery";
const CALLER: &str = "+441632960001";
const NUMBER: &str = "+442079460001";

/// Rows and events take a second or two unless the machine is very busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// A world with one phone, `ann`, whose calls go to a desk when she cannot be reached.
async fn world(engine: Engine, desk: SocketAddr) -> World {
    let mut world = World::new(engine.database_with_tables().await);
    // baresip of this age knows MD5 alone; and nobody has an hour to wait.
    world.more = "phone_md5_only = true\nphone_expiry_min = 1\n".into();
    let folder = world.folder.path();
    std::fs::write(folder.join("ann.secret"), format!("{PASSWORD}\n")).unwrap();
    std::fs::write(
        folder.join("arrangement.toml"),
        format!(
            "[[trunk]]\nname = \"Carrier\"\naddresses = [\"127.0.0.1\"]\ncountry = \"GB\"\n\
             [[target]]\nname = \"Ann\"\nphone = \"ann\"\npassword_file = \"ann.secret\"\n\
             [[target]]\nname = \"Desk\"\nuri = \"sip:desk@{desk}\"\n\
             [[group]]\nname = \"Sales\"\ntargets = [\"Ann\", \"Desk\"]\n\
             [[plan]]\nname = \"Main\"\nring = [\"Sales\"]\n\
             [[number]]\ne164 = \"{NUMBER}\"\nplan = \"Main\"\n"
        ),
    )
    .unwrap();
    done(&world, &["user", "add", "--email", "owner@example.com"]);
    let said = done(&world, &["apply", "arrangement.toml"]);
    assert!(said.contains("changed phone ann"), "{said}");
    let again = done(&world, &["apply", "arrangement.toml"]);
    assert!(again.contains("is as the file says"), "{again}");
    world
}

fn done(world: &World, arguments: &[&str]) -> String {
    let config = world.config();
    let arguments = [arguments, &["--config", config.to_str().unwrap()]].concat();
    let (code, out, said) = run(&arguments, world.folder.path());
    assert_eq!(code, Some(0), "{out}{said}");
    out
}

fn registrar(world: &World, password: &str, transport: &'static str, interval: u32) -> Registrar {
    Registrar {
        address: world.sip,
        password: password.into(),
        transport,
        interval,
    }
}

/// The next call's row once it has ended; those before are `known`.
async fn ended(db: &Db, world: &World, known: usize) -> Call {
    let account = db.first_account().await.unwrap().unwrap().id;
    let until = Instant::now() + PATIENCE;
    loop {
        let page = db
            .calls(account, &CallFilter::default(), None, 100)
            .await
            .unwrap();
        if page.calls.len() > known
            && let Some(call) = page.calls.first().filter(|call| call.ended_at.is_some())
        {
            return call.clone();
        }
        assert!(Instant::now() < until, "{}", world.said());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until a gauge of `/metrics` is at zero, or a counter has come to so much.
async fn metric(world: &World, name: &str, value: u32) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let until = Instant::now() + PATIENCE;
    loop {
        let asked = reqwest::get(format!("http://{}/metrics", world.http)).await;
        let text = asked.unwrap().text().await.unwrap();
        let mut values = text.lines().filter_map(|line| {
            let value = line.strip_prefix(name)?.trim();
            value.parse::<u32>().ok()
        });
        if values.any(|found| {
            if value == 0 {
                found == 0
            } else {
                found >= value
            }
        }) {
            return;
        }
        let near = text
            .lines()
            .filter(|line| line.contains("phone") || line.contains("sip"));
        let near = near.collect::<Vec<_>>().join("\n");
        assert!(
            Instant::now() < until,
            "{name} {value}:\n{near}\n{}",
            world.said()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until so many registrations are in the rows.
async fn registered(db: &Db, world: &World, count: usize) -> Vec<Registration> {
    let account = db.first_account().await.unwrap().unwrap().id;
    let until = Instant::now() + PATIENCE;
    loop {
        let found = db.registrations(account, now()).await.unwrap();
        if found.len() == count {
            return found;
        }
        assert!(Instant::now() < until, "{found:?}\n{}", world.said());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What was decided in a call, in words.
async fn decided(db: &Db, call: &Call) -> Vec<String> {
    let events = db.call_events(call.account, call.id).await.unwrap();
    let reasons = events.into_iter().filter_map(|event| match event.kind {
        CallEventKind::Decided { reason, .. } => Some(reason),
        _ => None,
    });
    reasons.collect()
}

/// Both are heard on their own channel of the recording.
async fn sounds_right(db: &Db, world: &World, call: &Call) {
    let recording = db.recording_of_call(call.account, call.id).await.unwrap();
    let path = world.recordings().join(recording.unwrap().path);
    let mut reader = hound::WavReader::open(path).unwrap();
    let samples: Vec<i16> = reader.samples::<i16>().map(Result::unwrap).collect();
    let channel =
        |first: usize| -> Vec<i16> { samples.iter().skip(first).step_by(2).copied().collect() };
    let heard = |side| {
        let loudest = tone::dominant(&channel(side), 8_000, &[440.0, 600.0, 880.0]);
        loudest.map(|(hz, _)| hz)
    };
    assert_eq!(
        [heard(0), heard(1)],
        [Some(440.0), Some(880.0)],
        "the caller on the left, the callee on the right"
    );
}

async fn call(world: &World, db: &Db, phone: &mut Baresip, known: usize) -> Call {
    let mut caller = Baresip::start(free_ports(), CALLER, 440).await;
    caller.dial(&format!("sip:{NUMBER}@{}", world.sip)).await;
    phone.answer().await;
    caller.event("CALL_ESTABLISHED").await;
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    caller.hang_up().await;
    phone.event("CALL_CLOSED").await;
    let call = ended(db, world, known).await;
    assert_eq!(
        call.disposition,
        Some(Disposition::Answered),
        "{}",
        world.said()
    );
    call
}

async fn a_phone_registers_takes_calls_and_is_remembered_until_it_expires(engine: Engine) {
    let desk = free_ports();
    let world = world(engine, desk).await;
    let db = world.db().await;
    let mut desk = Baresip::start(desk, "desk", 880).await;
    let server = world.serve();

    // Not registered: the next one rings, and the timeline says why.
    let first = call(&world, &db, &mut desk, 0).await;
    let reasons = decided(&db, &first).await;
    let expected = "Ann is passed over: the phone ann is not registered";
    assert!(
        reasons.iter().any(|reason| reason == expected),
        "{reasons:?}"
    );

    let mut ann = Baresip::registered(
        free_ports(),
        "ann",
        &registrar(&world, PASSWORD, "udp", 600),
        880,
    )
    .await;
    let first_place = registered(&db, &world, 1).await.remove(0);
    assert!(
        first_place
            .agent
            .is_some_and(|agent| agent.contains("baresip"))
    );
    let second = call(&world, &db, &mut ann, 1).await;
    assert_ne!(second.target, first.target);
    sounds_right(&db, &world, &second).await;
    let found = done(&world, &["doctor"]);
    assert!(
        found.contains("1 of 1 registered: ann at 127.0.0.1:"),
        "{found}"
    );

    // A restart forgets nobody, and nobody has to register again for it.
    assert!(server.stop().success(), "{}", world.said());
    let server = world.serve();
    let third = call(&world, &db, &mut ann, 2).await;
    assert_eq!(
        third.target,
        second.target,
        "{:?}",
        decided(&db, &third).await
    );

    // Another password ends what was registered with the old one.
    std::fs::write(
        world.folder.path().join("ann.secret"),
        "battery-horse-correct",
    )
    .unwrap();
    assert!(done(&world, &["apply", "arrangement.toml"]).contains("changed phone ann"));
    assert_eq!(registered(&db, &world, 0).await, []);
    drop(ann);
    metric(&world, "ringfence_phones_registered", 0).await;

    // Over a stream, for a short while: it is called on that stream, and gone when it has expired.
    let registrar = registrar(&world, "battery-horse-correct", "tcp", 5);
    let listens = free_ports();
    let mut ann = Baresip::registered(listens, "ann", &registrar, 880).await;
    registered(&db, &world, 1).await;
    let fourth = call(&world, &db, &mut ann, 3).await;
    assert_eq!(
        fourth.target,
        second.target,
        "{:?}",
        decided(&db, &fourth).await
    );
    let place = registered(&db, &world, 1).await.remove(0);
    assert_ne!(place.address, listens, "it is the stream's port");
    drop(ann);
    assert_eq!(registered(&db, &world, 0).await, []);
    let fifth = call(&world, &db, &mut desk, 4).await;
    assert_eq!(fifth.target, first.target);
    let reasons = decided(&db, &fifth).await;
    assert!(
        reasons.iter().any(|reason| reason == expected),
        "{reasons:?}"
    );
    assert!(server.stop().success(), "{}", world.said());
    db.close().await;
}

async fn who_does_not_know_the_password_never_registers(engine: Engine) {
    let desk = free_ports();
    let world = world(engine, desk).await;
    let db = world.db().await;
    let server = world.serve();
    let eve = registrar(&world, "guess-guess-guess", "udp", 600);
    let guesses = "ringfence_sip_refused_total{reason=\"phone_password\"}";
    for tries in 1..=10 {
        let _eve = Baresip::registered(free_ports(), "ann", &eve, 880).await;
        metric(&world, guesses, tries).await;
    }
    metric(&world, "ringfence_sip_bans_total{of=\"address\"}", 1).await;
    assert_eq!(registered(&db, &world, 0).await, []);
    // The carrier's calls go on, even from that address.
    let mut desk = Baresip::start(desk, "desk", 880).await;
    call(&world, &db, &mut desk, 0).await;
    let said = world.said();
    assert!(said.contains("too many wrong passwords"), "{said}");
    assert!(!said.contains(PASSWORD), "a password was logged");
    assert!(server.stop().success(), "{}", world.said());
    db.close().await;
}
