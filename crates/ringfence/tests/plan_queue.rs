//! Callers wait in a queue until somebody is free: through the whole program, with real telephones, and tones that are
//! measured.

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

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use phone::Phone;
use ringfence_model::{Call, Disposition};
use ringfence_softphone::{Behaviour, HungUpBy};
use ringfence_testing::{Engine, on_both_engines};
use shop::{CARRIER, Shop, applied, talks};
use tokio::task::JoinHandle;

on_both_engines!(
    callers_are_told_their_place_and_have_the_target_one_after_another_as_they_came,
    who_waits_too_long_goes_on_and_who_hangs_up_has_left_the_queue,
);

/// A tone that is not there.
const NOTHING: f64 = 0.01;

/// One target with one place, and a queue for it.
fn arrangement(uri: &str, queue: &str) -> String {
    format!(
        "{CARRIER}[[target]]\nname = \"Ann\"\nuri = \"{uri}\"\ncaps = {{ concurrent = 1 }}\n\
         [[group]]\nname = \"Sales\"\ntargets = [\"Ann\"]\n\
         [[prompt]]\nname = \"place\"\nfile = \"place.wav\"\n\
         [[prompt]]\nname = \"tune\"\nfile = \"welcome.wav\"\n\
         [[plan]]\nname = \"Main\"\nstart = \"line\"\n\
         [plan.steps.line.queue]\ngroup = \"Sales\"\nmusic = \"tune\"\n{queue}\n\
         [[number]]\ne164 = \"+442079460001\"\nplan = \"Main\"\n"
    )
}

/// A caller who waits: hears its place and the music, says so, and then talks.
fn waits(server: std::net::SocketAddr, in_the_queue: Sender<()>) -> JoinHandle<()> {
    tokio::task::spawn_blocking(move || {
        let mut phone = Phone::new(server);
        phone.calls();
        let told = phone.listens(45);
        assert!(told.level(760.0) > 0.2, "its place: {}", told.level(760.0));
        hears(&phone, 620.0);
        in_the_queue.send(()).unwrap();
        let music = phone.listens(25);
        assert!(music.level(760.0) < NOTHING, "{}", music.level(760.0));
        hears(&phone, 880.0);
        let talk = phone.speaks(440.0, 50);
        assert!(talk.level(880.0) > 0.1, "{}", talk.level(880.0));
        assert!(talk.level(620.0) < NOTHING, "{}", talk.level(620.0));
        phone.hangs_up();
    })
}

/// Waits until a phone hears a tone, for less than a minute.
fn hears(phone: &Phone, hz: f64) {
    for _ in 0..250 {
        if phone.listens(10).level(hz) > 0.1 {
            return;
        }
    }
    panic!("expected to hear {hz} Hz");
}

/// A caller who has the target until it is told to hang up.
fn talks_until(server: std::net::SocketAddr, enough: Receiver<()>) -> JoinHandle<()> {
    tokio::task::spawn_blocking(move || {
        let mut phone = Phone::new(server);
        phone.calls();
        let talk = phone.speaks(440.0, 25);
        assert!(talk.level(880.0) > 0.05, "{}", talk.level(880.0));
        enough.recv().unwrap();
        phone.hangs_up();
    })
}

async fn after(signal: Receiver<()>) {
    tokio::task::spawn_blocking(move || signal.recv().unwrap())
        .await
        .unwrap();
}

async fn decided(shop: &Shop, call: &Call) -> String {
    shop.why(call).await.1
}

