//! What comes between an answer and the conversation, what targets see, and what is recorded: through the whole program,
//! with real telephones, and tones that are measured.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop at once"
)]

#[allow(dead_code, reason = "what the tests of telephony need beside")]
#[path = "../../telephony/tests/calls/phone.rs"]
mod phone;
#[path = "support/shop.rs"]
mod shop;
mod support;

/// What the phone calls.
mod harness {
    pub const NUMBER: &str = "+442079460001";
}

use std::net::SocketAddr;
use std::time::Duration;

use phone::Phone;
use ringfence_model::{CallEventKind, Disposition, LegOutcome};
use ringfence_softphone::Behaviour;
use ringfence_testing::{Engine, on_both_engines};
use shop::{CARRIER, Shop, applied};

on_both_engines!(
    a_whisper_is_heard_by_the_callee_alone_and_without_its_key_the_next_is_rung,
    a_key_is_taken_by_info_and_what_it_is_for_is_told,
    consent_is_heard_by_both_before_anything_is_recorded,
    a_target_sees_the_number_that_the_plan_shows,
);

/// A tone that is not there: silence, coding and the edges of others leave less.
const NOTHING: f64 = 0.01;

/// What one of them does, where it may wait.
fn side<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> tokio::task::JoinHandle<T> {
    tokio::task::spawn_blocking(run)
}

fn nobody() -> SocketAddr {
    ([127, 0, 0, 1], 9).into()
}

async fn a_whisper_is_heard_by_the_callee_alone_and_without_its_key_the_next_is_rung(
    engine: Engine,
) {
    // Ann's telephone is answered by a machine, which presses nothing.
    let ann = shop::phone(Behaviour::default()).await;
    let mut ben = Phone::new(nobody());
    let (first, second) = (ann.uri(), ben.uri());
    let shop = Shop::open(
        engine,
        &format!(
            "{CARRIER}[[target]]\nname = \"Ann\"\nuri = \"{first}\"\n\
             [[target]]\nname = \"Ben\"\nuri = \"{second}\"\n\
             [[group]]\nname = \"Sales\"\ntargets = [\"Ann\", \"Ben\"]\n\
             [[prompt]]\nname = \"welcome\"\nfile = \"welcome.wav\"\n\
             [[plan]]\nname = \"Main\"\nstart = \"sales\"\n\
             [plan.steps.sales.ring]\ngroup = \"Sales\"\nwhisper = \"welcome\"\naccept_key = \"1\"\n\
             [[number]]\ne164 = \"+442079460001\"\nplan = \"Main\"\n"
        ),
    )
    .await;
    let server = shop.world.sip;
    ben.calls_from(server);
    let (accepts, accepted) = std::sync::mpsc::channel();
    let ben = side(move || {
        ben.answers();
        let whisper = ben.listens(60);
        assert!(whisper.level(620.0) > 0.2, "{}", whisper.level(620.0));
        assert!(whisper.level(440.0) < NOTHING, "{}", whisper.level(440.0));
        ben.presses(9);
        ben.presses(1);
        accepts.send(()).unwrap();
        let talk = ben.speaks(880.0, 100);
        assert!(talk.level(440.0) > 0.1, "{}", talk.level(440.0));
        ben.gets_hung_up();
    });
    let caller = side(move || {
        let mut caller = Phone::new(server);
        caller.calls();
        assert!(accepted.try_recv().is_ok(), "it is not answered before");
        let talk = caller.speaks(440.0, 75);
        assert!(talk.level(880.0) > 0.1, "{}", talk.level(880.0));
        assert!(talk.level(620.0) < NOTHING, "{}", talk.level(620.0));
        caller.hangs_up();
    });
    caller.await.expect("the caller's side");
    ben.await.expect("the callee's side");

    let calls = shop.ended(1).await;
    let call = &calls[0];
    assert_eq!(call.disposition, Some(Disposition::Answered), "{call:?}");
    let heard = ann.counters().last_heard.unwrap();
    assert_eq!(heard.tone_hz, Some(620.0), "{heard:?}");
    let events = shop.events(call).await;
    let told = |reason: &str| {
        let is_it = |event: &CallEventKind| match event {
            CallEventKind::LegFailed {
                outcome: LegOutcome::NoAnswer,
                reason: told,
                ..
            }
            | CallEventKind::PickedUp { reason: told, .. } => told == reason,
            _ => false,
        };
        events.iter().filter(|event| is_it(event)).count()
    };
    let missed = "somebody picked up, and did not press 1 within 10 s";
    assert_eq!(told(missed), 1, "{events:?}");
    assert_eq!(told("has to press 1 to take the call"), 2, "{events:?}");
    let sound = shop.recorded(call).await.expect("it was recorded");
    assert!(sound.caller(440.0) > 0.1 && sound.callee(880.0) > 0.1);
    for level in [sound.caller(620.0), sound.callee(620.0)] {
        assert!(level < NOTHING, "the whisper is recorded: {level}");
    }
    shop.close().await;
}

