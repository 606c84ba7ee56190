//! The audit log on its page and in the API: who changed what, and nothing secret.

use reqwest::StatusCode;
use ringfence_model::{ActorKind, AuditEntry, AuditFilter, KeyScope, WebhookEvent};
use ringfence_platform::now;
use ringfence_testing::{Engine, on_both_engines};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::world::{PASSWORD, World};

on_both_engines!(
    what_a_person_changes_stands_in_the_log,
    what_a_key_changes_stands_in_the_log_of_the_api,
    no_secret_stands_in_the_log,
);

async fn send(browser: &Browser, path: &str, fields: &[(&str, &str)]) -> StatusCode {
    let token = browser.token_on("/you").await;
    let mut all = vec![("form_token", token.as_str())];
    all.extend_from_slice(fields);
    browser.post(path, &all).send().await.unwrap().status()
}

async fn log(world: &World) -> Vec<AuditEntry> {
    let (account, all) = (world.account.id, AuditFilter::default());
    world
        .platform
        .audit_log(account, &all, 100)
        .await
        .unwrap()
        .0
}

async fn what_a_person_changes_stands_in_the_log(engine: Engine) {
    let world = World::empty(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let before = log(&world).await.len();
    let ben = world.analyst.id;
    let role = format!("/people/{ben}/role");
    assert_eq!(
        send(&ann, &role, &[("role", "agent")]).await,
        StatusCode::SEE_OTHER
    );
    assert_eq!(
        send(&ann, &role, &[("role", "agent")]).await,
        StatusCode::SEE_OTHER
    );
    let entries = log(&world).await;
    assert_eq!(entries.len(), before + 1, "the second time nothing changed");
    let entry = &entries[0];
    assert_eq!(
        (entry.actor.kind, entry.actor.id),
        (ActorKind::User, Some(world.owner.id.0))
    );
    assert_eq!(
        (entry.action.as_str(), entry.object.id),
        ("user.role", ben.0)
    );
    assert_eq!(entry.before.as_deref(), Some(r#"{"role":"analyst"}"#));
    assert_eq!(entry.after.as_deref(), Some(r#"{"role":"agent"}"#));

    assert_eq!(
        send(&ann, "/sites", &[("name", "Shop")]).await,
        StatusCode::SEE_OTHER
    );
    let page = ann.page(&format!("/audit?object={ben}")).await;
    assert!(page.contains("user.role") && page.contains("ann@example.com"));
    assert!(!page.contains("site.add</code>"), "another object");
    assert!(ann.page("/audit?action=site.add").await.contains("Shop"));
    assert!(
        ann.page("/people")
            .await
            .contains(&format!("/audit?object={ben}"))
    );
}

async fn what_a_key_changes_stands_in_the_log_of_the_api(engine: Engine) {
    let world = World::empty(engine).await;
    let made =
        world
            .platform
            .add_api_key(world.account.id, "Warehouse", KeyScope::Change, None, now());
    let (key, secret) = made.await.unwrap();
    let browser = Browser::new(&world);
    for name in ["One", "Two", "Three"] {
        let answer = browser
            .api(reqwest::Method::POST, "/v1/sites", &secret)
            .body(json!({"name": name}).to_string())
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
    }
    let page = async |path: String| {
        let request = browser.api(reqwest::Method::GET, &path, &secret);
        let text = request.send().await.unwrap().text().await.unwrap();
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let path = format!("/v1/audit?limit=2&actor={}", key.id);
    let first = page(path.clone()).await;
    let names = |page: &Value| {
        let items = page["items"].as_array().unwrap().iter();
        items
            .map(|item| item["after"]["name"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&first), ["Three", "Two"]);
    assert_eq!(first["items"][0]["actor_name"], "Warehouse");
    assert_eq!(first["items"][0]["actor_kind"], "key");
    let next = first["next"].as_str().unwrap();
    let second = page(format!("{path}&after={next}")).await;
    assert_eq!(names(&second), ["One"]);
    assert_eq!(second["next"], Value::Null);
}

async fn no_secret_stands_in_the_log(engine: Engine) {
    let world = World::empty(engine).await;
    let (platform, account) = (&world.platform, world.account.id);
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let new = "a longer horse battery";
    let passwords = [("present", PASSWORD), ("new", new)];
    assert_eq!(
        send(&ann, "/you/password", &passwords).await,
        StatusCode::SEE_OTHER
    );
    let invitation = [("email", "cem@example.com"), ("role", "agent")];
    assert_eq!(
        send(&ann, "/people/invitations", &invitation).await,
        StatusCode::OK
    );
    let key = platform.add_api_key(account, "Warehouse", KeyScope::Read, None, now());
    let (_, key) = key.await.unwrap();
    let url = "https://hooks.example.com/";
    let webhook = platform.add_webhook(account, url, &[WebhookEvent::CallEnded], now());
    let (_, signing) = webhook.await.unwrap();
    let entries = log(&world).await;
    let said = format!("{entries:?}");
    for action in [
        "user.password",
        "invitation.add",
        "api_key.add",
        "webhook.add",
    ] {
        assert!(said.contains(action), "{action}");
    }
    for secret in [PASSWORD, new, "argon2", "token", &key, &signing, "whsec_"] {
        assert!(!said.contains(secret), "{secret}");
    }
}
