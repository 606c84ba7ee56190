//! Minutes of calls to telephone numbers, through the whole program: beyond the limit no number is dialled, over a restart
//! too, until an operator's command.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop at once"
)]

#[path = "support/shop.rs"]
mod shop;
mod support;

use std::time::{Duration, Instant};

use ringfence_model::Disposition;
use ringfence_softphone::Behaviour;
use ringfence_testing::{Engine, on_both_engines};
use shop::{CARRIER, Shop, phone};
use support::run;

on_both_engines!(what_an_account_dials_is_held_beyond_its_limit_and_released_by_a_command);

const NUMBER: &str = "02079460001";
const TALK: Duration = Duration::from_millis(300);
/// A server learns of a command's work within seconds, unless the machine is very busy.
const PATIENCE: Duration = Duration::from_mins(1);

fn account(shop: &Shop, words: &[&str]) -> String {
    let config = shop.world.config();
    let arguments = [&["account"], words, &["--config", config.to_str().unwrap()]].concat();
    let (code, out, said) = run(&arguments, shop.world.folder.path());
    assert_eq!(code, Some(0), "{out}{said}");
    out
}

fn restarted(shop: Shop) -> Shop {
    let Shop { world, server, .. } = shop;
    assert!(server.stop().success(), "{}", world.said());
    Shop {
        server: world.serve(),
        world,
        db: shop.db,
        account: shop.account,
        caller: shop.caller,
    }
}

async fn what_an_account_dials_is_held_beyond_its_limit_and_released_by_a_command(engine: Engine) {
    let far = phone(Behaviour::default()).await;
    let desk = phone(Behaviour::default()).await;
    let (address, uri) = (far.local_addr(), desk.uri());
    let shop = Shop::open(
        engine,
        &format!(
            "{CARRIER}send_to = \"sip:{address}\"\n\
             [[target]]\nname = \"Desk\"\nuri = \"{uri}\"\n\
             [[group]]\nname = \"Sales\"\ntargets = [\"Desk\"]\n\
             [[plan]]\nname = \"Main\"\nstart = \"away\"\n\
             [plan.steps.away.forward]\nnumber = \"+442079460123\"\ntrunk = \"Carrier\"\notherwise = \"here\"\n\
             [plan.steps.here.ring]\ngroup = \"Sales\"\n\
             [[number]]\ne164 = \"+442079460001\"\nplan = \"Main\"\n"
        ),
    )
    .await;
    // Two calls of a second and less are two begun minutes.
    account(&shop, &["change", "--dialled-minutes-per-hour", "2"]);
    let shop = restarted(shop);
    for _ in 0..2 {
        assert!(shop.call(NUMBER, TALK).await.answered);
    }
    assert_eq!(far.counters().answered, 2);

    // What was dialled counts after a restart.
    let shop = restarted(shop);
    let call = shop.call(NUMBER, TALK).await;
    assert!(call.answered, "the desk is no number: {call:?}");
    assert_eq!((far.counters().offered, desk.counters().answered), (2, 1));
    let calls = shop.ended(3).await;
    assert_eq!(calls[2].disposition, Some(Disposition::Answered));
    let (_, decided) = shop.why(&calls[2]).await;
    assert!(
        decided
            .contains("the account's calls to telephone numbers are held: 3 minutes were dialled"),
        "{decided}"
    );
    let begun = Instant::now();
    while shop.db.dialling_hold(shop.account).await.unwrap().is_none() {
        assert!(begun.elapsed() < PATIENCE, "{}", shop.world.said());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let listed = account(&shop, &["list"]);
    assert!(
        listed.contains("2 of 2 minutes an hour, its own; HELD since"),
        "{listed}"
    );

    let released = account(&shop, &["release-dialling"]);
    assert!(
        released.contains("may dial telephone numbers again"),
        "{released}"
    );
    let begun = Instant::now();
    while far.counters().answered < 3 {
        assert!(begun.elapsed() < PATIENCE, "{}", shop.world.said());
        shop.call(NUMBER, TALK).await;
    }
    shop.close().await;
}
