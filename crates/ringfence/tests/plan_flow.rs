//! Calls do what their plans say, as things stand when it is their turn: through the whole program, with real telephones.

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

use std::time::Duration;

use ringfence_model::{CallEventKind, Disposition, LegOutcome};
use ringfence_softphone::{Behaviour, HungUpBy, Then};
use ringfence_testing::sipp::Sipp;
use ringfence_testing::{Engine, on_both_engines};
use shop::{CARRIER, Shop, applied, phone, scenario, talks};

on_both_engines!(
    the_least_busy_is_rung_nobody_gets_more_than_their_cap_and_the_timeline_says_why,
    all_ring_at_once_the_first_has_the_call_and_the_other_is_told_so,
    what_a_plan_says_is_heard_and_a_message_is_left,
    a_key_leads_to_who_was_asked_for,
    a_call_is_forwarded_only_where_the_account_may_dial,
);

async fn the_least_busy_is_rung_nobody_gets_more_than_their_cap_and_the_timeline_says_why(
    engine: Engine,
) {
    let (ann, ben) = (
        phone(Behaviour::default()).await,
        phone(Behaviour::default()).await,
    );
    let (first, second) = (ann.uri(), ben.uri());
    let shop = Shop::open(
        engine,
        &format!(
            "{CARRIER}[[target]]\nname = \"Ann\"\nuri = \"{first}\"\ncaps = {{ concurrent = 1 }}\n\
             [[target]]\nname = \"Ben\"\nuri = \"{second}\"\ncaps = {{ concurrent = 1 }}\n\
             [[group]]\nname = \"Sales\"\ntargets = [\"Ann\", \"Ben\"]\nstrategy = \"least_busy\"\n\
             [[plan]]\nname = \"Main\"\nring = [\"Sales\"]\n\
             [[number]]\ne164 = \"+442079460001\"\nplan = \"Main\"\n"
        ),
    )
    .await;
    let long = Duration::from_secs(4);
    let (one, two, three) = tokio::join!(
        shop.call("02079460001", long),
        async {
            talks(&ann).await;
            shop.call("02079460001", long).await
        },
        async {
            talks(&ann).await;
            talks(&ben).await;
            shop.call("02079460001", long).await
        }
    );
    assert!(
        one.answered && two.answered,
        "{one:?} {two:?}\n{}",
        shop.world.said()
    );
    assert_eq!(three.final_code, 480, "{three:?}");
    // Whoever hung up has room again.
    shop.ended(3).await;
    let four = shop.call("02079460001", Duration::from_millis(300)).await;
    assert!(four.answered, "{four:?}\n{}", shop.world.said());

    let calls = shop.ended(4).await;
    let (rung, _) = shop.why(&calls[0]).await;
    let least = "group \"Sales\": the least busy of 2 (no call now)";
    assert_eq!(rung, [("Ann".into(), least.into())]);
    let (rung, decided) = shop.why(&calls[1]).await;
    assert_eq!(rung[0].0, "Ben");
    assert!(decided.contains("Ann (full: 1 of 1 calls)"), "{decided}");
    assert_eq!(calls[2].disposition, Some(Disposition::Missed));
    let reason = calls[2].reason.as_deref().unwrap();
    assert!(reason.contains("Ben (full: 1 of 1 calls)"), "{reason}");
    shop.close().await;
}

async fn all_ring_at_once_the_first_has_the_call_and_the_other_is_told_so(engine: Engine) {
    let slow = Sipp::new(scenario("target_is_told_answered_elsewhere")).set("linger", "1");
    let quick = phone(Behaviour {
        ring: Duration::from_secs(1),
        ..Behaviour::default()
    })
    .await;
    let (first, second) = (slow.uri(), quick.uri());
    let shop = Shop::open(
        engine,
        &format!(
            "{CARRIER}[[target]]\nname = \"Slow\"\nuri = \"{first}\"\n\
             [[target]]\nname = \"Quick\"\nuri = \"{second}\"\n\
             [[group]]\nname = \"Sales\"\ntargets = [\"Slow\", \"Quick\"]\nstrategy = \"simultaneous\"\n\
             [[plan]]\nname = \"Main\"\nring = [\"Sales\"]\n\
             [[number]]\ne164 = \"+442079460001\"\nplan = \"Main\"\n"
        ),
    )
    .await;
    let slow = slow.start().await;
    let call = shop.call("02079460001", Duration::from_secs(2)).await;
    assert!(call.answered, "{call:?}\n{}", shop.world.said());
    assert_eq!(call.heard.tone_hz, Some(880.0), "{call:?}");
    slow.finish().await.expect("the slow target's side");

    let calls = shop.ended(1).await;
    assert_eq!(calls[0].disposition, Some(Disposition::Answered));
    assert!(!calls[0].failed_over, "nobody had failed");
    let legs = shop.db.legs(shop.account, calls[0].id).await.unwrap();
    let outcomes: Vec<_> = legs.iter().map(|leg| leg.outcome).collect();
    let expected = [LegOutcome::Cancelled, LegOutcome::Answered].map(Some);
    assert_eq!(outcomes, expected);
    let (rung, _) = shop.why(&calls[0]).await;
    assert_eq!(rung[0].1, "group \"Sales\": together with another");
    shop.close().await;
}

