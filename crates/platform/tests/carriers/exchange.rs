//! A carrier: a server that speaks Twilio's and Telnyx' documented shapes over real connections, and that fails as they
//! do.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::SID;

/// What the next request meets instead of an answer.
pub enum Fault {
    /// None: it is answered as it should be.
    None,
    /// Nothing is done.
    Status(u16, Option<u32>),
    /// It is done, and the answer lost.
    Lost,
}

pub struct There {
    pub id: String,
    pub trunk: Option<String>,
    pub active: bool,
}

#[derive(Default)]
pub struct Desk {
    pub held: BTreeMap<String, There>,
    pub references: Vec<String>,
    pub bought: usize,
    pub asked: Vec<String>,
    pub faults: VecDeque<Fault>,
    /// What is ordered at Telnyx is there only later.
    pub slow: bool,
}

/// A carrier.
#[derive(Clone, Default)]
pub struct Exchange(pub Arc<Mutex<Desk>>);

impl Exchange {
    pub async fn open(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        url
    }

    pub fn fails(&self, fault: Fault) {
        self.0.lock().faults.push_back(fault);
    }

    pub fn has(&self, e164: &str, trunk: Option<&str>) {
        let there = There {
            id: format!("PN{}", &e164[1..]),
            trunk: trunk.map(str::to_owned),
            active: true,
        };
        self.0.lock().held.insert(e164.into(), there);
    }
}

async fn answer(
    State(exchange): State<Exchange>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut desk = exchange.0.lock();
    desk.asked.push(format!("{method} {uri}"));
    let authorization = headers["authorization"].to_str().unwrap().to_owned();
    // Basic AC0123…:open-sesame, or the key itself.
    let known = [
        "Basic QUMwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjpvcGVuLXNlc2FtZQ==",
        "Bearer open-sesame",
    ];
    if !known.contains(&authorization.as_str()) {
        let error = json!({"code": 20003, "message": "Authenticate", "status": 401});
        return (StatusCode::UNAUTHORIZED, error.to_string()).into_response();
    }
    let fault = desk.faults.pop_front();
    if let Some(Fault::Status(status, wait)) = fault {
        let status = StatusCode::from_u16(status).unwrap();
        let mut headers = HeaderMap::new();
        if let Some(seconds) = wait {
            headers.insert("retry-after", seconds.into());
        }
        return (status, headers).into_response();
    }
    let (status, said) = if uri.path().starts_with("/v2/") {
        telnyx(&mut desk, &method, &uri, &body)
    } else {
        twilio(&mut desk, &method, &uri, &body)
    };
    if matches!(fault, Some(Fault::Lost)) {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let said = if said.is_null() {
        String::new()
    } else {
        said.to_string()
    };
    (StatusCode::from_u16(status).unwrap(), said).into_response()
}

fn fields(text: &str) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(text.as_bytes())
        .into_owned()
        .collect()
}

fn twilio(desk: &mut Desk, method: &Method, uri: &Uri, body: &Bytes) -> (u16, Value) {
    let base = format!("/2010-04-01/Accounts/{SID}");
    let path = uri.path().strip_prefix(&base).unwrap();
    let query = fields(uri.query().unwrap_or_default());
    let form = fields(std::str::from_utf8(body).unwrap());
    let shown = |e164: &str, there: &There| json!({"sid": there.id, "phone_number": e164, "trunk_sid": there.trunk});
    match (method.as_str(), path) {
        ("GET", ".json") => (200, json!({"sid": SID, "status": "active"})),
        ("GET", "/AvailablePhoneNumbers/GB/Local.json") => {
            assert_eq!(query["VoiceEnabled"], "true");
            assert_eq!(query["Contains"], "7946");
            let one = json!({"phone_number": "+442079460310", "locality": "London", "region": "England", "address_requirements": "none"});
            let two = json!({"phone_number": "+442079460311", "locality": "London", "region": null, "address_requirements": "local"});
            (
                200,
                json!({"available_phone_numbers": [one, two, {"phone_number": "nonsense"}]}),
            )
        }
        ("GET", "/IncomingPhoneNumbers.json") => {
            let fits = |e164: &str| query.get("PhoneNumber").is_none_or(|wanted| wanted == e164);
            let held = desk.held.iter().filter(|(e164, _)| fits(e164));
            let held: Vec<Value> = held.map(|(e164, there)| shown(e164, there)).collect();
            // Pages of two, the way that Twilio leads from one to the next.
            let page: usize = query.get("Page").map_or(0, |page| page.parse().unwrap());
            let more = held.len() > (page + 1) * 2;
            let next = more.then(|| {
                format!(
                    "{base}/IncomingPhoneNumbers.json?PageSize=2&Page={}",
                    page + 1
                )
            });
            let held: Vec<Value> = held.into_iter().skip(page * 2).take(2).collect();
            (
                200,
                json!({"incoming_phone_numbers": held, "next_page_uri": next}),
            )
        }
        ("POST", "/IncomingPhoneNumbers.json") => {
            let e164 = form["PhoneNumber"].clone();
            if desk.held.contains_key(&e164) || e164.ends_with("999") {
                let message = format!("{e164} is not available.");
                return (
                    400,
                    json!({"code": 21422, "message": message, "status": 400}),
                );
            }
            let there = There {
                id: format!("PN{}", &e164[1..]),
                trunk: form.get("TrunkSid").cloned(),
                active: true,
            };
            let said = shown(&e164, &there);
            desk.held.insert(e164, there);
            desk.bought += 1;
            (201, said)
        }
        ("POST", path) => {
            let id = path
                .strip_prefix("/IncomingPhoneNumbers/")
                .unwrap()
                .strip_suffix(".json")
                .unwrap();
            let there = desk.held.values_mut().find(|there| there.id == id).unwrap();
            there.trunk = Some(form["TrunkSid"].clone());
            (200, json!({"sid": id}))
        }
        ("DELETE", path) => {
            let id = path
                .strip_prefix("/IncomingPhoneNumbers/")
                .unwrap()
                .strip_suffix(".json")
                .unwrap();
            desk.held.retain(|_, there| there.id != id);
            (204, Value::Null)
        }
        other => panic!("{other:?}"),
    }
}

