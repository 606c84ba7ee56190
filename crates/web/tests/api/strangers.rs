//! Every endpoint of the document, asked with another account's key and without one.

use reqwest::Method;
use ringfence_model::{CallId, Disposition, KeyScope};
use ringfence_platform::now;
use ringfence_store::Write;
use ringfence_testing::{Engine, on_both_engines};
use serde_json::{Value, json};

use crate::Program;
use crate::world::World;

on_both_engines! {
    no_endpoint_shows_or_changes_another_accounts_rows,
}

async fn no_endpoint_shows_or_changes_another_accounts_rows(engine: Engine) {
    let world = World::full(engine).await;
    let stranger = Program::of(&world, world.stranger.id, KeyScope::Change).await;
    let own = Program::of(&world, world.account.id, KeyScope::Change).await;
    let nobody = Program::with_key(&world, "");
    let document = own.get("/v1/openapi.json").await;
    let call = world.call.unwrap().to_string();
    let story = own.get(&format!("/v1/calls/{call}")).await;
    let sites = own.get("/v1/sites").await;
    let site = sites[0]["id"].as_str().unwrap();
    let hosts = sites[0]["hosts"].as_array().unwrap();
    let waiting = hosts.iter().find(|host| host["proof"].is_null()).unwrap();
    let hook =
        json!({"url": "https://hooks.example.com/", "events": ["call.started", "call.ended"]});
    let (status, added) = own.post("/v1/webhooks", &hook).await;
    assert_eq!(status, 201, "{added}");
    let webhook = added["webhook"]["id"].as_str().unwrap().to_owned();
    let new = body_of("/v1/conversions");
    let (status, destination) = own.post("/v1/conversions", &new).await;
    assert_eq!(status, 201, "{destination}");
    let place = format!("/v1/conversions/{}", destination["id"].as_str().unwrap());
    let (status, report) = own
        .post("/v1/reports/saved", &json!({"name": "Ours"}))
        .await;
    assert_eq!(status, 201, "{report}");
    let again = over(&world).await;
    let told_calls = own.get(&format!("{place}/calls")).await;
    let conversion = told_calls["items"][0]["id"].as_str().unwrap();
    let deliveries = format!("/v1/webhooks/{webhook}/deliveries");
    let deliveries = own.get(&deliveries).await;
    let told = deliveries["items"][0].clone();
    assert_eq!(told["call_id"], again.to_string());
    let webhooks = own.get("/v1/webhooks").await;
    let parts = parts_of(&world).await;
    let before = parts_told(&own).await;
    let identifiers = [
        ("{webhook}", webhook.as_str()),
        ("{delivery}", told["id"].as_str().unwrap()),
        ("{destination}", destination["id"].as_str().unwrap()),
        ("{conversion}", conversion),
        ("{report}", report["id"].as_str().unwrap()),
        ("{call}", call.as_str()),
        ("{visit}", story["visit"]["id"].as_str().unwrap()),
        ("{site}", site),
        ("{host}", waiting["id"].as_str().unwrap()),
    ];
    let secrets = [
        call.as_str(),
        site,
        story["visit"]["id"].as_str().unwrap(),
        webhook.as_str(),
        conversion,
        "hooks.example.com",
        "www.example.com",
        "+4420794601",
    ];
    let mut asked = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let parts = parts.iter().map(|(name, id)| (*name, id.as_str()));
        let named = (identifiers.into_iter().chain(parts))
            .fold(path.clone(), |path, (name, id)| path.replace(name, id));
        assert!(
            !named.contains('{'),
            "a new kind of identifier needs a line here: {named}"
        );
        for method in methods.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let body = body_of(path).to_string();
            let request = |program: &Program| {
                program
                    .ask(method.clone(), &named)
                    .header("Content-Type", "application/json")
                    .body(body.clone())
            };
            let response = request(&stranger).send().await.unwrap();
            let status = response.status().as_u16();
            let text = response.text().await.unwrap();
            if named != *path {
                assert_eq!(status, 404, "{method} {named}: {text}");
            }
            for secret in secrets {
                assert!(!text.contains(secret), "{method} {named} shows {secret}");
            }
            let (status, _) = Program::answer(request(&nobody)).await;
            assert_eq!(status, 401, "{method} {named}");
            asked += 1;
        }
    }
    assert!(asked > 9, "{asked}");
    assert_eq!(own.get("/v1/sites").await, sites, "nothing was changed");
    assert_eq!(own.get("/v1/webhooks").await, webhooks);
    assert_eq!(own.get("/v1/reports/saved").await, json!([report]));
    assert_eq!(own.get(&place).await, destination, "nor there");
    assert_eq!(own.get(&format!("{place}/calls")).await, told_calls);
    assert_eq!(parts_told(&own).await, before, "no part was changed");
    let after = format!("/v1/webhooks/{webhook}/deliveries");
    assert_eq!(own.get(&after).await, deliveries);
    assert_ne!(stranger.get("/v1/sites").await, Value::Null);
}

