//! Trunks, targets, groups, pools, numbers and plans over the API: made, changed, and by two programs at once.

use futures::future::join_all;
use reqwest::Method;
use ringfence_model::KeyScope;
use ringfence_testing::{Engine, on_both_engines};
use serde_json::{Value, json};

use crate::Program;
use crate::world::World;

on_both_engines! {
    whoever_read_an_older_one_is_told_and_changes_nothing,
    of_programs_that_change_the_same_none_takes_back_what_another_said,
    secrets_are_written_and_never_read,
    everything_that_is_wrong_is_told_at_once_and_nothing_is_kept,
    what_is_used_is_not_removed,
    a_plan_is_changed_brought_back_and_tried,
    a_number_moves_rests_and_is_given_back,
}

fn id(of: &Value) -> &str {
    of["id"].as_str().unwrap()
}

async fn made(program: &Program, path: &str, body: Value) -> Value {
    let (status, made) = program.post(path, &body).await;
    assert_eq!(status, 201, "{path}: {made}");
    made
}

async fn whoever_read_an_older_one_is_told_and_changes_nothing(engine: Engine) {
    let world = World::full(engine).await;
    let program = Program::of(&world, world.account.id, KeyScope::Change).await;
    let plan = json!({"name": "New", "start": "end", "steps": {"end": {"reject": {"code": 480}}}});
    for (kind, new, change) in [
        ("trunks", json!({"name": "New"}), json!({"country": "GB"})),
        (
            "targets",
            json!({"name": "New", "uri": "sip:new@192.0.2.10"}),
            json!({"wrap_up": 30}),
        ),
        (
            "groups",
            json!({"name": "New", "targets": ["Front desk"]}),
            json!({"ring_seconds": 9}),
        ),
        ("pools", json!({"name": "New"}), json!({"hold_minutes": 45})),
        ("plans", plan, json!({"name": "Newer"})),
        ("numbers", Value::Null, json!({"label": "Newer"})),
    ] {
        let one = if kind == "numbers" {
            program.get("/v1/numbers").await[0].clone()
        } else {
            made(&program, &format!("/v1/{kind}"), new).await
        };
        let path = format!("/v1/{kind}/{}", id(&one));
        let (status, read, was) = program.sent(Method::GET, &path, &[], &json!({})).await;
        assert_eq!(status, 200, "{path}: {was}");
        assert!(read.starts_with('"') && read.len() > 2, "{kind}: {read:?}");
        let fits = [("If-Match", read.as_str())];
        let (status, newer, is) = program.sent(Method::PATCH, &path, &fits, &change).await;
        assert_eq!(status, 200, "{path}: {is}");
        assert_ne!(newer, read, "{kind}");
        for (field, value) in change.as_object().unwrap() {
            assert_eq!(is[field], *value, "{kind}");
        }
        let back = change
            .as_object()
            .unwrap()
            .keys()
            .map(|field| (field.clone(), was[field].clone()));
        let back: Value = back.collect::<serde_json::Map<_, _>>().into();
        let mut methods = vec![Method::PATCH];
        // Plans are never removed.
        if kind != "plans" {
            methods.push(Method::DELETE);
        }
        for method in &methods {
            let (status, _, told) = program.sent(method.clone(), &path, &fits, &back).await;
            let reason = &told["reason"];
            assert_eq!(
                (status, reason),
                (412, &json!("changed_meanwhile")),
                "{kind}"
            );
        }
        let (_, tag, still) = program.sent(Method::GET, &path, &[], &json!({})).await;
        assert_eq!((tag.as_str(), &still), (newer.as_str(), &is), "{kind}");
        // A list of tags fits when one of them does; a weak one never.
        let weak = [("If-Match", format!("W/{newer}"))];
        let weak = [(weak[0].0, weak[0].1.as_str())];
        let (status, _, _) = program.sent(Method::PATCH, &path, &weak, &back).await;
        assert_eq!(status, 412, "{kind}");
        let list = format!("{read}, {newer}");
        let list = [("If-Match", list.as_str())];
        let method = methods.pop().unwrap();
        let (status, _, told) = program.sent(method, &path, &list, &change).await;
        assert!(status == 204 || status == 200, "{kind}: {told}");
    }
}

