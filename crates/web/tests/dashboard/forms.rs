//! What a form may change.

use reqwest::StatusCode;
use ringfence_model::AuditFilter;
use ringfence_testing::{Engine, on_both_engines};

use crate::browser::{Browser, location, send};
use crate::world::World;

on_both_engines!(
    a_form_without_this_sessions_token_changes_nothing,
    who_may_only_read_changes_nothing,
    a_site_and_its_host_are_added_and_mistakes_are_said_beside_the_field,
    a_campaign_key_is_added_and_removed_and_stands_in_the_sites_history,
    a_site_is_changed_and_what_it_was_is_kept,
);

async fn a_form_without_this_sessions_token_changes_nothing(engine: Engine) {
    let world = World::full(engine).await;
    let browser = Browser::signed_in(&world, "ann@example.com").await;
    let others = Browser::signed_in(&world, "ben@example.com")
        .await
        .form_token()
        .await;
    for token in [None, Some(""), Some(others.as_str())] {
        let mut fields = vec![("name", "Forged")];
        fields.extend(token.map(|token| ("form_token", token)));
        let answer = browser.post("/sites", &fields).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{token:?}");
    }
    let token = browser.form_token().await;
    let fields = [("form_token", token.as_str()), ("name", "Forged")];
    let foreign = browser
        .post("/sites", &fields)
        .header("origin", "https://evil.example.com");
    assert_eq!(
        foreign.send().await.unwrap().status(),
        StatusCode::FORBIDDEN
    );
    assert!(!browser.page("/sites").await.contains("Forged"));
}

async fn who_may_only_read_changes_nothing(engine: Engine) {
    let world = World::full(engine).await;
    let browser = Browser::signed_in(&world, "ben@example.com").await;
    assert!(!browser.page("/sites").await.contains("Add site"));
    let token = browser.form_token().await;
    let answer = browser
        .post("/sites", &[("form_token", &token), ("name", "Mine")])
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert!(!browser.page("/sites").await.contains("Mine"));
}

async fn a_site_and_its_host_are_added_and_mistakes_are_said_beside_the_field(engine: Engine) {
    let world = World::full(engine).await;
    let browser = Browser::signed_in(&world, "ann@example.com").await;
    let token = browser.form_token().await;
    let wrong = [
        ("form_token", token.as_str()),
        ("name", "Shop"),
        ("swap", "020 7946 0000, nonsense"),
        ("pool", ""),
    ];
    let answer = browser.post("/sites", &wrong).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = answer.text().await.unwrap();
    assert!(
        page.contains("id=\"swap-wrong\"")
            && page.contains("value=\"Shop\"")
            && page.contains("nonsense")
    );

    let right = [
        ("form_token", token.as_str()),
        ("name", "Shop"),
        ("swap", "020 7946 0000"),
        ("pool", ""),
    ];
    let answer = browser.post("/sites", &right).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let site = location(&answer).split_once("#site-").unwrap().1.to_owned();
    assert!(
        browser
            .page("/sites?done=site")
            .await
            .contains("The site was added")
    );

    let hosts = format!("/sites/{site}/hosts");
    let answer = browser
        .post(&hosts, &[("form_token", &token), ("host", "not a host")])
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = answer.text().await.unwrap();
    assert!(
        page.contains("value=\"not a host\"") && page.contains(&format!("id=\"wrong-{site}\""))
    );
    let answer = browser
        .post(&hosts, &[("form_token", &token), ("host", "shop.test")])
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert!(browser.page("/sites").await.contains("shop.test"));
}

async fn a_campaign_key_is_added_and_removed_and_stands_in_the_sites_history(engine: Engine) {
    let world = World::full(engine).await;
    let browser = Browser::signed_in(&world, "ann@example.com").await;
    let token = browser.form_token().await;
    let sites = world.platform.sites(world.account.id).await.unwrap();
    let site = sites[0].0.id;
    let keys = format!("/sites/{site}/campaign-keys");
    let send = async |path: &str, key: &str| {
        let fields = [
            ("form_token", token.as_str()),
            ("campaign_key", key),
            ("campaign", "Spring & summer"),
        ];
        browser.post(path, &fields).send().await.unwrap()
    };
    let wrong = send(&keys, "<b>").await;
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = wrong.text().await.unwrap();
    assert!(page.contains(&format!("id=\"key-wrong-{site}\"")) && !page.contains("<b>\""));
    let added = send(&keys, "0f3a9c").await;
    assert_eq!(added.status(), StatusCode::SEE_OTHER);
    assert_eq!(location(&added), format!("/sites?done=key#moving-{site}"));
    let page = browser.page("/sites?done=key").await;
    assert!(page.contains("The campaign key was added") && page.contains("Spring &#38; summer"));
    let remove = format!("{keys}/0f3a9c/remove");
    assert!(page.contains(&remove) && page.contains("/jsapi/v1/retreaver.min.js"));
    let reader = Browser::signed_in(&world, "ben@example.com").await;
    let page = reader.page("/sites").await;
    assert!(page.contains("0f3a9c") && !page.contains(&remove) && !page.contains(&keys));
    assert_eq!(send(&remove, "").await.status(), StatusCode::SEE_OTHER);
    assert_eq!(send(&remove, "").await.status(), StatusCode::NOT_FOUND);
    let page = browser.page("/sites").await;
    assert!(!page.contains("0f3a9c"));
    let history = browser.page(&format!("/audit?object={site}")).await;
    assert!(history.contains("campaign_key.add") && history.contains("campaign_key.remove"));
}

async fn a_site_is_changed_and_what_it_was_is_kept(engine: Engine) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let (platform, account) = (&world.platform, world.account.id);
    let before = platform.sites(account).await.unwrap().remove(0).0;
    let id = before.id.to_string();
    let form = ann.page(&format!("/sites?edit={id}")).await;
    assert!(form.contains("Change Main site") && form.contains("value=\"020 7946 0000\""));
    let sent = [
        ("id", id.as_str()),
        ("name", "Shop"),
        ("swap", "020 7946 0001"),
        ("pool", ""),
    ];
    let (status, _) = send(&ann, "/sites", &sent).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let after = platform.sites(account).await.unwrap().remove(0).0;
    assert_eq!(
        (after.name.as_str(), after.pool, &after.key),
        ("Shop", None, &before.key)
    );
    let (status, page) = send(&ann, "/sites", &[("id", &id), ("name", " ")]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("id=\"name-wrong\""));
    let theirs = world.strangers_site.unwrap().0.to_string();
    let (status, _) = send(&ann, "/sites", &[("id", &theirs), ("name", "Mine")]).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let filter = AuditFilter {
        object: Some(before.id.0),
        ..AuditFilter::default()
    };
    let (log, _) = platform.audit_log(account, &filter, 10).await.unwrap();
    assert_eq!(log[0].action, "site.change");
    assert!(log[0].before.as_ref().unwrap().contains("Main site"));
    assert!(log[0].after.as_ref().unwrap().contains("020 7946 0001"));
}
