//! Every page and every endpoint of the table, asked by everybody: nothing leaks, nothing is changed.

use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use ringfence_model::{
    AccountId, AuditFilter, Carrier, CarrierId, CarrierKind, CaseId, ConsentRule,
    ConversionDestination, ConversionDestinationId, ConversionPlatform, ConversionRule,
    CountedCalls, DiallingHold, Disposition, KeyScope, Right, Role, SiteId, User, WebhookEvent,
};
use ringfence_platform::{now, random};
use ringfence_store::{AgentSet, Write};
use ringfence_testing::{Engine, on_both_engines};
use ringfence_web::access::{Door, ROWS, Row};
use serde_json::{Value, json};

use crate::browser::{Browser, location};
use crate::world::{PASSWORD, World};

on_both_engines!(
    every_page_opens_to_its_roles_alone,
    every_endpoint_opens_to_its_keys_alone,
    nobody_of_a_frozen_account_changes_anything_and_everybody_reads,
);

/// One object of the account of each kind that a path names.
struct Known {
    names: Vec<(&'static str, String)>,
}

impl Known {
    async fn of(world: &World, owner: &User) -> Self {
        let (platform, account) = (&world.platform, world.account.id);
        let sites = platform.sites(account).await.unwrap();
        let (site, hosts) = &sites[0];
        let waiting = hosts.iter().find(|host| host.proof.is_none()).unwrap();
        let key = platform.add_campaign_key(account, site.id, "walked-before", "");
        key.await.unwrap();
        let numbers = platform.db.numbers(account).await.unwrap();
        let targets = platform.db.targets(account).await.unwrap();
        let agent = AgentSet::Is(Some(world.analyst.id), now());
        let answers = platform.db.set_agent(account, targets[0].id, agent);
        answers.await.unwrap();
        let spare = platform.add_pool(account, "A spare one", Duration::from_mins(30), None, now());
        spare.await.unwrap();
        let groups = platform.db.target_groups(account).await.unwrap();
        let trunks = platform.db.trunks(account).await.unwrap();
        let plans = platform.db.plans(account).await.unwrap();
        let pools = platform.db.pools(account).await.unwrap();
        let call = platform
            .db
            .call(account, world.call.unwrap())
            .await
            .unwrap()
            .unwrap();
        let case = held(world, site.id).await;
        let viewer = viewer_of(world, owner).await;
        let invited = platform.invite(&viewer, "joe@example.com", Role::Agent, now());
        let (invitation, _) = invited.await.unwrap();
        let url = "https://hooks.example.com/";
        let webhook = platform.add_webhook(account, url, &[WebhookEvent::CallStarted], now());
        let (webhook, _) = webhook.await.unwrap();
        let carrier = closed_carrier(account);
        platform.db.add_carrier(&carrier).await.unwrap();
        let key = platform.add_api_key(account, "Known", KeyScope::Read, None, now());
        let (key, _) = key.await.unwrap();
        let destination = unopened(account);
        let added = platform.db.add_conversion_destination(&destination);
        added.await.unwrap();
        let report = platform.save_report(account, "Ann Porter's", "", now());
        let report = report.await.unwrap();
        let again = world.call_again().await;
        let ended = Write::CallEnded {
            account,
            call: again,
            at: now(),
            disposition: Disposition::Answered,
            reason: None,
            failed_over: false,
        };
        platform.db.write(vec![ended]).await.unwrap();
        let told = platform.db.conversions_of_call(account, again).await;
        let conversion = told.unwrap().remove(0);
        let passed = platform.db.pass_conversion_over(&conversion, "walked");
        assert!(passed.await.unwrap());
        let conversion = conversion.id;
        let deliveries = platform.deliveries(account, webhook.id, None, None, 10);
        let delivery = deliveries.await.unwrap().0[0].id;
        Self {
            names: vec![
                ("{call}", call.id.to_string()),
                ("{visit}", call.visit.unwrap().to_string()),
                ("{target}", targets[0].id.to_string()),
                ("{group}", groups[0].id.to_string()),
                ("{trunk}", trunks[0].id.to_string()),
                ("{number}", numbers[0].id.to_string()),
                ("{pool}", pools[0].id.to_string()),
                ("{carrier}", carrier.id.to_string()),
                ("{plan}", plans[0].id.to_string()),
                ("{version}", "1".to_owned()),
                ("{site}", site.id.to_string()),
                ("{campaign_key}", "walked-before".to_owned()),
                ("{host}", waiting.id.to_string()),
                ("{user}", world.analyst.id.to_string()),
                ("{session}", viewer.session.to_string()),
                ("{invitation}", invitation.id.to_string()),
                ("{case}", case.to_string()),
                ("{account}", account.to_string()),
                ("{key}", key.id.to_string()),
                ("{webhook}", webhook.id.to_string()),
                ("{delivery}", delivery.to_string()),
                ("{destination}", destination.id.to_string()),
                ("{conversion}", conversion.to_string()),
                ("{report}", report.id.to_string()),
            ],
        }
    }