/// What paths call parts of an account's arrangement, and one of each.
async fn parts_of(world: &World) -> [(&'static str, String); 7] {
    let (db, account) = (&world.platform.db, world.account.id);
    [
        (
            "{target}",
            db.targets(account).await.unwrap()[0].id.to_string(),
        ),
        (
            "{group}",
            db.target_groups(account).await.unwrap()[0].id.to_string(),
        ),
        (
            "{trunk}",
            db.trunks(account).await.unwrap()[0].id.to_string(),
        ),
        ("{pool}", db.pools(account).await.unwrap()[0].id.to_string()),
        ("{plan}", db.plans(account).await.unwrap()[0].id.to_string()),
        (
            "{number}",
            db.numbers(account).await.unwrap()[0].id.to_string(),
        ),
        ("{version}", "1".to_owned()),
    ]
}

/// All of them, as a program is told.
async fn parts_told(program: &Program) -> Vec<Value> {
    let mut told = Vec::new();
    for kind in ["groups", "trunks", "pools", "plans", "numbers", "targets"] {
        told.push(program.get(&format!("/v1/{kind}")).await);
    }
    told
}

/// What would change something at an address.
fn body_of(path: &str) -> Value {
    match path {
        "/v1/webhooks" => json!({"url": "https://x.example.com/", "events": ["call.ended"]}),
        "/v1/agents/{target}" => json!({"state": "available"}),
        "/v1/conversions" => {
            json!({"platform": "meta", "target": "123456789012345", "secret": "open-sesame"})
        }
        "/v1/conversions/{destination}" | "/v1/webhooks/{webhook}" => json!({"enabled": false}),
        "/v1/conversions/{destination}/test" => json!({"code": "TEST12345"}),
        "/v1/calls/{call}/transfer" => json!({"number": "+442079460999"}),
        "/v1/numbers" => json!({"numbers": [{"number": "+442079460999"}]}),
        "/v1/targets" => json!({"name": "Theirs", "uri": "sip:theirs@192.0.2.1"}),
        "/v1/numbers/{number}" => json!({"label": "Theirs"}),
        "/v1/plans/{plan}/try" => json!({"keys": "1"}),
        "/v1/plans/{plan}" => json!({"start": "end", "steps": {"end": {"reject": {"code": 480}}}}),
        "/v1/calls/{call}/worth" => json!({"lead": "converted"}),
        "/v1/webhooks/{webhook}/replay" => json!({"since": "2020-01-01T00:00:00Z"}),
        _ => json!({"name": "another.example.com"}),
    }
}

/// A call that began and is over, as others are told of it.
async fn over(world: &World) -> CallId {
    let (account, call) = (world.account.id, world.call_again().await);
    let ended = Write::CallEnded {
        account,
        call,
        at: now(),
        disposition: Disposition::Answered,
        reason: None,
        failed_over: false,
    };
    world.platform.db.write(vec![ended]).await.unwrap();
    call
}
