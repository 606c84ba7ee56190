//! Agents, through the whole program: who is on a break is passed over and the timeline says why; a code that the agent's
//! phone dials brings the caller who waits; the rest after a call holds the next one back until the agent is ready.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop at once"
)]

mod support;

use std::time::{Duration, Instant};

use ringfence_model::{
    Agent, AgentChange, AgentMeans, AgentState, BreakReason, Call, CallEventKind, Timestamp,
};
use ringfence_platform::now;
use ringfence_softphone::{Behaviour, Softphone, SoftphoneConfig};
use ringfence_store::{CallFilter, Db};
use ringfence_testing::baresip::{Baresip, Registrar, free_ports};
use ringfence_testing::{Engine, on_both_engines};
use support::{World, run};

on_both_engines!(
    a_code_from_the_agents_phone_brings_the_caller_who_waits_and_ready_ends_the_rest,
    an_agent_who_does_not_answer_is_put_on_a_break,
    a_users_target_is_named_in_the_arrangement_and_mistakes_are_told,
);

const PASSWORD: &str = "correct-horse-battery";
const NUMBER: &str = "+442079460001";
/// Rows and events take a second or two unless the machine is very busy.
const PATIENCE: Duration = Duration::from_mins(1);

fn arrangement(agent: &str) -> String {
    format!(
        "[[trunk]]\nname = \"Carrier\"\naddresses = [\"127.0.0.1\"]\ncountry = \"GB\"\n\
         [[target]]\nname = \"Ann\"\nphone = \"ann\"\npassword = \"{PASSWORD}\"\n{agent}\nwrap_up = 600\n\
         [[group]]\nname = \"Sales\"\ntargets = [\"Ann\"]\n\
         [[plan]]\nname = \"Main\"\nstart = \"line\"\n[plan.steps.line.queue]\ngroup = \"Sales\"\n\
         [[number]]\ne164 = \"{NUMBER}\"\nplan = \"Main\"\n"
    )
}

fn asked(world: &World, arguments: &[&str]) -> (Option<i32>, String) {
    let config = world.config();
    let arguments = [arguments, &["--config", config.to_str().unwrap()]].concat();
    let (code, out, said) = run(&arguments, world.folder.path());
    (code, out + &said)
}

fn applied(world: &World, text: &str) -> (Option<i32>, String) {
    std::fs::write(world.folder.path().join("arrangement.toml"), text).unwrap();
    asked(world, &["apply", "arrangement.toml"])
}

async fn world(engine: Engine) -> World {
    let mut world = World::new(engine.database_with_tables().await);
    // baresip of this age knows MD5 alone.
    world.more = "phone_md5_only = true\n".into();
    for (email, role) in [("owner@example.com", "owner"), ("ann@example.com", "agent")] {
        let arguments = ["user", "add", "--email", email, "--role", role];
        let (code, said) = asked(&world, &arguments);
        assert_eq!(code, Some(0), "{said}");
    }
    world
}

/// Asks the rows until they say so.
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

/// The agent, once it stands so.
async fn stands(db: &Db, world: &World, state: AgentState) -> Agent {
    until(world, state.as_str(), async || {
        let agents = db.all_agents().await.unwrap();
        let (agent, _) = agents.into_iter().next().unwrap();
        (agent.state == state).then_some(agent)
    })
    .await
}

async fn calls(db: &Db) -> Vec<Call> {
    let account = db.first_account().await.unwrap().unwrap().id;
    let all = CallFilter::default();
    db.calls(account, &all, None, 10).await.unwrap().calls
}

/// Waits until the newest of so many calls was decided in these words.
async fn decided(db: &Db, world: &World, count: usize, words: &str) {
    until(world, words, async || {
        let calls = calls(db).await;
        let newest = calls.first().filter(|_| calls.len() == count)?;
        let events = db.call_events(newest.account, newest.id).await.unwrap();
        let mut reasons = events.into_iter().filter_map(|event| match event.kind {
            CallEventKind::Decided { reason, .. } => Some(reason),
            _ => None,
        });
        reasons.find(|reason| reason.contains(words))
    })
    .await;
}