    fn id(&self, name: &str) -> &str {
        let found = self.names.iter().find(|(known, _)| *known == name);
        &found.unwrap().1
    }

    fn path(&self, row: &Row) -> String {
        let fill = |path: String, (name, id): &(&str, String)| path.replace(name, id);
        let path = self.names.iter().fold(row.path.to_owned(), fill);
        assert!(
            !path.contains('{'),
            "a new kind of object needs a line here: {path}"
        );
        path
    }
}

/// The site and the dialling of the account, both held: the case of the site.
async fn held(world: &World, site: SiteId) -> CaseId {
    let (platform, account) = (&world.platform, world.account.id);
    let operator = platform.add_user(
        account,
        "op@example.com",
        "Op",
        Role::Agent,
        PASSWORD,
        now(),
    );
    let operator = operator.await.unwrap();
    let added = platform.db.add_operator(account, operator.id, now());
    added.await.unwrap();
    let dialling = DiallingHold {
        account,
        placed_at: now(),
        ended_at: None,
        minutes: 601,
        minutes_per_hour: 600,
    };
    platform.db.hold_dialling(&dialling).await.unwrap();
    let case = platform.hold_site(account, site, "a walk", operator.id, now());
    case.await.unwrap()
}

/// A carrier whose secret does not open, so that nobody is asked.
fn closed_carrier(account: AccountId) -> Carrier {
    Carrier {
        id: CarrierId::new(now(), random()),
        account,
        kind: CarrierKind::Telnyx,
        name: "Known".into(),
        user: String::new(),
        secret: Vec::new(),
        trunk: String::new(),
        created_at: now(),
    }
}

/// A destination whose credentials do not open, so that nobody is told.
fn unopened(account: AccountId) -> ConversionDestination {
    ConversionDestination {
        id: ConversionDestinationId::new(now(), random()),
        account,
        platform: ConversionPlatform::GoogleAnalytics,
        target: "G-WALKED".into(),
        event: "generate_lead".into(),
        rule: ConversionRule {
            counts: CountedCalls::Answered,
            seconds: 0,
            first_only: false,
            consent: ConsentRule::Told,
            hashed_caller: false,
        },
        secret: Vec::new(),
        enabled: true,
        failing_since: None,
        created_at: now(),
    }
}

async fn viewer_of(world: &World, user: &User) -> ringfence_platform::accounts::Viewer {
    let platform = &world.platform;
    let link = platform.sign_in_link(user, Duration::from_mins(1), now());
    let signed_in = platform
        .sign_in_with_link(&link, "walk", now())
        .await
        .unwrap()
        .signed_in()
        .unwrap();
    platform
        .viewer(&signed_in.token, now())
        .await
        .unwrap()
        .unwrap()
}

/// A browser in which `user` has signed in a moment ago.
async fn signed_in(world: &World, user: &User) -> (Browser, String) {
    let platform = &world.platform;
    let link = platform.sign_in_link(user, Duration::from_mins(1), now());
    let signed_in = platform
        .sign_in_with_link(&link, "walk", now())
        .await
        .unwrap()
        .signed_in()
        .unwrap();
    let viewer = platform.viewer(&signed_in.token, now()).await.unwrap();
    let mut browser = Browser::new(world);
    browser.cookie = format!("ringfence_session={}", signed_in.token);
    (browser, viewer.unwrap().form_token)
}

/// Everything of the account that a page or endpoint can change; sessions and sign-ins come with the walk itself.
async fn digest(world: &World) -> String {
    let (platform, account) = (&world.platform, world.account.id);
    let mut users = platform.people(account).await.unwrap();
    for user in &mut users {
        user.last_sign_in_at = None;
    }
    let deliveries = (
        platform.webhooks(account).await.unwrap(),
        platform.saved_reports(account).await.unwrap(),
    );
    let factors = (
        platform.people_with_second_factor(account).await.unwrap(),
        platform
            .second_factor_required_since(account)
            .await
            .unwrap(),
    );
    format!(
        "{users:?} {factors:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {deliveries:?} {:?} {:?} {:?} {:?} {:?}",
        platform.db.numbers(account).await.unwrap(),
        platform.db.pools(account).await.unwrap(),
        platform.carriers(account).await.unwrap(),
        platform.conversion_destinations(account).await.unwrap(),
        platform.db.targets(account).await.unwrap(),
        platform.db.target_groups(account).await.unwrap(),
        platform.db.trunks(account).await.unwrap(),
        platform.db.plans(account).await.unwrap(),
        platform.invitations(account, now()).await.unwrap(),
        platform.sites(account).await.unwrap(),
        platform.db.all_campaign_keys().await.unwrap(),
        platform.api_keys(account).await.unwrap(),
        (
            platform.db.live_holds(account).await.unwrap(),
            platform.db.dialling_hold(account).await.unwrap(),
        ),
        platform
            .worths(account, &[world.call.unwrap()])
            .await
            .unwrap(),
        platform
            .audit_log(account, &AuditFilter::default(), 1_000)
            .await
            .unwrap(),
    )
}

/// A form that would change something wherever it is sent to.
async fn ask(browser: &Browser, row: &Row, path: &str, token: &str) -> Response {
    if row.method == "GET" {
        return browser.get(path).send().await.unwrap();
    }
    let fields = [
        ("form_token", token),
        ("name", "Walked"),
        ("address", "sip:walked@192.0.2.1"),
        ("lines", "+442079460999"),
        ("country", "GB"),
        ("label", "Walked"),
        ("hold_minutes", "30"),
        ("quarantine_days", "30"),
        ("pool", "none"),
        ("all", "on"),
        ("text", "name = \"Walked\"\notherwise_reject = 480"),
        ("base", "1"),
        ("host", "walked.example.com"),
        ("campaign_key", "walked"),
        ("role", "agent"),
        ("email", "walked@example.com"),
        ("theme", "dark"),
        ("present", "not the password"),
        ("new", "a longer horse battery"),
        ("lead", "converted"),
        ("value", "95"),
        ("scope", "change"),
        ("life", "30"),
        ("code", "000000"),
        ("proof", "not the password"),
        ("require", "no"),
        ("url", "https://walked.example.com/"),
        ("call.ended", "on"),
    ];
    browser.post(path, &fields).send().await.unwrap()
}

/// Looks at other servers, needs a call that runs, or ends in the middle of the walk what the walk stands on; others have
/// tests of their own.
fn is_asked_by_who_may(row: &Row) -> bool {
    let decides = row.path.starts_with("/cases/") && row.method == "POST";
    let elsewhere = [
        "/v1/calls/{call}/transfer",
        "/v1/conversions/{destination}/test",
    ];
    !decides && !row.path.ends_with("/check") && !elsewhere.contains(&row.path)
}

/// Names of the account's own that no stranger may read.
const SECRETS: [&str; 6] = [
    "Ann Porter",
    "ben@example.com",
    "hooks.example.com",
    "booking.example.com",
    "7946 01",
    "+4420794601",
];

async fn every_page_opens_to_its_roles_alone(engine: Engine) {
    let world = World::full(engine).await;
    let known = Known::of(&world, &world.owner).await;
    let mut people = Vec::new();
    for role in Role::ALL {
        let email = format!("{}@example.com", role.as_str());
        let user =
            world
                .platform
                .add_user(world.account.id, &email, &email, *role, PASSWORD, now());
        people.push(user.await.unwrap());
    }
    let stranger = world.stranger.id;
    let stranger = world.platform.add_user(
        stranger,
        "eve@else.test",
        "Eve",
        Role::Owner,
        PASSWORD,
        now(),
    );
    let stranger = stranger.await.unwrap();
    let nobody = Browser::new(&world);
    for row in ROWS.iter().filter(|row| !row.path.starts_with("/v1/")) {
        if row.door == Door::Anybody {
            continue;
        }
        let path = known.path(row);
        let said = format!("{} {}", row.method, row.path);
        let before = digest(&world).await;
        let answer = ask(&nobody, row, &path, "").await;
        if row.method == "GET" {
            assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{said} signed out");
            assert!(
                location(&answer).starts_with("/sign-in"),
                "{said} signed out"
            );
        } else {
            assert_eq!(
                answer.status(),
                StatusCode::UNAUTHORIZED,
                "{said} signed out"
            );
        }

        let (browser, token) = signed_in(&world, &stranger).await;
        let answer = ask(&browser, row, &path, &token).await;
        let status = answer.status();
        if path != row.path || row.door == Door::Operators {
            assert_eq!(status, StatusCode::NOT_FOUND, "{said} by a stranger");
        }
        if !row.path.ends_with("/events") {
            let text = answer.text().await.unwrap();
            let leak = SECRETS.iter().find(|secret| text.contains(**secret));
            assert_eq!(leak, None, "{said} by a stranger");
        }

        for person in &people {
            let may = match row.door {
                Door::Needs(right) => person.role.may(right),
                Door::Somebody => true,
                Door::Anybody | Door::Operators => false,
            };
            if may {
                continue;
            }
            let (browser, token) = signed_in(&world, person).await;
            let status = ask(&browser, row, &path, &token).await.status();
            let refused = match row.door {
                Door::Operators => StatusCode::NOT_FOUND,
                _ => StatusCode::FORBIDDEN,
            };
            assert_eq!(status, refused, "{said} by {:?}", person.role);
        }
        assert_eq!(digest(&world).await, before, "{said} changed something");
    }

    // Only now by those who may: what they change is not to be there before.
    for row in ROWS.iter().filter(|row| !row.path.starts_with("/v1/")) {
        for person in &people {
            let may = match row.door {
                Door::Needs(right) => person.role.may(right),
                Door::Somebody => !row.path.contains('{'),
                Door::Anybody | Door::Operators => false,
            };
            if !may || !is_asked_by_who_may(row) {
                continue;
            }
            let (browser, token) = signed_in(&world, person).await;
            let answer = ask(&browser, row, &known.path(row), &token).await;
            let status = answer.status();
            let said = format!("{} {} by {:?}: {status}", row.method, row.path, person.role);
            let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];
            assert!(
                !refused.contains(&status) && !status.is_server_error(),
                "{said}"
            );
            if row.method == "GET" && !row.path.contains("/{call}/") {
                assert_eq!(status, StatusCode::OK, "{said}");
            }
        }
    }
}

