//! Agents: what they say of themselves on their page, and what others see and do.

use reqwest::{Method, StatusCode};
use ringfence_model::{AgentState, AuditFilter, BreakReason, KeyScope, Role};
use ringfence_platform::now;
use ringfence_testing::{Engine, on_both_engines};
use serde_json::{Value, json};

use crate::browser::{Browser, location, send};
use crate::world::{PASSWORD, World};

on_both_engines!(
    an_agent_says_how_it_stands_and_the_others_see_it,
    somebody_elses_word_is_in_the_audit_log_and_a_disabled_user_is_signed_out,
    who_may_not_be_an_agent_is_told_beside_the_field,
);

/// Adds a user and a target that is the user's; the target's identifier.
async fn agent(world: &World, owner: &Browser, email: &str) -> String {
    let platform = &world.platform;
    let name = email.split('@').next().unwrap();
    let added = platform.add_user(world.account.id, email, name, Role::Agent, PASSWORD, now());
    added.await.unwrap();
    let token = owner.form_token().await;
    let fields = [
        ("form_token", token.as_str()),
        ("name", name),
        ("kind", "sip"),
        ("address", "desk@192.0.2.10"),
        ("wrap_up", "30"),
        ("agent", email),
    ];
    let answer = owner.post("/targets", &fields).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    location(&answer)
        .split_once("#target-")
        .unwrap()
        .1
        .to_owned()
}

async fn says(browser: &Browser, wish: &str) -> StatusCode {
    let token = browser.token_on("/agent").await;
    let fields = [("form_token", token.as_str()), ("wish", wish)];
    let answer = browser.post("/agent", &fields).send().await.unwrap();
    answer.status()
}

async fn an_agent_says_how_it_stands_and_the_others_see_it(engine: Engine) {
    let world = World::empty(engine).await;
    let owner = Browser::signed_in(&world, "ann@example.com").await;
    agent(&world, &owner, "cem@example.com").await;
    let cem = Browser::signed_in(&world, "cem@example.com").await;
    let page = cem.page("/agent").await;
    for text in ["Signed out", "Short break", "*45", "href=\"/agent\""] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let theirs = owner.page("/agent").await;
    assert!(theirs.contains("You answer at no target"), "{theirs}");
    assert!(!theirs.contains("href=\"/agent\""), "no place for others");

    for (wish, state, shown) in [
        ("available", AgentState::Available, "Available"),
        ("meal", AgentState::OnBreak, "meal"),
        ("available", AgentState::Available, "Available"),
        ("signed_out", AgentState::SignedOut, "Signed out"),
    ] {
        assert_eq!(says(&cem, wish).await, StatusCode::SEE_OTHER);
        let found = world.platform.agents(world.account.id, now()).await;
        let found = found.unwrap();
        assert_eq!(found[0].state, state, "{wish}");
        let meal = (wish == "meal").then_some(BreakReason::Meal);
        assert_eq!(found[0].reason, meal);
        for path in ["/targets", "/live"] {
            let page = owner.page(path).await;
            assert!(page.contains(shown), "{shown} on {path}: {page}");
        }
    }
    // Nothing that an agent says.
    for wish in ["not_answering", "wrapping_up", "x"] {
        assert_eq!(
            says(&cem, wish).await,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{wish}"
        );
    }
    let (log, _) = world
        .platform
        .audit_log(world.account.id, &AuditFilter::default(), 100)
        .await
        .unwrap();
    assert!(log.iter().all(|entry| entry.action != "agent.change"));
    let added = log.iter().find(|entry| entry.action == "target.add");
    let added = added.unwrap().after.clone().unwrap();
    assert!(added.contains("\"agent\":\"cem@example.com\""), "{added}");
}

async fn somebody_elses_word_is_in_the_audit_log_and_a_disabled_user_is_signed_out(engine: Engine) {
    let world = World::empty(engine).await;
    let owner = Browser::signed_in(&world, "ann@example.com").await;
    let target = agent(&world, &owner, "cem@example.com").await;
    let platform = &world.platform;
    let account = world.account.id;
    let key = platform.add_api_key(account, "Wallboard", KeyScope::Change, None, now());
    let (_, key) = key.await.unwrap();
    let ask = async |method: Method, path: &str, body: Value| {
        let request = owner.api(method, path, &key).body(body.to_string());
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json::<Value>().await.unwrap())
    };
    let here = format!("/v1/agents/{target}");
    let on_break = json!({"state": "on_break", "reason": "training"});
    let (status, changed) = ask(Method::PATCH, &here, on_break).await;
    assert_eq!(status, 200, "{changed}");
    let (_, listed) = ask(Method::GET, "/v1/agents", json!(null)).await;
    assert_eq!(listed, json!([changed]));
    assert_eq!(listed[0]["reason"], "training");
    assert_eq!(listed[0]["email"], "cem@example.com");
    for (body, word) in [
        (json!({"state": "wrapping_up"}), "signed_out"),
        (json!({"state": "available", "reason": "meal"}), "on_break"),
        (
            json!({"state": "on_break", "reason": "not_answering"}),
            "paperwork",
        ),
    ] {
        let (status, problem) = ask(Method::PATCH, &here, body).await;
        assert_eq!(status, 400, "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(word), "{detail}");
    }
    let (log, _) = platform
        .audit_log(account, &AuditFilter::default(), 100)
        .await
        .unwrap();
    let told = log.iter().find(|entry| entry.action == "agent.change");
    let told = told.unwrap();
    assert_eq!(told.actor.name, "Wallboard");
    assert_eq!(told.object.name, "cem@example.com");
    assert!(told.after.as_ref().unwrap().contains("training"));

    let users = platform.people(account).await.unwrap();
    let cem = users.iter().find(|user| user.email == "cem@example.com");
    let disable = format!("/people/{}/disable", cem.unwrap().id);
    let (status, _) = send(&owner, &disable, &[]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let found = platform.agents(account, now()).await.unwrap();
    assert_eq!(found[0].state, AgentState::SignedOut);
}

async fn who_may_not_be_an_agent_is_told_beside_the_field(engine: Engine) {
    let world = World::empty(engine).await;
    let owner = Browser::signed_in(&world, "ann@example.com").await;
    let first = agent(&world, &owner, "cem@example.com").await;
    for (email, said) in [
        ("cem@example.com", "answers at &quot;cem&quot; already"),
        ("eve@example.com", "Expected the address of a user"),
    ] {
        let fields = [
            ("name", "Two"),
            ("kind", "sip"),
            ("address", "two@192.0.2.10"),
            ("agent", email),
        ];
        let (status, page) = send(&owner, "/targets", &fields).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{page}");
        let page = page.replace("&#34;", "&quot;");
        assert!(
            page.contains("id=\"agent-wrong\"") && page.contains(said),
            "{page}"
        );
    }
    let form = owner.page(&format!("/targets?edit={first}")).await;
    assert!(form.contains("<option value=\"cem@example.com\" selected>"));
}