async fn a_key_is_taken_by_info_and_what_it_is_for_is_told(engine: Engine) {
    let mut ben = Phone::new(nobody());
    let uri = ben.uri();
    let shop = Shop::open(
        engine,
        &format!(
            "{CARRIER}[[target]]\nname = \"Ben\"\nuri = \"{uri}\"\n\
             [[group]]\nname = \"Sales\"\ntargets = [\"Ben\"]\n\
             [[plan]]\nname = \"Main\"\nstart = \"sales\"\n\
             [plan.steps.sales.ring]\ngroup = \"Sales\"\naccept_key = \"5\"\nrecord = false\n\
             [[number]]\ne164 = \"+442079460001\"\nplan = \"Main\"\n"
        ),
    )
    .await;
    ben.calls_from(shop.world.sip);
    let ben = side(move || {
        ben.answers();
        // Without a prompt of the plan's own there is a tone for any key but 1.
        let asked = ben.listens(15);
        assert!(asked.level(1000.0) > 0.1, "{}", asked.level(1000.0));
        ben.presses_by_info('5');
        let talk = ben.speaks(880.0, 50);
        assert!(talk.level(440.0) > 0.1, "{}", talk.level(440.0));
        ben.gets_hung_up();
    });
    let call = shop.call("02079460001", Duration::from_secs(2)).await;
    assert!(call.answered, "{call:?}\n{}", shop.world.said());
    ben.await.expect("the callee's side");
    let calls = shop.ended(1).await;
    assert_eq!(calls[0].disposition, Some(Disposition::Answered));
    assert!(
        shop.recorded(&calls[0]).await.is_none(),
        "the step says that it is not recorded"
    );
    shop.close().await;
}

async fn consent_is_heard_by_both_before_anything_is_recorded(engine: Engine) {
    let mut ann = Phone::new(nobody());
    let uri = ann.uri();
    let shop = Shop::open(
        engine,
        &format!(
            "{CARRIER}[[target]]\nname = \"Ann\"\nuri = \"{uri}\"\n\
             [[group]]\nname = \"Sales\"\ntargets = [\"Ann\"]\n\
             [[prompt]]\nname = \"welcome\"\nfile = \"welcome.wav\"\n\
             [[plan]]\nname = \"Main\"\nstart = \"sales\"\n\
             [plan.steps.sales.ring]\ngroup = \"Sales\"\nrecord = {{ consent = \"welcome\" }}\n\
             [[number]]\ne164 = \"+442079460001\"\nplan = \"Main\"\n"
        ),
    )
    .await;
    let server = shop.world.sip;
    ann.calls_from(server);
    let ann = side(move || {
        ann.answers();
        let before = ann.speaks(1200.0, 60);
        assert!(before.level(620.0) > 0.1, "{}", before.level(620.0));
        assert!(before.level(1000.0) < NOTHING, "{}", before.level(1000.0));
        let talk = ann.speaks(880.0, 200);
        assert!(talk.level(440.0) > 0.05, "{}", talk.level(440.0));
        ann.gets_hung_up();
    });
    let caller = side(move || {
        let mut caller = Phone::new(server);
        caller.calls();
        // What it says while the prompt plays is nobody's business.
        let before = caller.speaks(1000.0, 60);
        assert!(before.level(620.0) > 0.1, "{}", before.level(620.0));
        assert!(before.level(1200.0) < NOTHING, "{}", before.level(1200.0));
        let is_joined = (0..250).any(|_| caller.listens(10).level(880.0) > 0.1);
        assert!(is_joined, "they are joined within a minute");
        let talk = caller.speaks(440.0, 75);
        assert!(talk.level(880.0) > 0.1, "{}", talk.level(880.0));
        caller.hangs_up();
    });
    caller.await.expect("the caller's side");
    ann.await.expect("the callee's side");

    let calls = shop.ended(1).await;
    assert_eq!(calls[0].disposition, Some(Disposition::Answered));
    let sound = shop.recorded(&calls[0]).await.expect("it was recorded");
    assert!(sound.caller(440.0) > 0.1, "{}", sound.caller(440.0));
    assert!(sound.callee(880.0) > 0.1, "{}", sound.callee(880.0));
    for level in [
        sound.caller(1000.0),
        sound.callee(1200.0),
        sound.callee(620.0),
    ] {
        assert!(level < NOTHING, "recorded before consent: {level}");
    }
    shop.close().await;
}

async fn a_target_sees_the_number_that_the_plan_shows(engine: Engine) {
    let mut ann = Phone::new(nobody());
    let uri = ann.uri();
    let arrangement = |shown: &str| {
        format!(
            "{CARRIER}[[target]]\nname = \"Ann\"\nuri = \"{uri}\"\n\
             [[group]]\nname = \"Sales\"\ntargets = [\"Ann\"]\n\
             [[plan]]\nname = \"Main\"\nstart = \"sales\"\n\
             [plan.steps.sales.ring]\ngroup = \"Sales\"\ncaller_id = \"{shown}\"\n\
             [[plan]]\nname = \"Dialled\"\nstart = \"sales\"\n\
             [plan.steps.sales.ring]\ngroup = \"Sales\"\ncaller_id = \"dialled\"\n\
             [[number]]\ne164 = \"+442079460001\"\nplan = \"Main\"\n\
             [[number]]\ne164 = \"+442079460002\"\nplan = \"Dialled\"\n"
        )
    };
    let shop = Shop::open(engine, &arrangement("+442079460002")).await;
    // A number of somebody else's is shown to nobody.
    let (code, said) = applied(&shop.world, &arrangement("+442079460099"));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("`ring.caller_id`"), "{said}");
    ann.calls_from(shop.world.sip);
    let ann = side(move || {
        let mut seen = Vec::new();
        for _ in 0..2 {
            let invite = ann.answers();
            let from = invite.lines().find(|line| line.starts_with("From:"));
            seen.push(from.unwrap().to_owned());
            ann.gets_hung_up();
        }
        seen
    });
    for number in ["02079460001", "02079460002"] {
        let call = shop.call(number, Duration::from_millis(500)).await;
        assert!(call.answered, "{call:?}\n{}", shop.world.said());
    }
    let seen = ann.await.expect("the callee's side");
    for from in &seen {
        assert!(from.contains("<sip:+442079460002@"), "{seen:?}");
        assert!(!from.contains("1632960001"), "{seen:?}");
    }
    assert_eq!(shop.ended(2).await.len(), 2);
    shop.close().await;
}