async fn of_programs_that_change_the_same_none_takes_back_what_another_said(engine: Engine) {
    let world = World::empty(engine).await;
    let program = Program::of(&world, world.account.id, KeyScope::Change).await;
    let new = json!({"name": "Desk", "uri": "sip:desk@192.0.2.10"});
    let target = made(&program, "/v1/targets", new).await;
    let path = format!("/v1/targets/{}", id(&target));
    let changes = [
        json!({"wrap_up": 30}),
        json!({"languages": ["de"]}),
        json!({"paused": true}),
        json!({"caps": {"concurrent": 2}}),
    ];
    let each = changes.iter().map(|change| {
        let (program, path) = (&program, &path);
        async move { program.sent(Method::PATCH, path, &[], change).await }
    });
    for (status, _, told) in join_all(each).await {
        assert_eq!(status, 200, "{told}");
    }
    let is = program.get(&path).await;
    for change in &changes {
        for (field, value) in change.as_object().unwrap() {
            assert_eq!(is[field], *value, "{is}");
        }
    }
    // Of those who say what they read, one is first.
    let (_, tag, _) = program.sent(Method::GET, &path, &[], &json!({})).await;
    let read = [("If-Match", tag.as_str())];
    let changes: Vec<Value> = (1..=6).map(|rest| json!({"wrap_up": rest})).collect();
    let each = changes.iter().map(|change| {
        let (program, path) = (&program, &path);
        async move { program.sent(Method::PATCH, path, &read, change).await.0 }
    });
    let mut statuses = join_all(each).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412, 412, 412]);
}

async fn secrets_are_written_and_never_read(engine: Engine) {
    let world = World::empty(engine).await;
    let program = Program::of(&world, world.account.id, KeyScope::Change).await;
    let secret = "a secret of nine words that nobody may read";
    let trunk = json!({"name": "Carrier", "send_to": "sip:sbc.example.com", "user": "12345",
        "password": secret});
    let trunk = made(&program, "/v1/trunks", trunk).await;
    let phone = json!({"name": "Ann", "phone": "ann", "password": secret});
    let phone = made(&program, "/v1/targets", phone).await;
    for (path, change) in [
        (
            format!("/v1/trunks/{}", id(&trunk)),
            json!({"country": "GB"}),
        ),
        (format!("/v1/targets/{}", id(&phone)), json!({"wrap_up": 3})),
    ] {
        let (status, _, is) = program.sent(Method::PATCH, &path, &[], &change).await;
        assert_eq!(status, 200, "without a password it keeps its own: {is}");
        let (status, _, is) = program
            .sent(Method::PATCH, &path, &[], &json!({"password": secret}))
            .await;
        assert_eq!(status, 200, "{is}");
    }
    let account = world.account.id;
    let db = &world.platform.db;
    let login = db.trunk_logins(account).await.unwrap().remove(0);
    assert_eq!(login.user, "12345");
    assert_eq!(db.phones(account).await.unwrap()[0].user, "ann");
    for path in ["/v1/trunks", "/v1/targets", "/v1/audit"] {
        let text = program.get(path).await.to_string();
        assert!(!text.contains(secret), "{path}");
        assert!(!text.contains("\"password\":null"), "{path}");
    }
    let log = program.get("/v1/audit").await.to_string();
    assert!(log.contains("set anew"), "{log}");
}

/// What a problem tells, one by one, by `at`.
fn told(problem: &Value, at: &str) -> Vec<(Value, String)> {
    let errors = problem["errors"].as_array().unwrap().iter();
    errors
        .map(|error| {
            (
                error[at].clone(),
                error["detail"].as_str().unwrap().to_owned(),
            )
        })
        .collect()
}

