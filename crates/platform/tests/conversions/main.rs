//! Conversions with platforms that speak their documented shapes over real connections: what counts is told once, with its
//! click, whatever gets lost; what does not count is told to nobody.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

mod ground;

use std::sync::Arc;
use std::time::Duration;

use ground::{Fault, Ground};
use ringfence_model::{
    Account, Call, CallId, ClickId, Confidence, Conversion, ConversionDestination, ConversionState,
    Disposition, Lead, NumberId, NumberState, Site, SiteId, Source, SourceKind, Timestamp,
    TrackingNumber, TrunkId, Utm, Visit, VisitEvent, VisitEventId, VisitEventKind, VisitId,
    VisitorId,
};
use ringfence_outbound::{Outbound, OutboundPolicy};
use ringfence_platform::conversions::{ConversionError, ConversionUrls, DestinationWish, Verdict};
use ringfence_platform::worth::WorthChange;
use ringfence_platform::{Keys, Platform, Settings, now, random};
use ringfence_store::{Db, Write};
use ringfence_testing::{Engine, TestDatabase, on_both_engines};
use serde_json::{Value, json};
use tempfile::TempDir;

on_both_engines!(
    google_analytics_is_told_of_a_call_in_its_own_words,
    meta_is_told_with_the_click_and_the_hashed_number_only_when_asked_for,
    google_ads_is_told_with_the_click_and_one_access_token,
    a_lead_is_told_when_somebody_says_so_and_only_once,
    what_fails_in_passing_is_told_again_with_the_same_identifier,
    a_lost_answer_is_told_again_only_where_that_counts_once,
    a_refusal_is_told_in_the_platforms_own_words_and_not_repeated,
    who_did_not_agree_or_came_without_a_click_is_told_to_nobody,
    credentials_that_are_refused_wait_until_they_are_mended,
    a_destination_is_tried_without_counting_anything,
    an_erased_caller_is_told_to_nobody_any_more,
);

struct Office {
    platform: Arc<Platform>,
    account: Account,
    number: TrackingNumber,
    site: SiteId,
    ground: Ground,
    _folder: TempDir,
    _database: TestDatabase,
}

