//! What programs are let do and are told, by hand: API keys made and ended, webhooks added, changed, tried again, removed.

use reqwest::{Method, StatusCode};
use ringfence_model::{AuditFilter, DeliveryState, WebhookEvent};
use ringfence_testing::{Engine, on_both_engines};

use crate::browser::{Browser, send};
use crate::world::World;

on_both_engines!(
    a_key_made_on_the_page_opens_the_api_until_it_is_revoked,
    mistakes_of_a_key_are_said_beside_the_field,
    a_webhook_is_added_changed_told_again_and_removed,
    mistakes_of_a_webhook_are_said_beside_the_field,
);

/// What stands between `<code id="ID">` and its end.
fn shown<'p>(page: &'p str, id: &str) -> &'p str {
    let (_, rest) = page.split_once(&format!("<code id=\"{id}\">")).unwrap();
    rest.split_once('<').unwrap().0
}

/// Actions of the audit log, the newest first.
async fn actions(world: &World, most: usize) -> Vec<String> {
    let all = AuditFilter::default();
    let log = world.platform.audit_log(world.account.id, &all, 100).await;
    let entries = log.unwrap().0.into_iter().take(most);
    entries.map(|entry| entry.action).collect()
}

async fn a_key_made_on_the_page_opens_the_api_until_it_is_revoked(engine: Engine) {
    let world = World::empty(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    assert!(ann.page("/api-keys").await.contains("No key yet"));
    let form = [("name", "Warehouse"), ("scope", "read"), ("life", "365")];
    let (status, page) = send(&ann, "/api-keys", &form).await;
    assert_eq!(status, StatusCode::OK);
    let text = shown(&page, "key-text").to_owned();
    assert!(text.starts_with("rfk_"), "{text}");

    let asked = async |method: Method, path: &str| {
        let request = ann.api(method, path, &text).body("{}");
        request.send().await.unwrap().status()
    };
    assert_eq!(asked(Method::GET, "/v1/calls").await, StatusCode::OK);
    let change = asked(Method::POST, "/v1/sites").await;
    assert_eq!(change, StatusCode::FORBIDDEN, "it reads alone");

    let keys = world.platform.api_keys(world.account.id).await.unwrap();
    let [key] = keys.as_slice() else {
        panic!("{keys:?}")
    };
    let days = key.expires_at.unwrap().since(key.created_at).as_secs() / 86_400;
    assert_eq!(days, 365);
    let page = ann.page("/api-keys").await;
    assert!(page.contains("Warehouse") && page.contains("Lives"));
    assert!(!page.contains(&text), "it is shown once");

    let (status, _) = send(&ann, &format!("/api-keys/{}/revoke", key.id), &[]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(
        asked(Method::GET, "/v1/calls").await,
        StatusCode::UNAUTHORIZED
    );
    assert!(ann.page("/api-keys").await.contains("Revoked"));
    let (status, _) = send(&ann, &format!("/api-keys/{}/revoke", key.id), &[]).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "a second time");
    assert_eq!(actions(&world, 2).await, ["api_key.revoke", "api_key.add"]);
}

async fn mistakes_of_a_key_are_said_beside_the_field(engine: Engine) {
    let world = World::empty(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let nameless = [("name", "  "), ("scope", "change"), ("life", "")];
    let (status, page) = send(&ann, "/api-keys", &nameless).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("id=\"name-wrong\""), "{page}");
    assert!(
        page.contains("value=\"change\" checked"),
        "what was chosen stays"
    );
    for bad in [
        [("name", "A"), ("scope", "everything"), ("life", "30")],
        [("name", "A"), ("scope", "read"), ("life", "31")],
    ] {
        let (status, _) = send(&ann, "/api-keys", &bad).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{bad:?}");
    }
    let keys = world.platform.api_keys(world.account.id).await.unwrap();
    assert_eq!(keys.len(), 0);
}

async fn a_webhook_is_added_changed_told_again_and_removed(engine: Engine) {
    let world = World::full(engine).await;
    let (platform, account) = (&world.platform, world.account.id);
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    assert!(ann.page("/webhooks").await.contains("No webhook yet"));
    let form = [
        ("url", "https://hooks.example.com/calls"),
        ("call.started", "on"),
        ("call.ended", "on"),
    ];
    let (status, page) = send(&ann, "/webhooks", &form).await;
    assert_eq!(status, StatusCode::OK);
    let secret = shown(&page, "webhook-secret").to_owned();
    assert!(secret.starts_with("whsec_"), "{secret}");
    let webhooks = platform.webhooks(account).await.unwrap();
    let [webhook] = webhooks.as_slice() else {
        panic!("{webhooks:?}")
    };
    let told = [WebhookEvent::CallStarted, WebhookEvent::CallEnded];
    assert_eq!(webhook.events, told);
    let here = format!("/webhooks/{}", webhook.id);
    assert!(ann.page(&here).await.contains("Nothing told yet"));

    world.call_again().await;
    let page = ann.page(&format!("{here}?state=pending")).await;
    assert!(
        page.contains("A call came in") && page.contains("Waiting"),
        "{page}"
    );
    assert!(!page.contains(&secret), "it is shown once");
    let nothing = ann.page(&format!("{here}?state=failed")).await;
    assert!(nothing.contains("Nothing fits"), "{nothing}");
    let log = platform.deliveries(account, webhook.id, None, None, 10);
    let delivery = log.await.unwrap().0.remove(0);
    let story = format!("{here}/deliveries/{}", delivery.id);
    let page = ann.page(&story).await;
    assert!(
        page.contains("call.started") && page.contains("None yet"),
        "{page}"
    );

    // Told again, it is due now, however often it was tried before.
    let later = delivery.next_at + std::time::Duration::from_hours(1);
    let (status, _) = send(&ann, &format!("{story}/replay"), &[]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let again = platform.delivery(account, webhook.id, delivery.id).await;
    let again = again.unwrap().0;
    assert_eq!(again.state, DeliveryState::Pending);
    assert!(again.next_at < later);
    let (status, _) = send(&ann, &format!("{here}/replay"), &[]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);

    let changed = [
        ("url", "https://hooks.example.com/all"),
        ("recording.ready", "on"),
    ];
    let (status, _) = send(&ann, &here, &changed).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let known = platform.webhook(account, webhook.id).await.unwrap();
    assert_eq!(known.url, "https://hooks.example.com/all");
    assert_eq!(known.events, [WebhookEvent::RecordingReady]);
    assert!(!known.enabled, "its box was not ticked");
    assert!(ann.page("/webhooks").await.contains("Off"));

    let (status, _) = send(&ann, &format!("{here}/remove"), &[]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(ann.status(&here).await, StatusCode::NOT_FOUND);
    let done = ["webhook.remove", "webhook.change", "webhook.replay"];
    assert_eq!(actions(&world, 3).await, done);
}

async fn mistakes_of_a_webhook_are_said_beside_the_field(engine: Engine) {
    let world = World::empty(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let wrong = [("url", "ftp://hooks.example.com/"), ("call.ended", "on")];
    let (status, page) = send(&ann, "/webhooks", &wrong).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("id=\"url-wrong\""), "{page}");
    assert!(
        page.contains("ftp://hooks.example.com/"),
        "what was typed stays"
    );
    let silent = [("url", "https://hooks.example.com/")];
    let (status, page) = send(&ann, "/webhooks", &silent).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("id=\"events-wrong\""), "{page}");
    let webhooks = world.platform.webhooks(world.account.id).await.unwrap();
    assert_eq!(webhooks.len(), 0);

    let kept = [("url", "https://hooks.example.com/"), ("call.ended", "on")];
    assert_eq!(send(&ann, "/webhooks", &kept).await.0, StatusCode::OK);
    let webhooks = world.platform.webhooks(world.account.id).await.unwrap();
    let here = format!("/webhooks/{}", webhooks[0].id);
    let (status, page) = send(&ann, &here, &wrong).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("id=\"url-wrong\""), "{page}");
    let known = world.platform.webhooks(world.account.id).await.unwrap();
    assert_eq!(known, webhooks, "nothing was changed");
}
