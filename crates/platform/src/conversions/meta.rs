//! Meta, by its Conversions API (<https://developers.facebook.com/documentation/ads-commerce/conversions-api>). Pure: bodies
//! are built and answers read. An event that comes again with its `event_name` and `event_id` within two days is counted once.

use std::time::Duration;

use ringfence_model::Timestamp;
use serde_json::{Value, json};

use super::request::{Counted, Credentials, NotSent, Verdict, hashed, put, text};

/// The version of the Graph API, supported for two years from July 2026.
const VERSION: &str = "v26.0";
/// Events may be told so long afterwards.
const OLDEST: Duration = Duration::from_hours(7 * 24);
/// Codes of errors that pass (Graph API, "Handling Errors"): unknown, service, calls of the app, of the user, of the page, of
/// a custom limit, and temporary blocks.
const PASSING: [i64; 7] = [1, 2, 4, 17, 32, 341, 613];
/// The access token is no good any more, or not for this.
const NO_RIGHT: [i64; 4] = [10, 102, 190, 200];

/// The path of what is told.
pub fn path(dataset: &str, credentials: &Credentials) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("access_token", &credentials.secret)
        .finish();
    format!("/{VERSION}/{dataset}/events?{query}")
}

/// What is told of a call.
///
/// # Errors
/// [`NotSent`].
pub fn body(event: &str, counted: &Counted<'_>, now: Timestamp) -> Result<Value, NotSent> {
    counted.older_than(OLDEST, now)?;
    let call = counted.call;
    let mut person = json!({});
    let made = counted.click_id("fbclid").map(|click| {
        let seen = counted.visit.started_at.as_micros().div_euclid(1_000);
        format!("fb.1.{seen}.{click}")
    });
    put(&mut person, "fbc", counted.told.fbc.clone().or(made));
    put(&mut person, "fbp", counted.told.fbp.as_ref());
    let number = counted.caller().map(|caller| {
        let digits = caller.as_str().trim_start_matches('+');
        [hashed(digits)]
    });
    put(&mut person, "ph", number);
    if person.as_object().is_none_or(serde_json::Map::is_empty) {
        return Err(NotSent::NoClick("click of Meta (fbclid)"));
    }
    let mut told = one(event, &call.id.0.to_string(), call.started_at, &person);
    if let Some(amount) = counted.amount() {
        told["custom_data"] = json!({"currency": counted.money.code(), "value": amount});
    }
    Ok(json!({"data": [told]}))
}

/// An event of nobody, which only the page for trials of the dataset shows.
pub fn trial(event: &str, code: &str, now: Timestamp) -> Value {
    let nobody = json!({"ph": [hashed("441632960000")]});
    let id = format!("test-{}", now.as_micros());
    json!({"data": [one(event, &id, now, &nobody)], "test_event_code": code})
}

fn one(event: &str, id: &str, at: Timestamp, person: &Value) -> Value {
    json!({
        "event_name": event,
        "event_time": at.as_micros().div_euclid(1_000_000),
        "event_id": id,
        "action_source": "phone_call",
        "user_data": person,
    })
}

/// What an answer means.
pub fn read(status: u16, wait: Option<Duration>, answer: &Value) -> Verdict {
    if let Some(error) = answer.get("error") {
        let code = error
            .get("code")
            .and_then(Value::as_i64)
            .unwrap_or_default();
        let words = text(error, "error_user_msg").or_else(|| text(error, "message"));
        let said = format!("{} (Meta's error {code})", words.unwrap_or_default());
        let passes = error.get("is_transient") == Some(&Value::Bool(true));
        return if NO_RIGHT.contains(&code) || (201..300).contains(&code) {
            Verdict::Later(format!("refused the credentials: {said}"), wait)
        } else if passes || PASSING.contains(&code) || status == 429 || status >= 500 {
            Verdict::Later(said, wait)
        } else {
            Verdict::Refused(said)
        };
    }
    match answer.get("events_received").and_then(Value::as_u64) {
        Some(1..) if (200..300).contains(&status) => {
            let trace = text(answer, "fbtrace_id").unwrap_or_default();
            Verdict::Taken(format!("taken, fbtrace_id {trace}"))
        }
        // Nothing says that it was taken.
        _ if (200..300).contains(&status) => {
            Verdict::Refused("expected events_received in the answer, which had none".into())
        }
        _ => Verdict::of_status(status, wait, None),
    }
}