impl Office {
    async fn open(engine: Engine) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = engine.database_with_tables().await;
        let db = Db::open(database.url()).await.unwrap();
        db.migrate().await.unwrap();
        let ground = Ground::default();
        let url = ground.open().await;
        let settings = Settings {
            recordings_folder: folder.path().into(),
            record_calls: false,
            public_url: "https://calls.example.com".into(),
            trusted_proxies: Vec::new(),
            number_requests_per_minute: 0,
            late_call_window: Duration::from_mins(10),
            carriers: ringfence_platform::carriers::CarrierUrls::default(),
            mail: None,
            conversions: ConversionUrls {
                google_analytics: url.clone(),
                google_ads: url.clone(),
                google_tokens: url.clone(),
                meta: url,
            },
            fence: ringfence_platform::fence::FenceSettings::default(),
        };
        let outbound = Outbound::new(OutboundPolicy {
            allow_private: true,
            ..OutboundPolicy::default()
        });
        let platform = Platform::beside(db, outbound, settings, Keys::from_master(&[7; 32]));
        let account = platform.add_account("A", "GB", "UTC", now()).await.unwrap();
        let number = TrackingNumber {
            id: NumberId::new(now(), random()),
            account: account.id,
            e164: "+442079460100".parse().unwrap(),
            label: String::new(),
            state: NumberState::Assigned,
            pool: None,
            plan: None,
            created_at: now(),
        };
        let numbers = vec![number.clone()];
        platform.db.add_numbers(numbers).await.unwrap();
        let site = Site {
            id: SiteId::new(now(), random()),
            account: account.id,
            name: "Shop".into(),
            key: "shop".into(),
            swap_targets: Vec::new(),
            pool: None,
            created_at: now(),
        };
        platform.db.add_site(&site).await.unwrap();
        Self {
            platform,
            account,
            number,
            site: site.id,
            ground,
            _folder: folder,
            _database: database,
        }
    }

    async fn destination(&self, wish: &DestinationWish) -> ConversionDestination {
        let added = self
            .platform
            .add_conversion_destination(self.account.id, wish, now());
        added.await.unwrap()
    }

    /// A call of a visit with this click, answered for 90 s, and over now.
    async fn call(&self, click: Option<(&str, &str)>, told: Value) -> Call {
        let at = now();
        let began = at - Duration::from_secs(100);
        let visit = Visit {
            id: VisitId::new(at, random()),
            account: self.account.id,
            site: self.site,
            visitor: VisitorId::new(at, random()),
            started_at: at - Duration::from_secs(200),
            seen_at: began,
            landing_page: "https://www.example.com/".into(),
            referrer: None,
            source: Source {
                kind: SourceKind::Paid,
                name: "Ads".into(),
                campaign: None,
                keyword: None,
            },
            utm: Utm::default(),
            click_id: click.map(|(parameter, value)| ClickId {
                parameter: parameter.into(),
                value: value.into(),
            }),
            language: None,
            device: None,
            address_prefix: None,
        };
        let call = Call {
            id: CallId::new(began, random()),
            account: self.account.id,
            number: self.number.id,
            dialled: self.number.e164.clone(),
            caller: Some("+441632960001".parse().unwrap()),
            trunk: TrunkId::new(at, random()),
            plan: None,
            sip_call_id: "a@example.com".into(),
            started_at: began,
            answered_at: Some(began + Duration::from_secs(10)),
            ended_at: None,
            disposition: None,
            reason: None,
            target: None,
            failed_over: false,
            visit: Some(visit.id),
            source: Some(visit.source.clone()),
            confidence: Confidence::Certain,
            server: None,
        };
        let event = VisitEvent {
            id: VisitEventId::new(at, random()),
            account: self.account.id,
            visit: visit.id,
            at,
            kind: VisitEventKind::Tag,
            name: None,
            data: serde_json::from_value(told).unwrap(),
        };
        let ended = Write::CallEnded {
            account: self.account.id,
            call: call.id,
            at,
            disposition: Disposition::Answered,
            reason: None,
            failed_over: false,
        };
        let visit = Write::Visit(Box::new(visit));
        let call_begun = Write::CallBegun(Box::new(call.clone()));
        let db = &self.platform.db;
        db.write(vec![visit]).await.unwrap();
        assert!(db.add_visit_event(&event).await.unwrap());
        db.write(vec![call_begun]).await.unwrap();
        db.write(vec![ended]).await.unwrap();
        call
    }

    async fn say(&self, call: &Call, lead: Lead, value: &str) {
        let change = WorthChange {
            lead: Some(Some(lead)),
            value: Some(value.into()),
            ..WorthChange::default()
        };
        let said = self
            .platform
            .change_worth(&self.account, call.id, change, now());
        said.await.unwrap();
    }

    async fn send(&self, at: Timestamp) {
        self.platform.send_due_conversions(at).await.unwrap();
    }

    async fn of(&self, call: &Call) -> Conversion {
        let found = self
            .platform
            .conversions_of_call(self.account.id, call.id)
            .await;
        let mut found = found.unwrap();
        assert_eq!(found.len(), 1);
        found.remove(0).1
    }
}

fn wish(platform: &str, target: &str) -> DestinationWish {
    DestinationWish {
        platform: platform.into(),
        target: target.into(),
        counts: "answered".into(),
        seconds: "60".into(),
        consent: "told".into(),
        secret: "open-sesame".into(),
        enabled: true,
        ..DestinationWish::default()
    }
}

fn analytics() -> DestinationWish {
    wish("google_analytics", "G-1A2B3C4D5E")
}

fn meta() -> DestinationWish {
    wish("meta", "123456789012345")
}

fn google_ads() -> DestinationWish {
    DestinationWish {
        event: "4711".into(),
        client: "a.apps.example.com".into(),
        refresh_token: "1//good".into(),
        ..wish("google_ads", "987-654-3210/123-456-7890")
    }
}

fn agreed() -> Value {
    json!({"consent": "granted"})
}

const CLICK: Option<(&str, &str)> = Some(("fbclid", "IwAR2-Case"));

