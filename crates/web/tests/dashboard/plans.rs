//! Call plans: drawn, with what is wrong at its step, tried, and with what they said before.

use reqwest::StatusCode;
use ringfence_model::{Actor, CallPlan, PlanDocument, Step};
use ringfence_platform::now;
use ringfence_testing::{Engine, on_both_engines};

use crate::browser::Browser;
use crate::world::World;

on_both_engines!(
    a_plan_is_drawn_tried_and_its_history_told,
    what_is_wrong_with_a_plan_is_told_at_its_steps,
    another_accounts_plan_is_not_found,
);

async fn first_plan(world: &World) -> CallPlan {
    let plans = world.platform.db.plans(world.account.id).await.unwrap();
    plans.into_iter().next().unwrap()
}

/// A menu whose first key rings the plan's own group, and otherwise says goodbye.
fn with_menu(plan: &CallPlan) -> PlanDocument {
    let group = plan.document.steps.values().find_map(|step| match step {
        Step::Ring(ring) => Some(ring.group),
        _ => None,
    });
    let menu = serde_json::json!({"menu": {"prompt": "builtin:en/closed", "tries": 1,
        "keys": {"1": "sales"}, "otherwise": "message"}});
    let message = serde_json::json!({"voicemail": {}});
    PlanDocument {
        start: "welcome".into(),
        steps: [
            ("welcome".to_owned(), serde_json::from_value(menu).unwrap()),
            (
                "sales".to_owned(),
                Step::ring(group.unwrap(), Some("message".into())),
            ),
            (
                "message".to_owned(),
                serde_json::from_value(message).unwrap(),
            ),
        ]
        .into(),
    }
}

async fn a_plan_is_drawn_tried_and_its_history_told(engine: Engine) {
    let world = World::full(engine).await;
    let browser = Browser::signed_in(&world, "ben@example.com").await;
    let plan = first_plan(&world).await;
    let changed = CallPlan {
        document: with_menu(&plan),
        ..plan.clone()
    };
    assert!(
        world
            .platform
            .db
            .update_plan(&changed, None, &Actor::server(), now())
            .await
            .unwrap()
    );
    let list = browser.page("/plans").await;
    assert!(list.contains(&format!("/plans/{}", plan.id)) && list.contains("3 steps"));
    let path = format!("/plans/{}", plan.id);
    let page = browser.page(&path).await;
    for told in ["key 1", "otherwise", "Holds now", "Version 2", "Version 1"] {
        assert!(page.contains(told), "{told:?} in {page}");
    }
    assert!(page.contains("+ start = &#34;welcome&#34;"), "{page}");
    assert!(!page.contains("of the trial"), "nothing is tried yet");
    let pressed = browser
        .page(&format!("{path}?try=1&caller=%2B441632960001&keys=1"))
        .await;
    assert!(pressed.contains("rings ") && pressed.contains("in this order"));
    assert!(pressed.contains("takes a message"));
    assert_eq!(pressed.matches("of the trial").count(), 3, "{pressed}");
    let waited = browser.page(&format!("{path}?try=1")).await;
    assert!(!waited.contains("in this order"), "no key, nobody rings");
    assert_eq!(waited.matches("of the trial").count(), 2);
    let wrong = browser.page(&format!("{path}?try=1&at=soon")).await;
    assert!(wrong.contains("expected a time") && wrong.contains("value=\"soon\""));
}

async fn what_is_wrong_with_a_plan_is_told_at_its_steps(engine: Engine) {
    let world = World::full(engine).await;
    let browser = Browser::signed_in(&world, "ann@example.com").await;
    let plan = first_plan(&world).await;
    let mut document = with_menu(&plan);
    let goto = |step: &str| Step::Goto { step: step.into() };
    document.steps.insert("sales".into(), goto("nowhere"));
    document
        .steps
        .insert("message".into(), Step::Reject { code: 200 });
    let broken = CallPlan { document, ..plan };
    let by = Actor::server();
    let update = world.platform.db.update_plan(&broken, None, &by, now());
    assert!(update.await.unwrap());
    let page = browser.page(&format!("/plans/{}?try=1", broken.id)).await;
    assert!(page.contains("Has mistakes") && page.contains("cannot be tried"));
    assert_eq!(page.matches("class=\"node wrong\"").count(), 2, "{page}");
    assert!(page.contains("names the step &#34;nowhere&#34;"), "{page}");
    assert!(page.contains("got 200"));
}

async fn another_accounts_plan_is_not_found(engine: Engine) {
    let world = World::full(engine).await;
    let browser = Browser::signed_in(&world, "ann@example.com").await;
    let theirs = world.platform.db.plans(world.stranger.id).await.unwrap();
    for id in [theirs[0].id.to_string(), "nonsense".to_owned()] {
        let answer = browser.get(&format!("/plans/{id}")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    }
}
