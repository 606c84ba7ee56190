//! Telnyx' number API, version 2: available phone numbers, number orders and phone numbers
//! (<https://developers.telnyx.com/api-reference>). Pure: requests are built and answers read.

use ringfence_model::{E164, NumberOrderId};
use ringfence_outbound::Method;
use serde_json::{Value, json};

use super::request::{
    Body, CarrierFault, Held, MOST_OFFERS, Offer, OfferKind, Placed, Request, Search, Standing,
    encoded, identifier, list, said, text,
};

/// Numbers of one page of the list; the most that Telnyx gives.
const PAGE: &str = "250";

/// Whether the key is good.
pub fn check() -> Request {
    Request::get(format!(
        "/v2/phone_numbers?{}",
        encoded(&[("page[size]", "1")])
    ))
}

/// Numbers that can be ordered.
pub fn search(search: &Search) -> Request {
    let kind = match search.kind {
        OfferKind::Local => "local",
        OfferKind::Mobile => "mobile",
        OfferKind::TollFree => "toll_free",
    };
    let most = MOST_OFFERS.to_string();
    let mut fields = vec![
        ("filter[country_code]", search.country.as_str()),
        ("filter[phone_number_type]", kind),
        ("filter[features][]", "voice"),
        ("filter[limit]", &most),
    ];
    if !search.digits.is_empty() {
        fields.push(("filter[phone_number][contains]", &search.digits));
    }
    Request::get(format!("/v2/available_phone_numbers?{}", encoded(&fields)))
}

/// What a search found; what is no number is passed over.
///
/// # Errors
/// [`CarrierFault::Unreadable`] without a list.
pub fn offers(answer: &Value) -> Result<Vec<Offer>, CarrierFault> {
    let offer = |entry: &Value| {
        let regions = entry.get("region_information").and_then(Value::as_array);
        let regions = regions.into_iter().flatten();
        // The narrowest place says the most; the country is known.
        let place: Vec<&str> = regions
            .filter(|region| text(region, "region_type") != Some("country_code"))
            .filter_map(|region| text(region, "region_name"))
            .collect();
        let cost = entry.get("cost_information");
        let monthly = cost.and_then(|cost| {
            Some(said(&format!(
                "{} {}",
                text(cost, "monthly_cost")?,
                text(cost, "currency")?
            )))
        });
        Some(Offer {
            e164: E164::parse(text(entry, "phone_number")?, None).ok()?,
            place: said(&place.join(", ")),
            monthly,
            needs: None,
        })
    };
    let found = list(answer, "data")?.iter();
    Ok(found.filter_map(offer).take(MOST_OFFERS).collect())
}

/// One number of the account.
pub fn find(e164: &E164) -> Request {
    let query = encoded(&[("filter[phone_number]", e164.as_str())]);
    Request::get(format!("/v2/phone_numbers?{query}"))
}

/// A page of the account's numbers; the first one is 1.
pub fn all(page: u64) -> Request {
    let query = encoded(&[("page[size]", PAGE), ("page[number]", &page.to_string())]);
    Request::get(format!("/v2/phone_numbers?{query}"))
}

/// Numbers of a page.
///
/// # Errors
/// [`CarrierFault::Unreadable`] without a list.
pub fn held(answer: &Value) -> Result<Vec<Held>, CarrierFault> {
    let one = |entry: &Value| {
        let standing = match text(entry, "status").unwrap_or("active") {
            "purchase-pending" | "purchase_pending" | "port-pending" | "port_pending" => {
                Standing::Pending
            }
            "purchase-failed" | "purchase_failed" | "port-failed" | "port_failed" | "deleted" => {
                Standing::Failed
            }
            _ => Standing::Active,
        };
        Some(Held {
            e164: E164::parse(text(entry, "phone_number")?, None).ok()?,
            id: identifier(entry, "id")?,
            trunk: text(entry, "connection_id").map(str::to_owned),
            standing,
        })
    };
    Ok(list(answer, "data")?.iter().filter_map(one).collect())
}

/// The page after this one.
pub fn next(answer: &Value) -> Option<Request> {
    let meta = answer.get("meta")?;
    let number = |name: &str| meta.get(name).and_then(Value::as_u64);
    let (page, pages) = (number("page_number")?, number("total_pages")?);
    (page < pages).then(|| all(page + 1))
}

/// Orders a number; the order's own identifier goes with it, so that it is found again.
pub fn order(id: NumberOrderId, e164: &E164, trunk: &str) -> Request {
    let mut body = json!({
        "phone_numbers": [{"phone_number": e164.as_str()}],
        "customer_reference": id.to_string(),
    });
    if !trunk.is_empty() {
        body["connection_id"] = trunk.into();
    }
    Request {
        method: Method::Post,
        path: "/v2/number_orders".into(),
        body: Some(Body::Json(body)),
    }
}

/// Whether an order was placed before.
pub fn placed_before(id: NumberOrderId) -> Request {
    let query = encoded(&[("filter[customer_reference]", &id.to_string())]);
    Request::get(format!("/v2/number_orders?{query}"))
}

/// What came of an order with this identifier. Orders with another one are not looked at, whatever the filter did.
///
/// # Errors
/// [`CarrierFault::Unreadable`] without a list.
pub fn placed(id: NumberOrderId, answer: &Value) -> Result<Placed, CarrierFault> {
    let own = id.to_string();
    let mut orders = list(answer, "data")?.iter();
    let order = orders.find(|order| text(order, "customer_reference") == Some(&own));
    let Some(order) = order else {
        return Ok(Placed::Nothing);
    };
    Ok(match text(order, "status") {
        Some("failure") => Placed::Failed,
        _ if order.get("requirements_met") == Some(&Value::Bool(false)) => Placed::Pending(Some(
            "Telnyx waits for the documents that this number needs: see its page of number orders"
                .into(),
        )),
        _ => Placed::Pending(None),
    })
}

/// Has the calls of a number come over another connection.
pub fn set_trunk(number: &str, trunk: &str) -> Request {
    Request {
        method: Method::Patch,
        path: format!("/v2/phone_numbers/{number}"),
        body: Some(Body::Json(json!({"connection_id": trunk}))),
    }
}

/// Gives a number back.
pub fn give_back(number: &str) -> Request {
    Request::delete(format!("/v2/phone_numbers/{number}"))
}

/// What an error says.
pub fn error(answer: &Value) -> Option<String> {
    let first = answer.get("errors")?.as_array()?.first()?;
    let message = said(text(first, "detail").or_else(|| text(first, "title"))?);
    Some(match text(first, "code") {
        Some(code) => format!("{message} (Telnyx' error {})", said(code)),
        None => message,
    })
}