async fn google_analytics_is_told_of_a_call_in_its_own_words(engine: Engine) {
    let office = Office::open(engine).await;
    office.destination(&analytics()).await;
    let words =
        json!({"consent": "granted", "ga_client_id": "11.22", "ga_session_id": "1790000000"});
    let call = office.call(None, words).await;
    office.say(&call, Lead::Qualified, "95.50").await;
    office.send(now()).await;
    let told = office.ground.told();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].path, "/mp/collect");
    let query = "measurement_id=G-1A2B3C4D5E&api_secret=open-sesame";
    assert_eq!(told[0].query, query);
    let expected = json!({
        "client_id": "11.22",
        "timestamp_micros": call.started_at.as_micros(),
        "consent": {"ad_user_data": "GRANTED"},
        "events": [{"name": "generate_lead", "params": {
            "transaction_id": call.id.to_string(),
            "engagement_time_msec": told[0].body["events"][0]["params"]["engagement_time_msec"],
            "session_id": "1790000000",
            "currency": "GBP",
            "value": 95.5,
        }}],
    });
    assert_eq!(told[0].body, expected);
    let kept = office.of(&call).await;
    assert_eq!(kept.state, ConversionState::Sent);
    let sent: Value = serde_json::from_str(kept.sent.as_deref().unwrap()).unwrap();
    assert_eq!(sent, expected);
    assert!(!kept.sent.unwrap().contains("sesame"));

    let nameless = office.call(None, agreed()).await;
    office.send(now()).await;
    let client = office.ground.told()[1].body["client_id"].clone();
    let client = client.as_str().unwrap().to_owned();
    let numbers: Vec<u32> = client
        .split('.')
        .map(|part| part.parse().unwrap())
        .collect();
    assert_eq!(numbers.len(), 2, "made up where the page told none");
    assert_eq!(office.of(&nameless).await.state, ConversionState::Sent);
}

async fn meta_is_told_with_the_click_and_the_hashed_number_only_when_asked_for(engine: Engine) {
    let office = Office::open(engine).await;
    let to = office.destination(&meta()).await;
    let call = office.call(CLICK, agreed()).await;
    office.send(now()).await;
    let told = office.ground.told();
    assert_eq!(told[0].path, "/v26.0/123456789012345/events");
    assert_eq!(told[0].query, "access_token=open-sesame");
    let event = &told[0].body["data"][0];
    assert_eq!(event["event_name"], "Lead");
    assert_eq!(event["event_id"], call.id.to_string());
    assert_eq!(event["action_source"], "phone_call");
    assert_eq!(event["event_time"], call.started_at.as_micros() / 1_000_000);
    let visit = office.platform.db.visit(call.account, call.visit.unwrap());
    let seen = visit.await.unwrap().unwrap().started_at.as_micros() / 1_000;
    let click = json!({"fbc": format!("fb.1.{seen}.IwAR2-Case")});
    assert_eq!(event["user_data"], click);
    assert!(event.get("custom_data").is_none());
    let kept = office.of(&call).await;
    assert_eq!(kept.said.as_deref(), Some("taken, fbtrace_id AbC"));

    let with_number = DestinationWish {
        hashed_caller: true,
        secret: String::new(),
        ..meta()
    };
    let changed =
        office
            .platform
            .change_conversion_destination(office.account.id, to.id, &with_number);
    changed.await.unwrap();
    let words = json!({"consent": "granted", "fbc": "fb.1.1.told", "fbp": "fb.1.2.3"});
    office.call(CLICK, words).await;
    office.send(now()).await;
    let told = office.ground.told();
    assert_eq!(told[1].query, "access_token=open-sesame", "it stays");
    // SHA-256 of 441632960001.
    let hash = "ca0383dcd3e0b750335520071b4ae8ef4f4f897d9b9ff159989449e6dbe36ed1";
    let person = &told[1].body["data"][0]["user_data"];
    assert_eq!(
        (&person["fbc"], &person["fbp"]),
        (&json!("fb.1.1.told"), &json!("fb.1.2.3"))
    );
    assert_eq!(person["ph"], json!([hash]));
    assert!(!told[1].body.to_string().contains("1632960001"));
}