/// What would change something at an endpoint.
fn wanted(path: &str, known: &Known, by_stranger: bool) -> Value {
    let end = json!({"end": {"reject": {"code": 480}}});
    match path {
        "/v1/webhooks" => json!({"url": "https://x.example.com/", "events": ["call.ended"]}),
        "/v1/calls/{call}/worth" => json!({"lead": "converted", "value": "95"}),
        // A number is one account's: the stranger adds another one.
        "/v1/numbers" if by_stranger => json!({"numbers": [{"number": "+442079460998"}]}),
        "/v1/numbers" => json!({"numbers": [{"number": "+442079460999"}]}),
        "/v1/numbers/{number}" => json!({"label": "Walked"}),
        "/v1/plans" => json!({"name": "Walked", "start": "end", "steps": end}),
        "/v1/plans/{plan}" => json!({"start": "end", "steps": end}),
        "/v1/plans/{plan}/try" => json!({"keys": "1"}),
        "/v1/groups" => json!({"name": "Walked", "targets": ["Maria at home"]}),
        "/v1/groups/{group}" => json!({"ring_seconds": 25}),
        "/v1/targets" => json!({"name": "Walked", "uri": "sip:walked@192.0.2.1"}),
        "/v1/targets/{target}" => json!({"paused": true}),
        "/v1/trunks" => json!({"name": "Walked", "addresses": ["203.0.113.7"]}),
        "/v1/trunks/{trunk}" => json!({"country": "IE"}),
        "/v1/pools/{pool}" => json!({"hold_minutes": 45}),
        "/v1/agents/{target}" => json!({"state": "available"}),
        "/v1/conversions" => json!({
            "platform": "meta", "target": "123456789012345", "secret": "open-sesame",
        }),
        "/v1/conversions/{destination}" => json!({"seconds": 45}),
        "/v1/conversions/{destination}/test" => json!({}),
        "/v1/calls/{call}/transfer" => json!({"number": "+442079460999"}),
        "/v1/erasures" => json!({"visit_id": known.id("{visit}")}),
        "/v1/webhooks/{webhook}" => json!({"enabled": false}),
        "/v1/webhooks/{webhook}/replay" => json!({"since": "2020-01-01T00:00:00Z"}),
        _ => json!({"name": "walked.example.com"}),
    }
}