/// The phone dials a code, hears its word, and is hung up.
async fn dials(world: &World, phone: &mut Baresip, code: &str) {
    phone.dial(&format!("sip:{code}@{}", world.sip)).await;
    phone.event("CALL_ESTABLISHED").await;
    phone.event("CALL_CLOSED").await;
}

/// Somebody calls, and is in the queue.
async fn caller(world: &World) -> Baresip {
    let mut caller = Baresip::start(free_ports(), "+441632960001", 440).await;
    caller.dial(&format!("sip:{NUMBER}@{}", world.sip)).await;
    caller.event("CALL_ESTABLISHED").await;
    caller
}

async fn a_code_from_the_agents_phone_brings_the_caller_who_waits_and_ready_ends_the_rest(
    engine: Engine,
) {
    let world = world(engine).await;
    let (code, said) = applied(&world, &arrangement("agent = \"ann@example.com\""));
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("made agent ann@example.com of target Ann"),
        "{said}"
    );
    let db = world.db().await;
    let server = world.serve();
    let registrar = Registrar {
        address: world.sip,
        password: PASSWORD.into(),
        transport: "udp",
        interval: 600,
    };
    let mut ann = Baresip::registered(free_ports(), "ann", &registrar, 880).await;
    let account = db.first_account().await.unwrap().unwrap().id;
    until(&world, "registered", async || {
        let found = db.registrations(account, now()).await.unwrap();
        (!found.is_empty()).then_some(())
    })
    .await;

    // What is no code reaches nobody.
    ann.dial(&format!("sip:+441632960002@{}", world.sip)).await;
    let closed = ann.event("CALL_CLOSED").await;
    assert!(closed["param"].to_string().contains("404"), "{closed}");

    let mut first = caller(&world).await;
    let signed_out = "passed over: Ann (its agent is signed out)";
    decided(&db, &world, 1, signed_out).await;
    dials(&world, &mut ann, "*46").await;
    let agent = stands(&db, &world, AgentState::OnBreak).await;
    assert_eq!(agent.reason, Some(BreakReason::Pause));
    first.hang_up().await;
    let mut second = caller(&world).await;
    let on_break = "passed over: Ann (its agent is on a break: short break)";
    decided(&db, &world, 2, on_break).await;

    // Available: whoever waits has her at once.
    dials(&world, &mut ann, "*45").await;
    ann.answer().await;
    ann.event("CALL_ESTABLISHED").await;
    second.hang_up().await;
    ann.event("CALL_CLOSED").await;

    // The rest lasts ten minutes, and a restart forgets nothing of it.
    let agent = stands(&db, &world, AgentState::WrappingUp).await;
    assert_eq!(agent.until.unwrap().since(agent.since).as_secs(), 600);
    assert!(server.stop().success(), "{}", world.said());
    let server = world.serve();
    let mut third = caller(&world).await;
    let rests = "passed over: Ann (wrapping up for another";
    decided(&db, &world, 3, rests).await;
    dials(&world, &mut ann, "*47").await;
    ann.answer().await;
    ann.event("CALL_ESTABLISHED").await;
    third.hang_up().await;
    ann.event("CALL_CLOSED").await;
    stands(&db, &world, AgentState::WrappingUp).await;
    dials(&world, &mut ann, "*48").await;
    stands(&db, &world, AgentState::SignedOut).await;
    // Signed out there is nothing to wrap up.
    dials(&world, &mut ann, "*47").await;
    stands(&db, &world, AgentState::SignedOut).await;

    let long_ago = Timestamp::from_micros(0);
    let kept = db.agent_changes(account, agent.user, long_ago, now()).await;
    let kept = kept.unwrap().1;
    let changes: Vec<_> = kept.iter().map(|one| (one.state, one.means)).collect();
    assert_eq!(
        changes,
        [
            (AgentState::OnBreak, AgentMeans::Phone),
            (AgentState::Available, AgentMeans::Phone),
            (AgentState::WrappingUp, AgentMeans::Server),
            (AgentState::Available, AgentMeans::Phone),
            (AgentState::WrappingUp, AgentMeans::Server),
            (AgentState::SignedOut, AgentMeans::Phone),
        ]
    );
    assert!(server.stop().success(), "{}", world.said());
    assert_eq!(calls(&db).await.len(), 3, "codes are no calls");
    db.close().await;
}