async fn google_ads_is_told_with_the_click_and_one_access_token(engine: Engine) {
    let office = Office::open(engine).await;
    office.destination(&google_ads()).await;
    let first = office.call(Some(("gclid", "Cj0-aB")), agreed()).await;
    let second = office.call(Some(("wbraid", "Wb")), agreed()).await;
    office.send(now()).await;
    let mut told = office.ground.told();
    told.sort_by_key(|request| request.body.to_string().contains("wbraid"));
    assert_eq!((told.len(), office.ground.tokens()), (2, 1));
    assert_eq!(told[0].path, "/v1/events:ingest");
    assert_eq!(told[0].authorization.as_deref(), Some("Bearer ya29.fresh"));
    let event = |call: &Call, click: Value| {
        json!({
            "transactionId": call.id.to_string(),
            "eventTimestamp": call.started_at.to_string(),
            "eventSource": "PHONE",
            "consent": {"adUserData": "CONSENT_GRANTED"},
            "adIdentifiers": click,
        })
    };
    let whole = json!({
        "destinations": [{
            "operatingAccount": {"accountType": "GOOGLE_ADS", "accountId": "1234567890"},
            "loginAccount": {"accountType": "GOOGLE_ADS", "accountId": "9876543210"},
            "productDestinationId": "4711",
        }],
        "events": [event(&first, json!({"gclid": "Cj0-aB"}))],
        "encoding": "HEX",
        "validateOnly": false,
    });
    assert_eq!(told[0].body, whole);
    assert_eq!(
        told[1].body["events"],
        json!([event(&second, json!({"wbraid": "Wb"}))])
    );
    let said = office.of(&first).await.said.unwrap();
    assert!(said.contains("126365e1"), "{said}");
}

async fn a_lead_is_told_when_somebody_says_so_and_only_once(engine: Engine) {
    let office = Office::open(engine).await;
    let qualified = DestinationWish {
        counts: "qualified".into(),
        ..meta()
    };
    office.destination(&qualified).await;
    let call = office.call(CLICK, agreed()).await;
    office.send(now()).await;
    let waits = office.of(&call).await;
    assert_eq!(waits.state, ConversionState::PassedOver);
    assert!(waits.said.unwrap().contains("may buy"));
    office.say(&call, Lead::Unqualified, "").await;
    office.send(now()).await;
    assert_eq!(office.ground.told().len(), 0);
    office.say(&call, Lead::Qualified, "120").await;
    office.send(now()).await;
    office.say(&call, Lead::Converted, "500").await;
    office.send(now() + Duration::from_hours(1)).await;
    let told = office.ground.told();
    assert_eq!(told.len(), 1, "what was taken is not told again");
    let worth = json!({"currency": "GBP", "value": 120.0});
    assert_eq!(told[0].body["data"][0]["custom_data"], worth);
}

async fn what_fails_in_passing_is_told_again_with_the_same_identifier(engine: Engine) {
    let office = Office::open(engine).await;
    let to = office.destination(&meta()).await;
    let passing = json!({"error": {"message": "Please retry", "code": 2, "is_transient": true}});
    office.ground.fails(Fault::Status(500, json!({})));
    office.ground.fails(Fault::Status(400, passing));
    office.ground.fails(Fault::Busy(7_200));
    office.ground.fails(Fault::Lost);
    let call = office.call(CLICK, agreed()).await;
    let mut at = now();
    let mut attempts = 0;
    loop {
        office.send(at).await;
        attempts += 1;
        let kept = office.of(&call).await;
        assert_eq!(kept.attempts, attempts);
        if kept.state == ConversionState::Sent {
            break;
        }
        assert_eq!(kept.state, ConversionState::Pending);
        if attempts == 3 {
            let wait = kept.next_at.since(at);
            assert_eq!(wait, Duration::from_hours(2), "as it asked for");
        }
        at = kept.next_at;
    }
    assert_eq!(attempts, 5);
    let told = office.ground.told();
    let ids: Vec<&Value> = told
        .iter()
        .map(|request| &request.body["data"][0]["event_id"])
        .collect();
    assert!(
        ids.iter().all(|id| **id == json!(call.id.to_string())),
        "{ids:?}"
    );
    let (_, story) = office
        .platform
        .conversion(office.account.id, to.id, office.of(&call).await.id)
        .await
        .unwrap();
    let statuses: Vec<_> = story.iter().map(|attempt| attempt.status).collect();
    assert_eq!(statuses, [Some(500), Some(400), Some(429), None, Some(200)]);
    assert!(story[1].outcome.contains("Please retry"), "{story:?}");
}