async fn everything_that_is_wrong_is_told_at_once_and_nothing_is_kept(engine: Engine) {
    let world = World::full(engine).await;
    let program = Program::of(&world, world.account.id, KeyScope::Change).await;
    let before = program.get("/v1/numbers").await;
    let wrong = json!({"numbers": [
        {"number": "020 7946 0501", "label": "Right"},
        {"number": "hello"},
        {"number": "+442079460100"},
        {"number": "+442079460502", "pool": "Pond", "plan": "None"},
        {"number": "+44 20 7946 0501"},
    ]});
    let (status, problem) = program.post("/v1/numbers", &wrong).await;
    assert_eq!(
        (status, &problem["reason"]),
        (400, &json!("bad_request")),
        "{problem}"
    );
    let lines = told(&problem, "line");
    let at: Vec<&Value> = lines.iter().map(|(line, _)| line).collect();
    assert_eq!(at, [2, 3, 4, 4, 5], "{problem}");
    for (nth, part) in ["phone number", "this account", "pools", "plans", "line 1"]
        .iter()
        .enumerate()
    {
        assert!(lines[nth].1.contains(part), "{problem}");
    }
    assert_eq!(program.get("/v1/numbers").await, before);

    let plan = json!({"name": "Wrong", "start": "door", "steps": {
        "ring": {"ring": {"group": "Nobody"}},
        "end": {"reject": {"code": 200}},
    }});
    let (status, problem) = program.post("/v1/plans", &plan).await;
    assert_eq!(status, 400, "{problem}");
    let steps = told(&problem, "step");
    for (step, part) in [
        (json!("ring"), "Nobody"),
        (json!("end"), "200"),
        (Value::Null, "door"),
    ] {
        let is_told = steps
            .iter()
            .any(|(at, text)| *at == step && text.contains(part));
        assert!(is_told, "{step} {part}: {problem}");
    }
    assert_eq!(program.get("/v1/plans").await.as_array().unwrap().len(), 1);

    let target = json!({"uri": "nowhere", "wrap_up": 4000, "trunk": "Nobody"});
    let (status, problem) = program.post("/v1/targets", &target).await;
    assert_eq!(status, 400, "{problem}");
    let fields = told(&problem, "field");
    assert!(
        fields.iter().any(|(_, text)| text.contains("\"Nobody\"")),
        "{problem}"
    );
    for field in ["name", "wrap_up"] {
        assert!(
            fields.iter().any(|(at, _)| at == field),
            "{field}: {problem}"
        );
    }
    // A field that nobody knows is one too many, a file of the server above all.
    let file = json!({"name": "Ann", "phone": "ann", "password_file": "/etc/passwd"});
    let (status, problem) = program.post("/v1/targets", &file).await;
    assert_eq!(status, 400, "{problem}");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("password_file"),
        "{problem}"
    );
}

async fn what_is_used_is_not_removed(engine: Engine) {
    let world = World::full(engine).await;
    let program = Program::of(&world, world.account.id, KeyScope::Change).await;
    for (kind, by) in [
        ("targets", "Reception"),
        ("groups", "Ring reception"),
        ("pools", "numbers"),
    ] {
        let one = program.get(&format!("/v1/{kind}")).await[0].clone();
        let path = format!("/v1/{kind}/{}", id(&one));
        let (status, problem) = Program::answer(program.ask(Method::DELETE, &path)).await;
        let reason = &problem["reason"];
        assert_eq!((status, reason), (409, &json!("conflict")), "{problem}");
        assert!(
            problem["detail"].as_str().unwrap().contains(by),
            "{problem}"
        );
        assert_eq!(program.get(&path).await, one);
    }
}