async fn every_endpoint_opens_to_its_keys_alone(engine: Engine) {
    let world = World::full(engine).await;
    let known = Known::of(&world, &world.owner).await;
    let key = async |account, scope| {
        let made = world
            .platform
            .add_api_key(account, "Walk", scope, None, now());
        made.await.unwrap().1
    };
    let stranger = key(world.stranger.id, KeyScope::Change).await;
    let own = [
        (KeyScope::Read, key(world.account.id, KeyScope::Read).await),
        (
            KeyScope::Change,
            key(world.account.id, KeyScope::Change).await,
        ),
    ];
    let browser = Browser::new(&world);
    let ask = async |row: &Row, key: &str| {
        let body = wanted(row.path, &known, key == stranger);
        let method: Method = row.method.parse().unwrap();
        let request = browser.api(method, &known.path(row), key);
        request.body(body.to_string()).send().await.unwrap()
    };
    let rows = || ROWS.iter().filter(|row| row.path.starts_with("/v1/"));
    for row in rows() {
        let said = format!("{} {}", row.method, row.path);
        let Door::Needs(right) = row.door else {
            panic!("{said} needs a right");
        };
        let before = digest(&world).await;
        assert_eq!(
            ask(row, "").await.status(),
            StatusCode::UNAUTHORIZED,
            "{said}"
        );
        let answer = ask(row, &stranger).await;
        if row.path.contains('{') {
            assert_eq!(
                answer.status(),
                StatusCode::NOT_FOUND,
                "{said} by a stranger"
            );
        }
        let text = answer.text().await.unwrap();
        let leak = SECRETS.iter().find(|secret| text.contains(**secret));
        assert_eq!(leak, None, "{said} by a stranger");
        for (scope, key) in &own {
            if !scope.may(right) {
                let status = ask(row, key).await.status();
                assert_eq!(status, StatusCode::FORBIDDEN, "{said} by {scope:?}");
            }
        }
        assert_eq!(digest(&world).await, before, "{said} changed something");
    }
    // Taken away last, for others ask for it.
    let mut rows: Vec<&Row> = rows().filter(|row| is_asked_by_who_may(row)).collect();
    rows.sort_by_key(|row| row.method == "DELETE");
    for row in rows {
        for (scope, key) in &own {
            let Door::Needs(right) = row.door else {
                continue;
            };
            if scope.may(right) {
                let before = digest(&world).await;
                let status = ask(row, key).await.status();
                let said = format!("{} {} by {scope:?}: {status}", row.method, row.path);
                assert!(status.is_success(), "{said}");
                let changed = digest(&world).await != before;
                // Nothing was given up, so that nothing is sent again; and the first version holds still.
                let idle = [
                    "/v1/webhooks/{webhook}/replay",
                    "/v1/plans/{plan}/versions/{version}/bring-back",
                ];
                let idle = idle.contains(&row.path);
                assert_eq!(
                    changed,
                    right.changes() && !idle,
                    "{said}: each change leaves an entry"
                );
            }
        }
    }
}