async fn an_agent_who_does_not_answer_is_put_on_a_break(engine: Engine) {
    let world = world(engine).await;
    let rings = Behaviour {
        ring: Duration::from_mins(1),
        ..Behaviour::default()
    };
    let config = SoftphoneConfig {
        behaviour: rings,
        ..SoftphoneConfig::default()
    };
    let desk = Softphone::start(config).await.unwrap();
    let text = arrangement("agent = \"ann@example.com\"\nbreak_after = 2")
        .replace("[plan.steps.line.queue]", "[plan.steps.line.ring]")
        .replace(
            "targets = [\"Ann\"]",
            "targets = [\"Ann\"]\nring_seconds = 1",
        )
        .replace(
            &format!("phone = \"ann\"\npassword = \"{PASSWORD}\""),
            &format!("uri = \"{}\"", desk.uri()),
        );
    let (code, said) = applied(&world, &text);
    assert_eq!(code, Some(0), "{said}");
    let db = world.db().await;
    let (agent, _) = db.all_agents().await.unwrap().remove(0);
    let available = AgentChange {
        account: agent.account,
        target: agent.target,
        user: agent.user,
        at: now(),
        state: AgentState::Available,
        reason: None,
        until: None,
        means: AgentMeans::Page,
    };
    assert!(db.change_agent(&available).await.unwrap());
    let server = world.serve();
    for count in 1..=3 {
        let mut caller = Baresip::start(free_ports(), "+441632960001", 440).await;
        caller.dial(&format!("sip:{NUMBER}@{}", world.sip)).await;
        caller.event("CALL_CLOSED").await;
        if count == 2 {
            let agent = stands(&db, &world, AgentState::OnBreak).await;
            assert_eq!(agent.reason, Some(BreakReason::NotAnswering));
        }
        if count == 3 {
            let away = "passed over: Ann (its agent is on a break: not answering)";
            until(&world, away, async || {
                let calls = calls(&db).await;
                let reason = calls.first()?.reason.as_ref()?;
                (calls.len() == 3 && reason.contains(away)).then_some(())
            })
            .await;
        }
    }
    assert_eq!(desk.counters().offered, 2);
    assert!(server.stop().success(), "{}", world.said());
    db.close().await;
}

async fn a_users_target_is_named_in_the_arrangement_and_mistakes_are_told(engine: Engine) {
    let world = world(engine).await;
    for (agent, problem) in [
        (
            "agent = \"nobody@example.com\"",
            "`agent` expected the address of a user of this account, got \"nobody@example.com\"",
        ),
        (
            "agent = \"ann@example.com\"\n[[target]]\nname = \"Two\"\nuri = \"sip:two@192.0.2.1\"\nagent = \"ann@example.com\"",
            "ann@example.com answers at \"Ann\" already; a user answers at one target",
        ),
    ] {
        let (code, said) = applied(&world, &arrangement(agent));
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(problem), "{said}");
    }
    let text = arrangement("agent = \"ann@example.com\"");
    let too_long = text.replace("wrap_up = 600", "wrap_up = 3601");
    let (code, said) = applied(&world, &too_long);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("`wrap_up` expected 0 to 3600"), "{said}");
    assert_eq!(applied(&world, &text).0, Some(0));
    let (_, again) = applied(&world, &text);
    assert!(again.contains("is as the file says"), "{again}");

    let tried = |more: &[&str]| {
        let arguments = [&["plan", "try", "arrangement.toml"], more].concat();
        let (code, out, said) = run(&arguments, world.folder.path());
        assert_eq!(code, Some(0), "{out}{said}");
        out
    };
    assert!(!tried(&[]).contains("passed over"));
    let on_break = tried(&["--on-break", "Ann"]);
    assert!(on_break.contains("its agent is on a break"), "{on_break}");

    let (_, said) = applied(&world, &arrangement(""));
    assert!(said.contains("took the agent from target Ann"), "{said}");
    let db = world.db().await;
    assert_eq!(db.all_agents().await.unwrap(), []);
    db.close().await;
}