async fn a_plan_is_changed_brought_back_and_tried(engine: Engine) {
    let world = World::full(engine).await;
    let program = Program::of(&world, world.account.id, KeyScope::Change).await;
    let path = format!("/v1/plans/{}", id(&program.get("/v1/plans").await[0]));
    let (_, tag, first) = program.sent(Method::GET, &path, &[], &json!({})).await;
    assert_eq!((tag.as_str(), &first["version"]), ("\"1\"", &json!(1)));
    let steps = json!({
        "ring": {"ring": {"group": "Reception", "otherwise": "sorry"}},
        "sorry": {"say": {"prompt": "builtin:en/closed"}},
    });
    let new = json!({"start": "ring", "steps": steps});
    let (status, tag, second) = program.sent(Method::PATCH, &path, &[], &new).await;
    assert_eq!((status, tag.as_str()), (200, "\"2\""), "{second}");
    assert_eq!(
        (&second["name"], &second["start"]),
        (&first["name"], &json!("ring"))
    );
    assert_eq!(second["steps"]["ring"]["ring"]["group"], "Reception");
    let (_, tag, same) = program.sent(Method::PATCH, &path, &[], &new).await;
    assert_eq!((tag.as_str(), &same), ("\"2\"", &second), "nothing is new");

    let wish = json!({"caller": "020 7946 0700", "at": "2026-12-01T10:00"});
    let (status, tried) = program.post(&format!("{path}/try"), &wish).await;
    assert_eq!(status, 200, "{tried}");
    assert_eq!(tried["stages"][0]["rings"][0]["name"], "Front desk");
    let other = json!({"plan": {"start": "end", "steps": {"end": {"reject": {"code": 486}}}}});
    let (status, tried) = program.post(&format!("{path}/try"), &other).await;
    assert_eq!(status, 200, "{tried}");
    assert!(
        tried["stages"][0]["says"].as_str().unwrap().contains("486"),
        "{tried}"
    );
    let wrong = json!({"plan": {"start": "end", "steps": {}, "ring": ["Nobody"]}, "at": "soon"});
    let (status, problem) = program.post(&format!("{path}/try"), &wrong).await;
    assert_eq!(status, 400, "{problem}");
    assert_eq!(program.get(&path).await["version"], 2, "nothing was saved");

    let back = format!("{path}/versions/1/bring-back");
    let old = [("If-Match", "\"1\"")];
    let (status, _, _) = program.sent(Method::POST, &back, &old, &json!({})).await;
    assert_eq!(status, 412);
    let (status, tag, third) = program.sent(Method::POST, &back, &[], &json!({})).await;
    assert_eq!((status, tag.as_str()), (200, "\"3\""), "{third}");
    assert_eq!(third["steps"], first["steps"]);
    let versions = program.get(&format!("{path}/versions")).await;
    let versions = versions.as_array().unwrap();
    assert_eq!(versions.len(), 3);
    assert_eq!(versions[0]["by"]["name"], "Warehouse");
    let none = format!("{path}/versions/9/bring-back");
    let (status, _) = program.post(&none, &json!({})).await;
    assert_eq!(status, 404);
}

async fn a_number_moves_rests_and_is_given_back(engine: Engine) {
    let world = World::full(engine).await;
    let program = Program::of(&world, world.account.id, KeyScope::Change).await;
    let new = json!({"numbers": [{"number": "020 7946 0600", "label": "Bus", "pool": "Web site visitors"}]});
    let added = made(&program, "/v1/numbers", new).await;
    let path = format!("/v1/numbers/{}", id(&added[0]));
    assert_eq!(
        (&added[0]["e164"], &added[0]["state"]),
        (&json!("+442079460600"), &json!("assigned"))
    );
    let plan = program.get("/v1/plans").await[0].clone();
    let by_id = json!({"plan": id(&plan)});
    let (status, _, is) = program.sent(Method::PATCH, &path, &[], &by_id).await;
    assert_eq!(
        (status, &is["plan"], &is["label"]),
        (200, &plan["name"], &json!("Bus"))
    );
    let out = json!({"pool": null});
    let (status, _, is) = program.sent(Method::PATCH, &path, &[], &out).await;
    assert_eq!(
        (status, &is["state"], &is["pool"]),
        (200, &json!("quarantined"), &Value::Null)
    );
    assert!(is["rests_until"].is_string(), "{is}");
    assert_eq!(is["plan"], plan["name"], "what is left out stays");
    let nowhere = json!({"pool": "Pond", "plan": "None"});
    let (status, _, problem) = program.sent(Method::PATCH, &path, &[], &nowhere).await;
    assert_eq!((status, told(&problem, "field").len()), (400, 2));
    let (status, _) = Program::answer(program.ask(Method::DELETE, &path)).await;
    assert_eq!(status, 204);
    assert_eq!(program.get(&path).await["state"], "released");
    let (status, _) = Program::answer(program.ask(Method::DELETE, &path)).await;
    assert_eq!(status, 404);
}
