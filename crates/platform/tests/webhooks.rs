//! Webhooks with a real receiver: what is due comes, signed, once it can; nothing goes where it must not.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use ringfence_model::{
    Account, Call, CallId, Confidence, Delivery, DeliveryState, Disposition, NumberId, NumberState,
    Timestamp, TrackingNumber, TrunkId, Webhook, WebhookEvent,
};
use ringfence_outbound::{Outbound, OutboundPolicy};
use ringfence_platform::webhooks::{RETRY_FOR, WebhookChange, WebhookError, sign};
use ringfence_platform::{Keys, Platform, Settings, now, random};
use ringfence_store::{Db, Write};
use ringfence_testing::{Engine, TestDatabase, on_both_engines};
use tempfile::TempDir;
use tokio::sync::Notify;

on_both_engines!(
    a_message_is_signed_and_taken_once,
    what_an_endpoint_that_is_down_missed_comes_when_it_is_back,
    errors_are_tried_again_and_given_up_after_three_days,
    an_endpoint_that_took_nothing_for_three_days_is_switched_off,
    a_redirect_is_not_followed,
    a_private_address_gets_nothing,
    a_server_that_is_killed_while_it_sends_sends_again,
    an_endpoint_that_is_gone_is_switched_off_at_once,
    bad_urls_and_empty_wishes_are_refused,
    a_running_server_sends_by_itself,
);

/// What came in.
#[derive(Debug, Clone)]
struct Message {
    id: String,
    seconds: i64,
    signature: String,
    body: String,
}

/// A status, and where it redirects to.
type Answer = (u16, Option<String>);

/// A program that takes messages, or does not.
#[derive(Clone, Default)]
struct Receiver {
    came: Arc<Mutex<Vec<Message>>>,
    /// Status and `Location` of the next answers; 204 when there is none left.
    answers: Arc<Mutex<VecDeque<Answer>>>,
    /// Answers nothing at all while set.
    stuck: Arc<Mutex<bool>>,
    arrived: Arc<Notify>,
}

