//! An empty account that a program sets up by the API alone is what an arrangement with the same words would make of it.

use std::path::Path;

use reqwest::Method;
use ringfence_model::KeyScope;
use ringfence_platform::arrangement::read_arrangement;
use ringfence_platform::now;
use ringfence_testing::{Engine, on_both_engines};
use serde_json::{Value, json};

use crate::Program;
use crate::world::World;

on_both_engines! {
    a_program_sets_an_empty_account_up,
}

/// What the program asks for, as an arrangement says it. The passwords, once known, need not be in it.
const ARRANGEMENT: &str = r#"
[[trunk]]
name = "Carrier"
addresses = ["203.0.113.0/28"]
country = "GB"
send_to = "sip:sbc.example.com"
user = "12345"
challenge = true

[[target]]
name = "Front desk"
uri = "sip:desk@192.0.2.10"
languages = ["en", "de"]
caps = { concurrent = 2, day = 80 }
hours = { zone = "Europe/London", week = { mon = ["09:00-17:30"], sat = ["10:00-12:00"] }, holidays = ["2026-12-25"] }

[[target]]
name = "Ann"
phone = "ann"
agent = "ann@example.com"
wrap_up = 30
break_after = 3

[[group]]
name = "Night"
targets = ["Ann"]

[[group]]
name = "Sales"
targets = ["Front desk", "Ann"]
ring_seconds = 25
strategy = "weighted"
language = "require"
languages = ["en"]
caps = { hour = 90 }
overflow = "Night"
members = { "Front desk" = { weight = 3, priority = 1 } }

[[plan]]
name = "Main"
start = "hours"

[plan.steps.hours.schedule]
open = "ring"
otherwise = "message"
hours = { zone = "Europe/London", week = { mon = ["09:00-17:30"] } }

[plan.steps.ring.ring]
group = "Sales"
otherwise = "message"

[plan.steps.message.voicemail]
prompt = "builtin:en/leave-a-message"

[[pool]]
name = "Web"
hold_minutes = 45
quarantine_days = 60
overflow = "+442079460999"

[[number]]
e164 = "+442079460123"
label = "Web 1"
pool = "Web"
plan = "Main"

[[number]]
e164 = "+442079460124"
label = "Web 2"
pool = "Web"
plan = "Main"

[[number]]
e164 = "+442079460999"
label = "Overflow"
plan = "Main"

[[site]]
name = "Example"
hosts = ["www.example.com"]
swap = ["+44 20 7946 0000"]
pool = "Web"
"#;

/// Makes something, and what is answered is what was asked for.
async fn made(program: &Program, path: &str, asked: Value) -> Value {
    let (status, made) = program.post(path, &asked).await;
    assert_eq!(status, 201, "{path}: {made}");
    for (field, value) in asked.as_object().unwrap() {
        if field != "password" {
            assert_eq!(made[field], *value, "{path}: {field}");
        }
    }
    made
}

/// A trunk, two targets, two groups and a plan, which is answered.
async fn trunk_to_plan(program: &Program) -> Value {
    for kind in [
        "trunks", "targets", "groups", "plans", "pools", "numbers", "sites",
    ] {
        assert_eq!(program.get(&format!("/v1/{kind}")).await, json!([]));
    }
    let trunk = json!({
        "name": "Carrier", "addresses": ["203.0.113.0/28"], "country": "GB",
        "send_to": "sip:sbc.example.com", "user": "12345",
        "password": "open sesame and more", "challenge": true,
    });
    made(program, "/v1/trunks", trunk).await;
    let desk = json!({
        "name": "Front desk", "uri": "sip:desk@192.0.2.10", "languages": ["en", "de"],
        "caps": {"concurrent": 2, "day": 80},
        "hours": {
            "zone": "Europe/London", "holidays": ["2026-12-25"],
            "week": {"mon": ["09:00-17:30"], "sat": ["10:00-12:00"]},
        },
    });
    let desk = made(program, "/v1/targets", desk).await;
    let ann = json!({
        "name": "Ann", "phone": "ann", "password": "open sesame and more",
        "agent": "ann@example.com", "wrap_up": 30, "break_after": 3,
    });
    made(program, "/v1/targets", ann).await;
    let night = json!({"name": "Night", "targets": ["Ann"]});
    made(program, "/v1/groups", night).await;
    let sales = json!({
        "name": "Sales", "targets": ["Front desk", "Ann"], "ring_seconds": 25,
        "strategy": "weighted", "language": "require", "languages": ["en"],
        "caps": {"hour": 90}, "overflow": "Night",
        "members": {"Front desk": {"weight": 3, "priority": 1}},
    });
    let sales = made(program, "/v1/groups", sales).await;
    // An identifier names a target as well.
    let path = format!("/v1/groups/{}", sales["id"].as_str().unwrap());
    let by_id = json!({"targets": [desk["id"], "Ann"]});
    let (status, _, same) = program.sent(Method::PATCH, &path, &[], &by_id).await;
    assert_eq!((status, &same["targets"]), (200, &sales["targets"]));
    let plan = json!({"name": "Main", "start": "hours", "steps": {
        "hours": {"schedule": {
            "open": "ring", "otherwise": "message",
            "hours": {"zone": "Europe/London", "week": {"mon": ["09:00-17:30"]}},
        }},
        "ring": {"ring": {"group": "Sales", "otherwise": "message"}},
        "message": {"voicemail": {"prompt": "builtin:en/leave-a-message"}},
    }});
    let (status, plan) = program.post("/v1/plans", &plan).await;
    assert_eq!((status, &plan["findings"]), (201, &json!([])), "{plan}");
    plan
}