async fn what_a_plan_says_is_heard_and_a_message_is_left(engine: Engine) {
    let away = phone(Behaviour {
        ring: Duration::ZERO,
        then: Then::Busy,
        early_media: false,
    })
    .await;
    let uri = away.uri();
    let shop = Shop::open(
        engine,
        &format!(
            "{CARRIER}[[target]]\nname = \"Ann\"\nuri = \"{uri}\"\n\
             [[group]]\nname = \"Sales\"\ntargets = [\"Ann\"]\n\
             [[plan]]\nname = \"Shut\"\nstart = \"sorry\"\n\
             [plan.steps.sorry.say]\nprompt = \"builtin:en/closed\"\n\
             [[plan]]\nname = \"Box\"\nstart = \"ask\"\n\
             [plan.steps.ask.ring]\ngroup = \"Sales\"\notherwise = \"box\"\n\
             [plan.steps.box.voicemail]\nprompt = \"builtin:en/leave-a-message\"\nlongest = 30\n\
             [[prompt]]\nname = \"welcome\"\nfile = \"welcome.wav\"\n\
             [[plan]]\nname = \"Own\"\nstart = \"hello\"\n\
             [plan.steps.hello.say]\nprompt = \"welcome\"\n\
             [[number]]\ne164 = \"+442079460003\"\nplan = \"Own\"\n\
             [[number]]\ne164 = \"+442079460001\"\nplan = \"Shut\"\n\
             [[number]]\ne164 = \"+442079460002\"\nplan = \"Box\"\n"
        ),
    )
    .await;
    let shut = shop.call("02079460001", Duration::from_secs(30)).await;
    assert!(shut.answered, "{shut:?}\n{}", shop.world.said());
    assert_eq!(shut.hung_up_by, HungUpBy::Them);
    // The prompt has three seconds.
    assert!(shut.heard.packets > 100, "{shut:?}");
    let own = shop.call("02079460003", Duration::from_secs(30)).await;
    assert_eq!(
        (own.answered, own.hung_up_by),
        (true, HungUpBy::Them),
        "{own:?}"
    );
    assert_eq!(own.heard.tone_hz, Some(620.0), "{own:?}");
    // Who misspells it hears of it before any call does.
    let wrong = "[[plan]]\nname = \"Own\"\nstart = \"hello\"\n\
        [plan.steps.hello.say]\nprompt = \"wellcome\"\n";
    let (code, said) = applied(&shop.world, wrong);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("`say.prompt`") && said.contains("\"wellcome\""),
        "{said}"
    );
    let left = shop.call("02079460002", Duration::from_secs(8)).await;
    assert!(left.answered, "{left:?}\n{}", shop.world.said());

    let calls = shop.ended(3).await;
    for said in &calls[..2] {
        assert_eq!(said.disposition, Some(Disposition::Rejected), "{said:?}");
    }
    let call = &calls[2];
    assert_eq!(call.disposition, Some(Disposition::Voicemail), "{call:?}");
    assert_eq!(
        (call.answered_at, call.target),
        (None, None),
        "nobody spoke"
    );
    let events = shop.events(call).await;
    let is_finished =
        |event: &CallEventKind| matches!(event, CallEventKind::RecordingFinished { .. });
    assert!(events.iter().any(is_finished), "{events:?}");
    let sound = shop.recorded(call).await.expect("the message has a row");
    assert!(sound.caller(440.0) > 0.2, "{}", sound.caller(440.0));
    assert!(sound.callee_is_silent(), "only the caller");
    shop.close().await;
}