async fn callers_are_told_their_place_and_have_the_target_one_after_another_as_they_came(
    engine: Engine,
) {
    let ann = shop::phone(Behaviour::default()).await;
    let queue = "position = \"place\"\nlength = 2\notherwise = \"shut\"\n\
        [plan.steps.shut.reject]\ncode = 486\n";
    let shop = Shop::open(engine, &arrangement(&ann.uri(), queue)).await;
    let server = shop.world.sip;

    let (enough, is_enough) = channel();
    let first = talks_until(server, is_enough);
    talks(&ann).await;
    let (second_waits, is_second) = channel();
    let second = waits(server, second_waits);
    after(is_second).await;
    let (third_waits, is_third) = channel();
    let third = waits(server, third_waits);
    after(is_third).await;
    // Two wait, and no more may.
    let fourth = shop.call("02079460001", Duration::from_secs(1)).await;
    assert_eq!(fourth.final_code, 486, "{fourth:?}\n{}", shop.world.said());
    enough.send(()).unwrap();
    first.await.expect("the first caller's side");
    second.await.expect("the second caller's side");
    third.await.expect("the third caller's side");

    let calls = shop.ended(4).await;
    for (call, behind) in calls[..3].iter().zip([0, 0, 1]) {
        assert_eq!(call.disposition, Some(Disposition::Answered), "{call:?}");
        let decided = decided(&shop, call).await;
        for said in [
            format!("line: waits behind {behind} for at most 300 s"),
            "line: the caller is put through after".to_owned(),
            "s in the queue, at place 1".to_owned(),
        ] {
            assert!(decided.contains(&said), "{said} is not in {decided}");
        }
    }
    let answered = calls[..3].iter().map(|call| call.answered_at.unwrap());
    assert!(answered.is_sorted(), "first in, first out: {calls:#?}");
    let full = decided(&shop, &calls[3]).await;
    assert!(
        full.contains("2 callers wait already, its most are 2; on to \"shut\""),
        "{full}"
    );
    assert_eq!(ann.counters().answered, 3);
    shop.close().await;
}

async fn who_waits_too_long_goes_on_and_who_hangs_up_has_left_the_queue(engine: Engine) {
    let ann = shop::phone(Behaviour::default()).await;
    let queue = "longest_wait = 2\notherwise = \"sorry\"\n\
        [plan.steps.sorry.say]\nprompt = \"place\"\n";
    let text = arrangement(&ann.uri(), queue);
    let shop = Shop::open(engine, &text).await;
    // What calls cannot do is told before any call comes.
    let back = text.replace("longest_wait = 2", "call_back_key = \"1\"");
    let (code, said) = applied(&shop.world, &back);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("`queue.call_back_key`"), "{said}");

    let (enough, is_enough) = channel();
    let first = talks_until(shop.world.sip, is_enough);
    talks(&ann).await;
    let left = shop.call("02079460001", Duration::from_millis(500)).await;
    assert_eq!(
        (left.answered, left.hung_up_by),
        (true, HungUpBy::Us),
        "{left:?}"
    );
    assert_eq!(left.heard.tone_hz, Some(620.0), "the music: {left:?}");
    let waited = shop.call("02079460001", Duration::from_secs(30)).await;
    assert_eq!(
        (waited.answered, waited.hung_up_by),
        (true, HungUpBy::Them),
        "{waited:?}"
    );
    enough.send(()).unwrap();
    first.await.expect("the first caller's side");

    let calls = shop.ended(3).await;
    assert_eq!(calls[0].disposition, Some(Disposition::Answered));
    assert_eq!(
        calls[1].disposition,
        Some(Disposition::Abandoned),
        "{:?}",
        calls[1]
    );
    let said = decided(&shop, &calls[1]).await;
    assert!(
        said.contains("line: the caller hung up after ")
            && said.contains(" s in the queue, at place 1"),
        "{said}"
    );
    assert_eq!(
        calls[2].disposition,
        Some(Disposition::Missed),
        "{:?}",
        calls[2]
    );
    let said = decided(&shop, &calls[2]).await;
    assert!(
        said.contains("line: the caller gave up waiting after "),
        "{said}"
    );
    assert!(
        said.contains("the caller waited as long as the queue allows; on to \"sorry\""),
        "{said}"
    );
    assert_eq!(ann.counters().offered, 1, "nobody else was rung for");
    shop.close().await;
}