async fn a_lost_answer_is_told_again_only_where_that_counts_once(engine: Engine) {
    let office = Office::open(engine).await;
    let to = office.destination(&analytics()).await;
    office.ground.fails(Fault::Lost);
    let call = office.call(None, agreed()).await;
    office.send(now()).await;
    let kept = office.of(&call).await;
    assert_eq!(kept.state, ConversionState::Failed);
    assert!(kept.said.unwrap().contains("twice"));
    office.send(now() + Duration::from_hours(9)).await;
    assert_eq!(office.ground.told().len(), 1);

    let once = DestinationWish {
        event: "purchase".into(),
        ..analytics()
    };
    let changed = office
        .platform
        .change_conversion_destination(office.account.id, to.id, &once);
    changed.await.unwrap();
    office.ground.fails(Fault::Lost);
    let bought = office.call(None, agreed()).await;
    office.send(now()).await;
    assert_eq!(office.of(&bought).await.state, ConversionState::Pending);
    office.send(now() + Duration::from_hours(1)).await;
    assert_eq!(office.of(&bought).await.state, ConversionState::Sent);
    let told = office.ground.told();
    let id = |nth: usize| told[nth].body["events"][0]["params"]["transaction_id"].clone();
    assert_eq!((told.len(), id(1)), (3, id(2)));
}

async fn a_refusal_is_told_in_the_platforms_own_words_and_not_repeated(engine: Engine) {
    let office = Office::open(engine).await;
    let to = office.destination(&meta()).await;
    let words = json!({"error": {
        "message": "Invalid parameter", "code": 100, "error_user_msg": "The fbc is <b>modified</b>.",
    }});
    office.ground.fails(Fault::Status(400, words));
    let call = office.call(CLICK, agreed()).await;
    office.send(now()).await;
    let kept = office.of(&call).await;
    assert_eq!(kept.state, ConversionState::Failed);
    let said = "The fbc is <b>modified</b>. (Meta's error 100)";
    assert_eq!(kept.said.as_deref(), Some(said));
    office.send(now() + Duration::from_hours(9)).await;
    assert_eq!(office.ground.told().len(), 1);
    let again = office
        .platform
        .replay_conversion(office.account.id, to.id, kept.id, now());
    again.await.unwrap();
    office.send(now()).await;
    assert_eq!(office.of(&call).await.state, ConversionState::Sent);
    let again = office
        .platform
        .replay_conversion(office.account.id, to.id, kept.id, now());
    assert!(matches!(again.await, Err(ConversionError::NotFound)));

    office.destination(&google_ads()).await;
    let words = json!({"error": {
        "code": 400, "message": "There was a problem", "status": "INVALID_ARGUMENT",
        "details": [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "INVALID_ARGUMENT"},
            {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [
                {"field": "events.events[0].event_timestamp", "description": "Required."},
            ]},
        ],
    }});
    office.ground.fails(Fault::Status(400, words));
    let call = office.call(Some(("gclid", "x")), agreed()).await;
    office.send(now()).await;
    let found = office
        .platform
        .conversions_of_call(office.account.id, call.id);
    let found = found.await.unwrap();
    let refused = found
        .iter()
        .find(|(_, one)| one.state == ConversionState::Failed);
    let said = refused.unwrap().1.said.as_deref();
    assert_eq!(said, Some("events.events[0].event_timestamp: Required."));
    let (_, passed) = found.iter().find(|(known, _)| known.id == to.id).unwrap();
    assert_eq!(
        passed.state,
        ConversionState::PassedOver,
        "no click of Meta"
    );
}

async fn who_did_not_agree_or_came_without_a_click_is_told_to_nobody(engine: Engine) {
    let office = Office::open(engine).await;
    let to = office.destination(&meta()).await;
    for (words, click, why) in [
        (json!({}), CLICK, "did not tell"),
        (json!({"consent": "denied"}), CLICK, "did not agree"),
        (agreed(), None, "fbclid"),
        (agreed(), Some(("gclid", "x")), "fbclid"),
    ] {
        let call = office.call(click, words.clone()).await;
        office.send(now()).await;
        let kept = office.of(&call).await;
        assert_eq!(kept.state, ConversionState::PassedOver, "{words}");
        assert!(kept.said.unwrap().contains(why), "{words}");
        assert_eq!((kept.attempts, kept.sent), (0, None));
    }
    let old = office.call(CLICK, agreed()).await;
    office.send(now() + Duration::from_hours(8 * 24)).await;
    assert!(office.of(&old).await.said.unwrap().contains("last 7 days"));
    let short = DestinationWish {
        seconds: "91".into(),
        consent: "waited".into(),
        first_only: true,
        ..meta()
    };
    let changed = office
        .platform
        .change_conversion_destination(office.account.id, to.id, &short);
    changed.await.unwrap();
    let call = office.call(CLICK, json!({})).await;
    office.send(now()).await;
    let said = office.of(&call).await.said.unwrap();
    assert!(said.contains("91 s"), "{said}");
    assert_eq!(office.ground.told().len(), 0);
}

