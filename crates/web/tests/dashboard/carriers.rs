//! Carriers by hand: what is wrong stands beside its field, nothing is ordered without a word, and orders are told as they
//! stand. What carriers are asked has tests of its own, with servers that speak as they do.

use reqwest::StatusCode;
use ringfence_model::{
    Carrier, CarrierId, CarrierKind, NumberOrder, NumberOrderId, NumberOrderKind, NumberOrderState,
};
use ringfence_platform::{now, random};
use ringfence_testing::{Engine, on_both_engines};

use crate::browser::{Browser, send};
use crate::world::World;

on_both_engines!(
    mistakes_of_a_carrier_are_said_beside_the_field_and_its_secret_never_again,
    nothing_is_ordered_without_a_word_that_it_costs,
    orders_are_told_as_they_stand,
);

/// A carrier whose secret does not open, so that nobody is asked.
async fn known(world: &World) -> Carrier {
    let carrier = Carrier {
        id: CarrierId::new(now(), random()),
        account: world.account.id,
        kind: CarrierKind::Telnyx,
        name: "Overseas".into(),
        user: String::new(),
        secret: Vec::new(),
        trunk: "4711".into(),
        created_at: now(),
    };
    world.platform.db.add_carrier(&carrier).await.unwrap();
    carrier
}

async fn mistakes_of_a_carrier_are_said_beside_the_field_and_its_secret_never_again(
    engine: Engine,
) {
    let world = World::empty(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    assert!(ann.page("/carriers").await.contains("No carrier yet"));
    let form = [
        ("kind", "twilio"),
        ("name", "West"),
        ("user", "somebody"),
        ("secret", "open-sesame"),
        ("trunk", "4711"),
    ];
    let (status, page) = send(&ann, "/carriers", &form).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    for wrong in ["user-wrong", "trunk-wrong"] {
        assert!(page.contains(&format!("id=\"{wrong}\"")), "{wrong}");
    }
    assert!(page.contains("value=\"somebody\""), "what was typed stays");
    assert!(!page.contains("open-sesame"), "a secret does not");
    let carriers = world.platform.carriers(world.account.id).await.unwrap();
    assert!(carriers.is_empty());
}

async fn nothing_is_ordered_without_a_word_that_it_costs(engine: Engine) {
    let world = World::empty(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let carrier = known(&world).await;
    let there = format!("/carriers/{}/orders", carrier.id);
    let ticked = ("number-+442079460310", "on");
    let (status, page) = send(&ann, &there, &[ticked]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("id=\"sure-wrong\""));
    let (status, page) = send(&ann, &there, &[("sure", "on")]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("id=\"numbers-wrong\""), "nothing is ticked");
    let orders = world.platform.number_orders(world.account.id, carrier.id);
    assert!(orders.await.unwrap().is_empty());

    let (status, _) = send(&ann, &there, &[ticked, ("sure", "on")]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let orders = world.platform.number_orders(world.account.id, carrier.id);
    let orders = orders.await.unwrap();
    assert_eq!(orders.len(), 1);
    assert!(orders[0].said.as_deref().unwrap().contains("key file"));
    let page = ann.page(&format!("/carriers/{}", carrier.id)).await;
    assert!(page.contains("Under way") && page.contains("020 7946 0310"));
    let (status, page) = send(&ann, &there, &[ticked, ("sure", "on")]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("open already"), "{page}");
}

async fn orders_are_told_as_they_stand(engine: Engine) {
    let world = World::empty(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let carrier = known(&world).await;
    let order = |last: u32, state, said: Option<&str>| NumberOrder {
        id: NumberOrderId::new(now(), random()),
        account: world.account.id,
        carrier: carrier.id,
        e164: format!("+44207946{last:04}").parse().unwrap(),
        kind: NumberOrderKind::Order,
        pool: None,
        plan: None,
        state,
        attempts: 1,
        next_at: now(),
        said: said.map(str::to_owned),
        created_at: now(),
        changed_at: now(),
    };
    let orders = [
        order(310, NumberOrderState::Done, None),
        order(311, NumberOrderState::Failed, Some("Refused: gone <b>.")),
    ];
    let placed = world.platform.db.place_number_orders(&orders);
    placed.await.unwrap();
    let page = ann.page(&format!("/carriers/{}", carrier.id)).await;
    assert!(page.contains("Done") && page.contains("Not done"), "{page}");
    assert!(!page.contains("gone <b>"), "what a carrier says is text");
    let page = ann
        .page(&format!("/carriers/{}/differences", carrier.id))
        .await;
    assert!(
        page.contains("key file"),
        "a secret that does not open is told"
    );
}