async fn nobody_of_a_frozen_account_changes_anything_and_everybody_reads(engine: Engine) {
    let world = World::full(engine).await;
    let known = Known::of(&world, &world.owner).await;
    let (platform, account) = (&world.platform, world.account.id);
    let key = platform.add_api_key(account, "Walk", KeyScope::Change, None, now());
    let key = key.await.unwrap().1;
    let operator = platform.operator("op@example.com").await.unwrap();
    let case = known.id("{case}").parse().unwrap();
    platform.confirm_case(case, &operator, now()).await.unwrap();
    platform
        .freeze_account(case, &operator, now())
        .await
        .unwrap();
    let (browser, token) = signed_in(&world, &world.owner).await;
    let before = digest(&world).await;
    for row in ROWS {
        let Door::Needs(right) = row.door else {
            continue;
        };
        // An answer is what is left to them.
        if right == Right::Appeal || row.path.ends_with("/events") || row.path.contains(".wav") {
            continue;
        }
        let path = known.path(row);
        let said = format!("{} {}", row.method, row.path);
        let status = if row.path.starts_with("/v1/") {
            if !KeyScope::Change.may(right) {
                continue;
            }
            let method: Method = row.method.parse().unwrap();
            browser
                .api(method, &path, &key)
                .body("{}")
                .send()
                .await
                .unwrap()
                .status()
        } else {
            ask(&browser, row, &path, &token).await.status()
        };
        if right.changes() {
            assert_eq!(status, StatusCode::FORBIDDEN, "{said}");
        } else {
            assert!(
                !status.is_client_error() || row.path.contains("{call}/"),
                "{said}: {status}"
            );
            assert!(!status.is_server_error(), "{said}: {status}");
        }
    }
    assert_eq!(digest(&world).await, before, "something was changed");
    let page = browser.page("/").await;
    assert!(page.contains("has frozen this account"), "{page}");

    // A stranger and an operator go on.
    let path = format!("/cases/{case}");
    let (other, other_token) = signed_in(&world, &operator).await;
    assert!(other.page(&path).await.contains("frozen"));
    let release = format!("{path}/release");
    let released = other.post(&release, &[("form_token", other_token.as_str())]);
    assert_eq!(
        released.send().await.unwrap().status(),
        StatusCode::SEE_OTHER
    );
    let second = platform.add_user(
        account,
        "op2@example.com",
        "Op",
        Role::Agent,
        PASSWORD,
        now(),
    );
    let second = second.await.unwrap();
    let added = platform.db.add_operator(account, second.id, now());
    added.await.unwrap();
    platform.release_case(case, &second, now()).await.unwrap();
    let saved = [
        ("form_token", token.as_str()),
        ("name", "Harbour Dental"),
        ("time_zone", "Europe/London"),
        ("currency", "GBP"),
    ];
    let saved = browser.post("/account", &saved).send().await.unwrap();
    assert_eq!(saved.status(), StatusCode::SEE_OTHER, "one step undid it");
}