async fn credentials_that_are_refused_wait_until_they_are_mended(engine: Engine) {
    let office = Office::open(engine).await;
    let gone = DestinationWish {
        refresh_token: "1//gone".into(),
        ..google_ads()
    };
    let to = office.destination(&gone).await;
    let call = office.call(Some(("gclid", "x")), agreed()).await;
    office.send(now()).await;
    let waits = office.of(&call).await;
    assert_eq!(waits.state, ConversionState::Pending);
    assert!(waits.said.unwrap().contains("expired or revoked"));
    let known = async || {
        let known = office
            .platform
            .conversion_destination(office.account.id, to.id);
        known.await.unwrap()
    };
    assert!(known().await.failing_since.is_some());
    let mended = google_ads();
    let changed = office
        .platform
        .change_conversion_destination(office.account.id, to.id, &mended);
    changed.await.unwrap();
    office.send(now() + Duration::from_hours(1)).await;
    assert_eq!(office.of(&call).await.state, ConversionState::Sent);
    assert_eq!(known().await.failing_since, None);
    assert!(
        !known()
            .await
            .secret
            .windows(6)
            .any(|part| part == b"sesame")
    );
}

async fn a_destination_is_tried_without_counting_anything(engine: Engine) {
    let office = Office::open(engine).await;
    let (platform, account) = (&office.platform, office.account.id);
    for (wish, code, path) in [
        (analytics(), "", "/debug/mp/collect"),
        (google_ads(), "", "/v1/events:ingest"),
        (meta(), "TEST123", "/v26.0/123456789012345/events"),
    ] {
        let to = office.destination(&wish).await;
        let tried = platform.try_conversion_destination(account, to.id, code, now());
        let verdict = tried.await.unwrap();
        assert!(matches!(verdict, Verdict::Taken(_)), "{verdict:?}");
        let asked = office.ground.told().pop().unwrap();
        assert_eq!(asked.path, path);
        match wish.platform.as_str() {
            "google_ads" => assert_eq!(asked.body["validateOnly"], true),
            "meta" => assert_eq!(asked.body["test_event_code"], "TEST123"),
            _ => assert!(asked.body["events"][0]["name"] == "generate_lead"),
        }
        if wish.platform == "meta" {
            let tried = platform.try_conversion_destination(account, to.id, " ", now());
            let wrong = tried.await.unwrap_err();
            assert!(matches!(wrong, ConversionError::Problems(_)), "{wrong}");
        }
        if wish.platform == "google_analytics" {
            let words = json!({"validationMessages": [{
                "fieldPath": "events", "description": "It has an invalid name.",
                "validationCode": "NAME_INVALID",
            }]});
            office.ground.fails(Fault::Status(200, words));
            let tried = platform.try_conversion_destination(account, to.id, "", now());
            let wrong = Verdict::Refused("It has an invalid name. (NAME_INVALID)".into());
            assert_eq!(tried.await.unwrap(), wrong);
        }
    }
}

async fn an_erased_caller_is_told_to_nobody_any_more(engine: Engine) {
    let office = Office::open(engine).await;
    office.destination(&meta()).await;
    office.ground.fails(Fault::Status(503, json!({})));
    let call = office.call(CLICK, agreed()).await;
    office.send(now()).await;
    assert!(office.of(&call).await.sent.is_some());
    let later = now() + Duration::from_hours(1);
    let erased = office
        .platform
        .db
        .erase_calls(office.account.id, &[call.id], later)
        .await;
    assert_eq!(erased.unwrap(), 1);
    office.send(later).await;
    assert_eq!(office.ground.told().len(), 1);
    let kept = office.of(&call).await;
    assert_eq!(kept.state, ConversionState::PassedOver);
    assert_eq!((kept.sent, kept.visit), (None, None));
}
