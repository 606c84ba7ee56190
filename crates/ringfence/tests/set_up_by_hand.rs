//! A trunk, a target, a group and a plan that the dashboard's forms made while the server runs take a real call.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop at once"
)]

#[path = "../../telephony/tests/calls/script.rs"]
#[allow(dead_code, reason = "this test uses its own part of it")]
mod script;
mod support;

use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use ringfence_model::{AccountId, Disposition, NumberId, NumberState, TrackingNumber};
use ringfence_platform::{now, random};
use ringfence_store::{CallFilter, Db};
use ringfence_testing::{Engine, on_both_engines};
use script::Script;
use support::{World, run};

on_both_engines!(a_call_comes_in_over_what_forms_have_made);

const NUMBER: &str = "+442079460001";
const PASSWORD: &str = "correct horse battery";

/// The owner's browser.
struct Browser {
    client: reqwest::Client,
    server: String,
    session: String,
}

impl Browser {
    async fn signed_in(world: &World, password: &str) -> Self {
        // Whoever made a client before has installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut browser = Self {
            client: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .build()
                .unwrap(),
            server: format!("http://{}", world.http),
            session: String::new(),
        };
        let fields = [("email", "owner@example.com"), ("password", password)];
        let answer = browser.post("/sign-in", &fields).await;
        let session = answer.headers()[SET_COOKIE].to_str().unwrap();
        session
            .split(';')
            .next()
            .unwrap()
            .clone_into(&mut browser.session);
        browser
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> reqwest::Response {
        let form = reqwest::Url::parse_with_params("http://localhost/", fields).unwrap();
        let asked = self.client.post(format!("{}{path}", self.server));
        let asked = asked
            .header(COOKIE, &self.session)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let body = form.query().unwrap().to_owned();
        asked.body(body).send().await.unwrap()
    }

    /// Sends the form of a page.
    async fn saves(&self, path: &str, fields: &[(&str, &str)]) {
        let page = self.client.get(format!("{}{path}", self.server));
        let page = page.header(COOKIE, &self.session).send().await.unwrap();
        let page = page.text().await.unwrap();
        let (_, token) = page.split_once("name=\"form_token\" value=\"").unwrap();
        let (token, _) = token.split_once('"').unwrap();
        let mut all = vec![("form_token", token)];
        all.extend_from_slice(fields);
        let answer = self.post(path, &all).await;
        let went = answer.headers().get(LOCATION).cloned();
        let said = answer.text().await.unwrap();
        assert!(went.is_some(), "{path}: {said}");
    }
}

/// A number whose calls go by the account's only plan.
async fn with_a_number(db: &Db, account: AccountId) {
    let plan = db.plans(account).await.unwrap().remove(0);
    let number = TrackingNumber {
        id: NumberId::new(now(), random()),
        account,
        e164: NUMBER.parse().unwrap(),
        label: "Radio".into(),
        state: NumberState::Assigned,
        pool: None,
        plan: Some(plan.id),
        created_at: now(),
    };
    db.add_numbers(vec![number]).await.unwrap();
}

async fn a_call_comes_in_over_what_forms_have_made(engine: Engine) {
    let world = World::new(engine.database().await);
    let config = world.config().to_str().unwrap().to_owned();
    let add = [
        "user",
        "add",
        "--email",
        "owner@example.com",
        "--config",
        &config,
    ];
    let (code, out, said) = run(&add, world.folder.path());
    assert_eq!(code, Some(0), "{out}{said}");
    let (_, password) = out.split_once("password: ").unwrap();
    let server = world.serve();
    let desk = Script::target(&[])
        .answers_invite("200 OK", "", true)
        .gets("ACK")
        .gets_hung_up()
        .sipp();

    let owner = Browser::signed_in(&world, password.trim()).await;
    let carrier = [
        ("name", "Carrier"),
        ("addresses", "127.0.0.1"),
        ("country", "GB"),
        ("user", "carrier"),
        ("password", PASSWORD),
        ("challenge", "on"),
        ("md5_only", "on"),
    ];
    owner.saves("/trunks", &carrier).await;
    let address = desk.uri();
    let target = [
        ("name", "Desk"),
        ("kind", "sip"),
        ("address", address.as_str()),
    ];
    owner.saves("/targets", &target).await;
    let sales = [
        ("name", "Sales"),
        ("take-0", "Desk"),
        ("ring_seconds", "30"),
        ("strategy", "performance"),
        ("do", "save"),
    ];
    owner.saves("/groups", &sales).await;
    let text = "name = \"Main\"\nstart = \"ring\"\n[steps.ring.ring]\ngroup = \"Sales\"\n";
    owner.saves("/plans", &[("text", text)]).await;

    let db = world.db().await;
    let account = db.first_account().await.unwrap().unwrap().id;
    with_a_number(&db, account).await;
    let desk = desk.start().await;
    // The first requests find no trunk yet and are passed over in silence: they are sent again, as RFC 3261 has it.
    let call = Script::caller()
        .invites("")
        .gets_challenged(401, "algorithm=MD5")
        .acknowledges()
        .invites(&format!(
            "[authentication username=carrier password=\"{PASSWORD}\"]"
        ))
        .hears(200)
        .acknowledges()
        .pauses(300)
        .hangs_up();
    let call = call.sipp().remote(world.sip, NUMBER).run().await;
    call.unwrap_or_else(|error| panic!("the caller's side: {error}\n{}", world.said()));
    desk.finish().await.expect("the desk's side");

    let until = Instant::now() + Duration::from_mins(1);
    let call = loop {
        let page = db.calls(account, &CallFilter::default(), None, 10).await;
        let calls = page.unwrap().calls;
        if let [call] = calls.as_slice()
            && call.ended_at.is_some()
        {
            break call.clone();
        }
        assert!(Instant::now() < until, "{}", world.said());
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(call.disposition, Some(Disposition::Answered));
    let trunks = db.trunks(account).await.unwrap();
    assert_eq!(
        (trunks[0].name.as_str(), call.trunk),
        ("Carrier", trunks[0].id)
    );
    let targets = db.targets(account).await.unwrap();
    assert_eq!(call.target, Some(targets[0].id));
    assert!(!world.said().contains(PASSWORD), "a password was logged");
    assert!(server.stop().success(), "{}", world.said());
    db.close().await;
}
