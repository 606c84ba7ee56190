//! Caps by stretches of time, through the whole program and over a restart.
//!
//! By the month: an hour would be over now and then while a test runs. Which period counts is tested where it is decided.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop at once"
)]

#[path = "support/shop.rs"]
mod shop;
mod support;

use std::time::Duration;

use ringfence_softphone::{Behaviour, Then};
use ringfence_testing::{Engine, on_both_engines};
use shop::{CARRIER, Shop};

on_both_engines!(a_cap_of_answered_calls_is_kept_over_a_restart);

const NUMBER: &str = "+442079460001";
const TALK: Duration = Duration::from_millis(300);

async fn a_cap_of_answered_calls_is_kept_over_a_restart(engine: Engine) {
    let ann = shop::phone(Behaviour::default()).await;
    let ben = shop::phone(Behaviour::default()).await;
    let busy = shop::phone(Behaviour {
        then: Then::Busy,
        ..Behaviour::default()
    })
    .await;
    let (first, second, third) = (busy.uri(), ann.uri(), ben.uri());
    let shop = Shop::open(
        engine,
        &format!(
            "{CARRIER}[[target]]\nname = \"Cleo\"\nuri = \"{first}\"\ncaps = {{ month = 1 }}\n\
             [[target]]\nname = \"Ann\"\nuri = \"{second}\"\ncaps = {{ month = 1 }}\n\
             [[target]]\nname = \"Ben\"\nuri = \"{third}\"\n\
             [[group]]\nname = \"Sales\"\ntargets = [\"Cleo\", \"Ann\", \"Ben\"]\ncaps = {{ month = 3 }}\n\
             [[plan]]\nname = \"Main\"\nstart = \"sales\"\n\
             [plan.steps.sales.ring]\ngroup = \"Sales\"\notherwise = \"closed\"\n\
             [plan.steps.closed.reject]\ncode = 480\n\
             [[number]]\ne164 = \"{NUMBER}\"\nplan = \"Main\"\n"
        ),
    )
    .await;

    // Who does not take a call is not full for it: Cleo is rung each time.
    assert!(shop.call(NUMBER, TALK).await.answered);
    assert!(shop.call(NUMBER, TALK).await.answered);
    let calls = shop.ended(2).await;
    let rung = |why: &[(String, String)]| {
        let names = why.iter().map(|(name, _)| name.clone());
        names.collect::<Vec<_>>()
    };
    let (why, _) = shop.why(&calls[0]).await;
    assert_eq!(rung(&why), ["Cleo", "Ann"], "{why:?}");
    let (why, decided) = shop.why(&calls[1]).await;
    assert_eq!(rung(&why), ["Cleo", "Ben"], "{why:?}");
    assert!(decided.contains("Ann (full, 1 this month)"), "{decided}");

    let Shop {
        world,
        server,
        db,
        account,
        caller,
    } = shop;
    server.kill();
    let shop = Shop {
        server: world.serve(),
        world,
        db,
        account,
        caller,
    };
    assert!(shop.call(NUMBER, TALK).await.answered);
    let refused = shop.call(NUMBER, TALK).await;
    assert_eq!((refused.answered, refused.final_code), (false, 480));
    let calls = shop.ended(4).await;
    let (why, decided) = shop.why(&calls[2]).await;
    assert_eq!(rung(&why), ["Cleo", "Ben"], "{why:?}");
    assert!(decided.contains("Ann (full, 1 this month)"), "{decided}");
    let (why, decided) = shop.why(&calls[3]).await;
    assert!(why.is_empty(), "{why:?}");
    assert!(decided.contains("full, 3 this month"), "{decided}");
    shop.close().await;
}