fn telnyx(desk: &mut Desk, method: &Method, uri: &Uri, body: &Bytes) -> (u16, Value) {
    let query = fields(uri.query().unwrap_or_default());
    match (method.as_str(), uri.path()) {
        ("GET", "/v2/available_phone_numbers") => {
            assert_eq!(query["filter[phone_number_type]"], "toll_free");
            let place = json!([{"region_type": "country_code", "region_name": "US"}, {"region_type": "state", "region_name": "Ohio"}]);
            let cost = json!({"monthly_cost": "1.00", "upfront_cost": "0.00", "currency": "USD"});
            (
                200,
                json!({"data": [{"phone_number": "+12125550142", "region_information": place, "cost_information": cost}]}),
            )
        }
        ("GET", "/v2/phone_numbers") => {
            let fits = |e164: &str| {
                query
                    .get("filter[phone_number]")
                    .is_none_or(|wanted| wanted == e164)
            };
            let held = desk.held.iter().filter(|(e164, _)| fits(e164));
            let held: Vec<Value> = held
                .map(|(e164, there)| {
                    let status = if there.active { "active" } else { "purchase-pending" };
                    json!({"id": there.id, "phone_number": e164, "connection_id": there.trunk, "status": status})
                })
                .collect();
            (
                200,
                json!({"data": held, "meta": {"page_number": 1, "total_pages": 1}}),
            )
        }
        ("GET", "/v2/number_orders") => {
            let wanted = &query["filter[customer_reference]"];
            let placed = desk.references.iter().filter(|known| *known == wanted);
            let placed: Vec<Value> = placed
                .map(|known| json!({"customer_reference": known, "status": "pending", "requirements_met": true}))
                .collect();
            (200, json!({"data": placed}))
        }
        ("POST", "/v2/number_orders") => {
            let order: Value = serde_json::from_slice(body).unwrap();
            let e164 = order["phone_numbers"][0]["phone_number"]
                .as_str()
                .unwrap()
                .to_owned();
            let reference = order["customer_reference"].as_str().unwrap().to_owned();
            desk.references.push(reference);
            desk.bought += 1;
            if !desk.slow {
                let there = There {
                    id: "1001".into(),
                    trunk: order["connection_id"].as_str().map(str::to_owned),
                    active: false,
                };
                desk.held.insert(e164, there);
            }
            (200, json!({"data": {"status": "pending"}}))
        }
        ("PATCH", "/v2/phone_numbers/1001") => {
            let change: Value = serde_json::from_slice(body).unwrap();
            let trunk = change["connection_id"].as_str().unwrap().to_owned();
            desk.held.values_mut().next().unwrap().trunk = Some(trunk);
            (200, json!({"data": {}}))
        }
        ("DELETE", "/v2/phone_numbers/1001") => {
            desk.held.clear();
            (200, json!({"data": {}}))
        }
        other => panic!("{other:?}"),
    }
}
