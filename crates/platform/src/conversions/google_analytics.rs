//! Google Analytics 4, by its Measurement Protocol
//! (<https://developers.google.com/analytics/devguides/collection/protocol/ga4/reference>). Pure: bodies are built and
//! answers read.
//!
//! It answers 204 to everything, also to what it throws away; what is wrong with a body is told by its validation server alone.
//! Only an event `purchase` with a `transaction_id` is counted once however often it comes.

use std::time::Duration;

use ringfence_model::{Timestamp, VisitorId};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::request::{Counted, Credentials, NotSent, Verdict, put, text};

/// Events may be told so long afterwards.
const OLDEST: Duration = Duration::from_hours(72);
/// The event that is counted once.
const COUNTED_ONCE: &str = "purchase";

/// Whether the same event may come twice and is counted once.
pub fn is_counted_once(event: &str) -> bool {
    event == COUNTED_ONCE
}

/// The path of what is told, or of what is only tried.
pub fn path(measurement_id: &str, credentials: &Credentials, tried: bool) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("measurement_id", measurement_id)
        .append_pair("api_secret", &credentials.secret)
        .finish();
    let debug = if tried { "/debug" } else { "" };
    format!("{debug}/mp/collect?{query}")
}

/// What is told of a call.
///
/// # Errors
/// [`NotSent::TooOld`].
pub fn body(event: &str, counted: &Counted<'_>, now: Timestamp) -> Result<Value, NotSent> {
    counted.older_than(OLDEST, now)?;
    let call = counted.call;
    let talked = call.answered_at.zip(call.ended_at);
    let talked = talked.map_or(1, |(from, to)| to.since(from).as_millis().max(1));
    let mut params = json!({
        "transaction_id": call.id.0,
        "engagement_time_msec": u64::try_from(talked).unwrap_or(u64::MAX),
    });
    put(
        &mut params,
        "session_id",
        counted.told.ga_session_id.as_ref(),
    );
    if let Some(amount) = counted.amount() {
        params["currency"] = counted.money.code().into();
        params["value"] = amount.into();
    }
    let client = counted.told.ga_client_id.clone();
    Ok(json!({
        "client_id": client.unwrap_or_else(|| made_up(counted.visit.visitor)),
        "timestamp_micros": call.started_at.as_micros(),
        "consent": {"ad_user_data": "GRANTED"},
        "events": [{"name": event, "params": params}],
    }))
}

/// An event of nobody, for its validation server.
pub fn trial(event: &str, now: Timestamp) -> Value {
    json!({
        "client_id": "1.1",
        "timestamp_micros": now.as_micros(),
        "validation_behavior": "ENFORCE_RECOMMENDATIONS",
        "events": [{"name": event, "params": {
            "transaction_id": "test", "engagement_time_msec": 1, "currency": "EUR", "value": 1.0,
        }}],
    })
}

/// What the validation server found.
pub fn read_trial(answer: &Value) -> Verdict {
    let Some(messages) = answer.get("validationMessages").and_then(Value::as_array) else {
        return Verdict::Refused(
            "expected validationMessages in the answer, which had none".into(),
        );
    };
    match messages.first() {
        None => Verdict::Taken(
            "the validation server finds nothing wrong; it does not look at the API secret".into(),
        ),
        Some(message) => {
            let said = text(message, "description").unwrap_or_default();
            let code = text(message, "validationCode").unwrap_or_default();
            Verdict::Refused(format!("{said} ({code})"))
        }
    }
}

/// A client id of Google's shape where the page told none: the same for each visit of a browser, and no visitor's identifier.
fn made_up(visitor: VisitorId) -> String {
    let hash = Sha256::digest(visitor.0.as_bytes());
    let number =
        |at: usize| u32::from_be_bytes([hash[at], hash[at + 1], hash[at + 2], hash[at + 3]]);
    format!("{}.{}", number(0), number(4))
}
