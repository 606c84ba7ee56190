//! Twilio's number API of 2010-04-01: `AvailablePhoneNumbers` and `IncomingPhoneNumbers`
//! (<https://www.twilio.com/docs/phone-numbers/api>). Pure: requests are built and answers read.

use ringfence_model::E164;
use ringfence_outbound::Method;
use serde_json::Value;

use super::request::{
    Body, CarrierFault, Held, MOST_OFFERS, Offer, OfferKind, Request, Search, Standing, encoded,
    identifier, list, said, text,
};

/// Numbers of one page of the list; the most that Twilio gives.
const PAGE: &str = "1000";

fn of_account(user: &str, rest: &str) -> String {
    format!("/2010-04-01/Accounts/{user}{rest}")
}

/// Whether the credentials are good.
pub fn check(user: &str) -> Request {
    Request::get(of_account(user, ".json"))
}

/// Numbers that can be ordered.
pub fn search(user: &str, search: &Search) -> Request {
    let kind = match search.kind {
        OfferKind::Local => "Local",
        OfferKind::Mobile => "Mobile",
        OfferKind::TollFree => "TollFree",
    };
    let most = MOST_OFFERS.to_string();
    let mut fields = vec![("VoiceEnabled", "true"), ("PageSize", &most)];
    if !search.digits.is_empty() {
        fields.push(("Contains", &search.digits));
    }
    let query = encoded(&fields);
    let rest = format!(
        "/AvailablePhoneNumbers/{}/{kind}.json?{query}",
        search.country
    );
    Request::get(of_account(user, &rest))
}

/// What a search found; what is no number is passed over.
///
/// # Errors
/// [`CarrierFault::Unreadable`] without a list.
pub fn offers(answer: &Value) -> Result<Vec<Offer>, CarrierFault> {
    let found = list(answer, "available_phone_numbers")?.iter();
    let offer = |entry: &Value| {
        let place: Vec<&str> = ["locality", "region"]
            .iter()
            .filter_map(|name| text(entry, name))
            .collect();
        let address = text(entry, "address_requirements").unwrap_or("none");
        Some(Offer {
            e164: E164::parse(text(entry, "phone_number")?, None).ok()?,
            place: said(&place.join(", ")),
            monthly: None,
            needs: (address != "none").then(|| match address {
                "local" => "Needs an address in its area, registered at Twilio".into(),
                "foreign" => "Needs an address abroad, registered at Twilio".into(),
                _ => "Needs an address that is registered at Twilio".into(),
            }),
        })
    };
    Ok(found.filter_map(offer).take(MOST_OFFERS).collect())
}

/// One number of the account.
pub fn find(user: &str, e164: &E164) -> Request {
    let query = encoded(&[("PhoneNumber", e164.as_str())]);
    Request::get(of_account(
        user,
        &format!("/IncomingPhoneNumbers.json?{query}"),
    ))
}

/// All numbers of the account, the first page.
pub fn all(user: &str) -> Request {
    let query = encoded(&[("PageSize", PAGE)]);
    Request::get(of_account(
        user,
        &format!("/IncomingPhoneNumbers.json?{query}"),
    ))
}

/// Numbers of a page.
///
/// # Errors
/// [`CarrierFault::Unreadable`] without a list.
pub fn held(answer: &Value) -> Result<Vec<Held>, CarrierFault> {
    let numbers = list(answer, "incoming_phone_numbers")?.iter();
    let one = |entry: &Value| {
        Some(Held {
            e164: E164::parse(text(entry, "phone_number")?, None).ok()?,
            id: identifier(entry, "sid")?,
            trunk: text(entry, "trunk_sid").map(str::to_owned),
            standing: Standing::Active,
        })
    };
    Ok(numbers.filter_map(one).collect())
}

/// The page after this one: a path of the same account, or nothing.
pub fn next(user: &str, answer: &Value) -> Option<Request> {
    let path = text(answer, "next_page_uri")?;
    let own = path.starts_with(&of_account(user, "/IncomingPhoneNumbers.json?"));
    own.then(|| Request::get(path.to_owned()))
}

fn posted(user: &str, rest: &str, fields: &[(&str, &str)]) -> Request {
    Request {
        method: Method::Post,
        path: of_account(user, rest),
        body: Some(Body::Form(encoded(fields))),
    }
}

/// Orders a number, and has its calls come over a trunk.
pub fn order(user: &str, e164: &E164, trunk: &str) -> Request {
    let mut fields = vec![("PhoneNumber", e164.as_str())];
    if !trunk.is_empty() {
        fields.push(("TrunkSid", trunk));
    }
    posted(user, "/IncomingPhoneNumbers.json", &fields)
}

/// Has the calls of a number come over another trunk.
pub fn set_trunk(user: &str, number: &str, trunk: &str) -> Request {
    let rest = format!("/IncomingPhoneNumbers/{number}.json");
    posted(user, &rest, &[("TrunkSid", trunk)])
}

/// Gives a number back.
pub fn give_back(user: &str, number: &str) -> Request {
    Request::delete(of_account(
        user,
        &format!("/IncomingPhoneNumbers/{number}.json"),
    ))
}

/// What an error says.
pub fn error(answer: &Value) -> Option<String> {
    let message = said(text(answer, "message")?);
    Some(match answer.get("code").and_then(Value::as_u64) {
        Some(code) => format!("{message} (Twilio's error {code})"),
        None => message,
    })
}