impl Receiver {
    async fn start(&self, address: &str) -> (String, tokio::task::JoinHandle<()>) {
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let router = Router::new().fallback(take).with_state(self.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (url, server)
    }

    fn will_answer(&self, status: u16, times: usize) {
        let mut answers = self.answers.lock();
        answers.extend(std::iter::repeat_n((status, None), times));
    }

    fn came(&self) -> Vec<Message> {
        self.came.lock().clone()
    }
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name| headers[name].to_str().unwrap().to_owned();
    receiver.came.lock().push(Message {
        id: header("webhook-id"),
        seconds: header("webhook-timestamp").parse().unwrap(),
        signature: header("webhook-signature"),
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    receiver.arrived.notify_one();
    if *receiver.stuck.lock() {
        std::future::pending::<()>().await;
    }
    let (status, location) = receiver.answers.lock().pop_front().unwrap_or((204, None));
    let status = StatusCode::from_u16(status).unwrap();
    match location {
        Some(location) => (status, [("location", location)]).into_response(),
        // More than is ever read of an answer.
        None => (status, "x".repeat(100_000)).into_response(),
    }
}

struct Office {
    platform: Arc<Platform>,
    account: Account,
    number: TrackingNumber,
    folder: TempDir,
    database: TestDatabase,
}

async fn platform(database: &TestDatabase, folder: &TempDir, allow_private: bool) -> Arc<Platform> {
    let db = Db::open(database.url()).await.unwrap();
    db.migrate().await.unwrap();
    let settings = Settings {
        recordings_folder: folder.path().into(),
        record_calls: false,
        public_url: "https://calls.example.com".into(),
        trusted_proxies: Vec::new(),
        number_requests_per_minute: 0,
        late_call_window: Duration::from_mins(10),
        carriers: ringfence_platform::carriers::CarrierUrls::default(),
        conversions: ringfence_platform::conversions::ConversionUrls::default(),
        mail: None,
        fence: ringfence_platform::fence::FenceSettings::default(),
    };
    let outbound = Outbound::new(OutboundPolicy {
        allow_private,
        ..OutboundPolicy::default()
    });
    Platform::beside(db, outbound, settings, Keys::from_master(&[7; 32]))
}

impl Office {
    async fn open(engine: Engine) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = engine.database_with_tables().await;
        let platform = platform(&database, &folder, true).await;
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
        Self {
            platform,
            account,
            number,
            folder,
            database,
        }
    }

    async fn webhook(&self, url: &str) -> (Webhook, Vec<u8>) {
        let (webhook, secret) = self
            .platform
            .add_webhook(self.account.id, url, WebhookEvent::ALL, now())
            .await
            .unwrap();
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap());
        (webhook, key.unwrap())
    }

    /// A call came in; one message is due.
    async fn call(&self, at: Timestamp) -> CallId {
        let id = CallId::new(at, random());
        let call = Call {
            id,
            account: self.account.id,
            number: self.number.id,
            dialled: self.number.e164.clone(),
            caller: Some("+441632960001".parse().unwrap()),
            trunk: TrunkId::new(at, random()),
            plan: None,
            sip_call_id: "a@example.com".into(),
            started_at: at,
            answered_at: None,
            ended_at: None,
            disposition: None,
            reason: None,
            target: None,
            failed_over: false,
            visit: None,
            source: None,
            confidence: Confidence::Unknown,
            server: None,
        };
        let begun = vec![Write::CallBegun(Box::new(call))];
        self.platform.db.write(begun).await.unwrap();
        id
    }

    async fn log(&self, webhook: &Webhook) -> Vec<Delivery> {
        let log = self
            .platform
            .deliveries(self.account.id, webhook.id, None, None, 100);
        log.await.unwrap().0
    }

    async fn send(&self, at: Timestamp) {
        self.platform.send_due_webhooks(at).await.unwrap();
    }
}

async fn a_message_is_signed_and_taken_once(engine: Engine) {
    let office = Office::open(engine).await;
    let receiver = Receiver::default();
    let (url, _server) = receiver.start("127.0.0.1:0").await;
    let (webhook, key) = office.webhook(&url).await;
    let at = now();
    let call = office.call(at).await;
    let ended = Write::CallEnded {
        account: office.account.id,
        call,
        at: at + Duration::from_secs(9),
        disposition: Disposition::Missed,
        reason: Some("nobody answered".into()),
        failed_over: false,
    };
    office.platform.db.write(vec![ended]).await.unwrap();
    let later = at + Duration::from_secs(10);
    office.send(later).await;
    office.send(later + Duration::from_hours(1)).await;
    let came = receiver.came();
    assert_eq!(came.len(), 2);
    assert_ne!(came[0].id, came[1].id);
    for message in &came {
        assert_eq!(message.seconds, later.as_micros() / 1_000_000);
        let signed = sign(&key, &message.id, message.seconds, &message.body);
        assert_eq!(message.signature, signed);
        let body: serde_json::Value = serde_json::from_str(&message.body).unwrap();
        assert_eq!(body["data"]["id"], call.to_string());
        let ended = body["type"] == "call.ended";
        assert_eq!(body["data"].get("disposition").is_some(), ended, "{body}");
    }
    let log = office.log(&webhook).await;
    assert_eq!(log.len(), 2);
    for delivery in log {
        assert_eq!(delivery.state, DeliveryState::Delivered);
        let story = office
            .platform
            .delivery(office.account.id, webhook.id, delivery.id)
            .await
            .unwrap();
        assert_eq!(story.1.len(), 1);
        assert_eq!(story.1[0].status, Some(204));
        let told = story.2.to_string();
        assert!(came.iter().any(|message| message.body == told));
    }
    let row = office.platform.webhook(office.account.id, webhook.id).await;
    let sealed = row.unwrap().secret;
    assert!(
        !sealed.windows(8).any(|part| key.starts_with(part)),
        "it lies open"
    );
}

async fn what_an_endpoint_that_is_down_missed_comes_when_it_is_back(engine: Engine) {
    let office = Office::open(engine).await;
    let receiver = Receiver::default();
    let (url, server) = receiver.start("127.0.0.1:0").await;
    let address = url
        .trim_start_matches("http://")
        .trim_end_matches("/hook")
        .to_owned();
    let (webhook, _) = office.webhook(&url).await;
    server.abort();
    let _ = server.await;
    let mut at = now();
    let mut calls = Vec::new();
    // Down for an hour.
    for _ in 0..6 {
        calls.push(office.call(at).await.to_string());
        office.send(at).await;
        at = at + Duration::from_mins(10);
    }
    assert!(office.log(&webhook).await.iter().all(|d| d.attempts > 0));
    let _server = receiver.start(&address).await;
    for _ in 0..12 {
        at = at + Duration::from_mins(10);
        office.send(at).await;
    }
    let mut told: Vec<String> = receiver
        .came()
        .iter()
        .map(|message| {
            let body: serde_json::Value = serde_json::from_str(&message.body).unwrap();
            body["data"]["id"].as_str().unwrap().to_owned()
        })
        .collect();
    told.sort();
    calls.sort();
    assert_eq!(told, calls);
    let row = office.platform.webhook(office.account.id, webhook.id).await;
    assert_eq!(row.unwrap().failing_since, None);
}

async fn errors_are_tried_again_and_given_up_after_three_days(engine: Engine) {
    let office = Office::open(engine).await;
    let receiver = Receiver::default();
    let (url, _server) = receiver.start("127.0.0.1:0").await;
    let (webhook, _) = office.webhook(&url).await;
    let began = now();
    office.call(began).await;
    let id = office.log(&webhook).await[0].id;
    let found = async || {
        let log = office.log(&webhook).await;
        log.into_iter().find(|delivery| delivery.id == id).unwrap()
    };
    let mut at = began;
    let mut attempts = 0;
    let state = loop {
        receiver.will_answer(500, 1);
        office.send(at).await;
        attempts += 1;
        let delivery = found().await;
        assert_eq!(delivery.attempts, attempts);
        if delivery.state != DeliveryState::Pending {
            break delivery.state;
        }
        assert!(delivery.next_at > at && attempts < 40);
        // Others come through meanwhile, so that the endpoint stays on.
        office.call(at).await;
        office.send(at).await;
        assert_eq!(found().await, delivery);
        at = delivery.next_at;
    };
    assert_eq!(state, DeliveryState::Failed);
    assert!(at.since(began) >= RETRY_FOR, "{:?}", at.since(began));
    let first = receiver.came()[0].id.clone();
    let same = receiver.came().iter().filter(|m| m.id == first).count();
    assert_eq!(
        u32::try_from(same).unwrap(),
        attempts,
        "one message, one id"
    );
    let again = office
        .platform
        .replay_failed_deliveries(office.account.id, webhook.id, began, at);
    assert_eq!(again.await.unwrap(), 1);
    office.send(at).await;
    assert_eq!(found().await.state, DeliveryState::Delivered);
}

async fn an_endpoint_that_took_nothing_for_three_days_is_switched_off(engine: Engine) {
    let office = Office::open(engine).await;
    let receiver = Receiver::default();
    let (url, _server) = receiver.start("127.0.0.1:0").await;
    let (webhook, _) = office.webhook(&url).await;
    receiver.will_answer(500, 10);
    let at = now();
    office.call(at).await;
    office.send(at).await;
    let late = at + RETRY_FOR + Duration::from_secs(1);
    office.call(late).await;
    office.send(late).await;
    let (account, id) = (office.account.id, webhook.id);
    let off = office.platform.webhook(account, id).await.unwrap();
    assert!(!off.enabled);
    let reason = off.off_reason.unwrap();
    assert!(
        reason.contains("three days") && reason.contains("500"),
        "{reason}"
    );
    let log = office.log(&webhook).await;
    assert!(log.iter().all(|d| d.state == DeliveryState::Failed));
    let on = WebhookChange {
        enabled: Some(true),
        ..WebhookChange::default()
    };
    let on = office
        .platform
        .change_webhook(account, id, on)
        .await
        .unwrap();
    assert_eq!(
        (on.enabled, on.off_reason, on.failing_since),
        (true, None, None)
    );
    let one = log[0].id;
    office
        .platform
        .replay_delivery(account, id, one, late)
        .await
        .unwrap();
    receiver.answers.lock().clear();
    office.send(late).await;
    let done = office.log(&webhook).await;
    let done = done.iter().filter(|d| d.state == DeliveryState::Delivered);
    assert_eq!(done.count(), 1);
}

async fn a_redirect_is_not_followed(engine: Engine) {
    let office = Office::open(engine).await;
    let (receiver, elsewhere) = (Receiver::default(), Receiver::default());
    let (url, _server) = receiver.start("127.0.0.1:0").await;
    let (private, _other) = elsewhere.start("127.0.0.2:0").await;
    let (webhook, _) = office.webhook(&url).await;
    for status in [301, 302, 303, 307, 308] {
        let answer = (status, Some(private.clone()));
        receiver.answers.lock().push_back(answer);
    }
    let at = now();
    for _ in 0..5 {
        office.call(at).await;
    }
    office.send(at).await;
    assert_eq!(receiver.came().len(), 5);
    assert_eq!(elsewhere.came().len(), 0);
    let log = office.log(&webhook).await;
    assert!(
        log.iter()
            .all(|d| d.state == DeliveryState::Pending && d.attempts == 1)
    );
}

async fn a_private_address_gets_nothing(engine: Engine) {
    let office = Office::open(engine).await;
    let receiver = Receiver::default();
    let (url, _server) = receiver.start("127.0.0.1:0").await;
    let (webhook, _) = office.webhook(&url).await;
    let named = url
        .replace("127.0.0.1", "localhost")
        .replace("http:", "https:");
    let at = now();
    let account = office.account.id;
    // The same rows under a server that does not allow it, as when its configuration was changed.
    let closed = platform(&office.database, &office.folder, false).await;
    for url in [
        url.as_str(),
        "https://10.0.0.1/",
        "https://[::1]/",
        "http://example.com/",
    ] {
        let refused = closed
            .add_webhook(account, url, WebhookEvent::ALL, at)
            .await;
        assert!(matches!(refused, Err(WebhookError::Url(_))), "{url}");
    }
    let (other, _) = closed
        .add_webhook(account, &named, WebhookEvent::ALL, at)
        .await
        .unwrap();
    office.call(at).await;
    closed.send_due_webhooks(at).await.unwrap();
    assert_eq!(receiver.came().len(), 0);
    for id in [webhook.id, other.id] {
        let page = closed.deliveries(account, id, None, None, 9).await.unwrap();
        let delivery = &page.0[0];
        let story = closed.delivery(account, id, delivery.id).await.unwrap();
        assert_eq!((delivery.attempts, story.1[0].status), (1, None));
    }
}

async fn a_server_that_is_killed_while_it_sends_sends_again(engine: Engine) {
    let office = Office::open(engine).await;
    let receiver = Receiver::default();
    let (url, _server) = receiver.start("127.0.0.1:0").await;
    let (webhook, _) = office.webhook(&url).await;
    *receiver.stuck.lock() = true;
    let at = now();
    office.call(at).await;
    let sender = Arc::clone(&office.platform);
    let sending = tokio::spawn(async move { sender.send_due_webhooks(at).await });
    receiver.arrived.notified().await;
    sending.abort();
    assert!(sending.await.unwrap_err().is_cancelled());
    *receiver.stuck.lock() = false;
    let restarted = platform(&office.database, &office.folder, true).await;
    // Another server does not send what this one may be sending still.
    restarted.send_due_webhooks(at).await.unwrap();
    assert_eq!(receiver.came().len(), 1);
    let later = at + Duration::from_secs(31);
    restarted.send_due_webhooks(later).await.unwrap();
    let came = receiver.came();
    assert_eq!(came.len(), 2);
    assert_eq!((&came[0].id, &came[0].body), (&came[1].id, &came[1].body));
    let log = office.log(&webhook).await;
    assert_eq!(log[0].state, DeliveryState::Delivered);
}

async fn an_endpoint_that_is_gone_is_switched_off_at_once(engine: Engine) {
    let office = Office::open(engine).await;
    let receiver = Receiver::default();
    let (url, _server) = receiver.start("127.0.0.1:0").await;
    let (webhook, _) = office.webhook(&url).await;
    receiver.will_answer(410, 1);
    let at = now();
    office.call(at).await;
    office.send(at).await;
    let off = office.platform.webhook(office.account.id, webhook.id).await;
    let off = off.unwrap();
    assert!(!off.enabled && off.off_reason.unwrap().contains("410"));
}

async fn bad_urls_and_empty_wishes_are_refused(engine: Engine) {
    let office = Office::open(engine).await;
    let account = office.account.id;
    for url in [
        "",
        "hooks",
        "ftp://example.com/",
        "https://a:b@example.com/",
    ] {
        let refused = office
            .platform
            .add_webhook(account, url, WebhookEvent::ALL, now())
            .await;
        assert!(matches!(refused, Err(WebhookError::Url(_))), "{url}");
    }
    let url = "https://hooks.example.com/";
    let none = office.platform.add_webhook(account, url, &[], now()).await;
    assert!(matches!(none, Err(WebhookError::NoEvents)));
    for _ in 0..20 {
        office.webhook(url).await;
    }
    let more = office
        .platform
        .add_webhook(account, url, WebhookEvent::ALL, now())
        .await;
    assert!(matches!(more, Err(WebhookError::TooMany)));
}

/// With the journal in front, the clock of the machine, and an endpoint beside it that never answers.
async fn a_running_server_sends_by_itself(engine: Engine) {
    let office = Office::open(engine).await;
    office.platform.db.keep_journal().await.unwrap();
    let (receiver, slow) = (Receiver::default(), Receiver::default());
    let (url, _server) = receiver.start("127.0.0.1:0").await;
    let (slow_url, _slow_server) = slow.start("127.0.0.1:0").await;
    *slow.stuck.lock() = true;
    office.webhook(&slow_url).await;
    office.webhook(&url).await;
    let sender = tokio::spawn(Arc::clone(&office.platform).send_webhooks());
    for _ in 0..20 {
        office.call(now()).await;
    }
    let all = async {
        while receiver.came().len() < 20 {
            receiver.arrived.notified().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(14), all)
        .await
        .unwrap();
    sender.abort();
    let mut ids: Vec<String> = receiver.came().into_iter().map(|m| m.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 20);
}