async fn a_program_sets_an_empty_account_up(engine: Engine) {
    let world = World::empty(engine).await;
    let program = Program::of(&world, world.account.id, KeyScope::Change).await;
    let plan = trunk_to_plan(&program).await;
    let pool = json!({"name": "Web", "hold_minutes": 45, "quarantine_days": 60});
    let pool = made(&program, "/v1/pools", pool).await;
    let numbers = json!({"numbers": [
        {"number": "020 7946 0123", "label": "Web 1", "pool": "Web", "plan": "Main"},
        {"number": "+442079460124", "label": "Web 2", "pool": pool["id"], "plan": plan["id"]},
        {"number": "020 7946 0999", "country": "GB", "label": "Overflow", "plan": "Main"},
    ]});
    let (status, added) = program.post("/v1/numbers", &numbers).await;
    assert_eq!(
        (status, added.as_array().map(Vec::len)),
        (201, Some(3)),
        "{added}"
    );
    let path = format!("/v1/pools/{}", pool["id"].as_str().unwrap());
    let overflow = json!({"overflow": "+442079460999"});
    let (status, _, pool_now) = program.sent(Method::PATCH, &path, &[], &overflow).await;
    assert_eq!(status, 200, "{pool_now}");
    let site = json!({"name": "Example", "swap": ["+44 20 7946 0000"], "pool_id": pool["id"]});
    let site = made(&program, "/v1/sites", site).await;
    let hosts = format!("/v1/sites/{}/hosts", site["id"].as_str().unwrap());
    made(&program, &hosts, json!({"name": "www.example.com"})).await;

    let arrangement = read_arrangement(ARRANGEMENT, Path::new("account.toml")).unwrap();
    let arranged = world
        .platform
        .arrange(&world.account, &arrangement, now())
        .await;
    let changes = arranged.unwrap();
    assert!(
        changes.is_empty(),
        "an arrangement has nothing to add: {changes:?}"
    );

    // Each change stands in the audit log, in the name of the key.
    let log = program.get("/v1/audit?limit=100").await;
    let entries = log["items"].as_array().unwrap();
    let of = |action: &str| {
        let of = entries.iter().filter(|entry| entry["action"] == action);
        of.filter(|entry| entry["actor_name"] == "Warehouse")
            .count()
    };
    for (action, times) in [
        ("trunk.add", 1),
        ("target.add", 2),
        ("group.add", 2),
        ("plan.add", 1),
        ("pool.add", 1),
        ("pool.change", 1),
        ("number.add", 3),
        ("site.add", 1),
        ("host.add", 1),
    ] {
        assert_eq!(of(action), times, "{action}");
    }
    // What was made last goes first.
    for kind in ["numbers", "groups", "targets", "trunks"] {
        for one in program
            .get(&format!("/v1/{kind}"))
            .await
            .as_array()
            .unwrap()
        {
            if one["state"] == "released" {
                continue;
            }
            let path = format!("/v1/{kind}/{}", one["id"].as_str().unwrap());
            let (status, _) = Program::answer(program.ask(Method::DELETE, &path)).await;
            let in_use = kind == "groups" || kind == "targets";
            assert!(status == 204 || in_use && status == 409, "{path}: {status}");
        }
    }
}
