//! Google Ads, by Google's Data Manager API, version 1
//! (<https://developers.google.com/data-manager/api/devguides/events/google-ads/offline>). Pure: bodies are built and answers
//! read. The Google Ads API takes conversions of nobody who did not send some before June 2026. An event that comes again with
//! its `transactionId` is counted once.

use std::time::Duration;

use ringfence_model::Timestamp;
use serde_json::{Value, json};

use super::request::{Counted, Credentials, NotSent, Verdict, hashed, put, text};

/// Conversions may be told so long after the click.
const OLDEST: Duration = Duration::from_hours(90 * 24);

/// The path of what is told.
pub const PATH: &str = "/v1/events:ingest";
/// The path of an access token.
pub const TOKEN_PATH: &str = "/token";

/// The form that gets an access token (RFC 6749 §6).
pub fn token_form(credentials: &Credentials) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "refresh_token")
        .append_pair("client_id", &credentials.client)
        .append_pair("client_secret", &credentials.secret)
        .append_pair("refresh_token", &credentials.refresh_token)
        .finish()
}

/// The access token of an answer.
///
/// # Errors
/// What the answer means instead.
pub fn token(status: u16, wait: Option<Duration>, answer: &Value) -> Result<String, Verdict> {
    let token = answer.get("access_token").and_then(Value::as_str);
    if let (200..300, Some(token)) = (status, token) {
        return Ok(token.to_owned());
    }
    let said = text(answer, "error_description").or_else(|| text(answer, "error"));
    let said = said.unwrap_or_else(|| format!("it answered {status}"));
    // A grant that is gone can be had again, and then it goes on.
    Err(Verdict::Later(format!("got no access token: {said}"), wait))
}

/// What is told of a call; `target` is a customer, or a manager and its customer.
///
/// # Errors
/// [`NotSent`].
pub fn body(
    target: &str,
    action: &str,
    counted: &Counted<'_>,
    now: Timestamp,
) -> Result<Value, NotSent> {
    counted.older_than(OLDEST, now)?;
    let click = ["gclid", "gbraid", "wbraid"];
    let click = click
        .into_iter()
        .find_map(|name| Some((name, counted.click_id(name)?)));
    let number = counted.caller().map(|caller| hashed(caller.as_str()));
    if click.is_none() && number.is_none() {
        return Err(NotSent::NoClick(
            "click of Google Ads (gclid, gbraid, wbraid)",
        ));
    }
    let mut event = one(&counted.call.id.0.to_string(), counted.call.started_at);
    put(
        &mut event,
        "adIdentifiers",
        click.map(|(name, id)| json!({name: id})),
    );
    put(
        &mut event,
        "userData",
        number.map(|number| json!({"userIdentifiers": [{"phoneNumber": number}]})),
    );
    if let Some(amount) = counted.amount() {
        event["currency"] = counted.money.code().into();
        event["conversionValue"] = amount.into();
    }
    Ok(whole(target, action, &event, false))
}

/// An event of nobody, which is looked at and not counted.
pub fn trial(target: &str, action: &str, now: Timestamp) -> Value {
    let mut event = one(&format!("test-{}", now.as_micros()), now);
    event["userData"] = json!({"userIdentifiers": [{"phoneNumber": hashed("+441632960000")}]});
    whole(target, action, &event, true)
}

fn one(id: &str, at: Timestamp) -> Value {
    json!({
        "transactionId": id,
        "eventTimestamp": at.to_string(),
        "eventSource": "PHONE",
        "consent": {"adUserData": "CONSENT_GRANTED"},
    })
}

fn whole(target: &str, action: &str, event: &Value, tried: bool) -> Value {
    let account = |id: &str| json!({"accountType": "GOOGLE_ADS", "accountId": id});
    let (manager, customer) = target.split_once('/').unwrap_or((target, target));
    json!({
        "destinations": [{
            "operatingAccount": account(customer),
            "loginAccount": account(manager),
            "productDestinationId": action,
        }],
        "events": [event],
        "encoding": "HEX",
        "validateOnly": tried,
    })
}

/// What an answer means.
pub fn read(status: u16, wait: Option<Duration>, answer: &Value) -> Verdict {
    if let Some(error) = answer.get("error") {
        let details = error.get("details").and_then(Value::as_array);
        let violation = details.into_iter().flatten().find_map(|detail| {
            let first = detail.get("fieldViolations")?.as_array()?.first()?;
            let field = text(first, "field").unwrap_or_default();
            let words = text(first, "description").or_else(|| text(first, "reason"))?;
            Some(format!("{field}: {words}"))
        });
        let said = violation.or_else(|| text(error, "message"));
        return Verdict::of_status(status, wait, said);
    }
    let taken = text(answer, "requestId");
    match taken {
        Some(id) if (200..300).contains(&status) => {
            Verdict::Taken(format!("taken to be looked at as request {id}"))
        }
        None if (200..300).contains(&status) => {
            Verdict::Refused("expected a requestId in the answer, which had none".into())
        }
        _ => Verdict::of_status(status, wait, None),
    }
}