async fn a_key_leads_to_who_was_asked_for(engine: Engine) {
    let desk = phone(Behaviour::default()).await;
    let uri = desk.uri();
    let shop = Shop::open(
        engine,
        &format!(
            "{CARRIER}[[target]]\nname = \"Ann\"\nuri = \"{uri}\"\n\
             [[group]]\nname = \"Sales\"\ntargets = [\"Ann\"]\n\
             [[plan]]\nname = \"Main\"\nstart = \"choose\"\n\
             [plan.steps.choose.menu]\nprompt = \"builtin:en/please-hold\"\ntries = 2\ntimeout = 1\n\
             keys = {{ 2 = \"sales\" }}\notherwise = \"bye\"\n\
             [plan.steps.sales.ring]\ngroup = \"Sales\"\n\
             [plan.steps.bye.say]\nprompt = \"builtin:en/goodbye\"\n\
             [[number]]\ne164 = \"+442079460001\"\nplan = \"Main\"\n"
        ),
    )
    .await;
    // A wrong key, and then the right one: by RFC 4733, and by INFO.
    let server = shop.world.sip;
    let by_sound = move || {
        let mut phone = phone::Phone::new(server);
        phone.calls();
        phone.listens(20);
        phone.presses(9);
        phone.listens(20);
        phone.presses(2);
        let talk = phone.speaks(440.0, 100);
        assert!(talk.level(880.0) > 0.1, "{}", talk.level(880.0));
        phone.hangs_up();
    };
    tokio::task::spawn_blocking(by_sound)
        .await
        .expect("the phone's side");
    Sipp::new(scenario("caller_presses_keys"))
        .set("linger", "1")
        .set("talk", "1500")
        .remote(shop.world.sip, "02079460001")
        .run()
        .await
        .expect("the caller's side");
    let quiet = shop.call("02079460001", Duration::from_secs(40)).await;
    assert_eq!(
        (quiet.answered, quiet.hung_up_by),
        (true, HungUpBy::Them),
        "{quiet:?}"
    );

    let calls = shop.ended(3).await;
    for call in &calls[..2] {
        assert_eq!(call.disposition, Some(Disposition::Answered), "{call:?}");
        let (rung, decided) = shop.why(call).await;
        assert_eq!(rung[0].0, "Ann");
        for said in [
            "choose: the caller pressed 9; asks again, try 2 of 2",
            "choose: the caller pressed 2; on to \"sales\"",
        ] {
            assert!(decided.contains(said), "{said} is not in {decided}");
        }
    }
    let (rung, decided) = shop.why(&calls[2]).await;
    assert!(rung.is_empty(), "{rung:?}");
    assert!(
        decided.contains("the caller pressed no key; on to \"bye\""),
        "{decided}"
    );
    assert_eq!(desk.counters().answered, 2);
    shop.close().await;
}

async fn a_call_is_forwarded_only_where_the_account_may_dial(engine: Engine) {
    let far = phone(Behaviour::default()).await;
    let address = far.local_addr();
    let arrangement = |to: &str| {
        format!(
            "{CARRIER}send_to = \"sip:{address}\"\n\
             [[plan]]\nname = \"Main\"\nstart = \"away\"\n\
             [plan.steps.away.forward]\nnumber = \"{to}\"\ntrunk = \"Carrier\"\notherwise = \"shut\"\n\
             [plan.steps.shut.reject]\ncode = 480\n\
             [[number]]\ne164 = \"+442079460001\"\nplan = \"Main\"\n\
             [[number]]\ne164 = \"+442079460002\"\nplan = \"Main\"\n"
        )
    };
    let shop = Shop::open(engine, &arrangement("+442079460123")).await;
    // Another country is closed until it is opened.
    let (code, said) = applied(&shop.world, &arrangement("+12125550123"));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("numbers of US may not be dialled"), "{said}");
    let call = shop.call("02079460001", Duration::from_secs(1)).await;
    assert!(call.answered, "{call:?}\n{}", shop.world.said());
    assert_eq!(call.heard.tone_hz, Some(880.0), "{call:?}");
    // What was open when the plan was applied is closed now.
    let (code, said) = applied(&shop.world, "[dialling]\ncountries = [\"FR\"]\n");
    assert_eq!(code, Some(0), "{said}");
    let closed = shop.call("02079460002", Duration::from_secs(1)).await;
    assert_eq!(closed.final_code, 480, "{closed:?}");

    let calls = shop.ended(2).await;
    assert_eq!(calls[0].disposition, Some(Disposition::Answered));
    let (rung, _) = shop.why(&calls[0]).await;
    assert_eq!(
        rung,
        [("+442079460123".into(), "the plan forwards to it".into())]
    );
    assert_eq!(calls[1].disposition, Some(Disposition::Rejected));
    let (rung, decided) = shop.why(&calls[1]).await;
    assert!(rung.is_empty(), "{rung:?}");
    assert!(
        decided.contains("numbers of GB may not be dialled"),
        "{decided}"
    );
    assert_eq!(far.counters().offered, 1);
    shop.close().await;
}
