//! Who may ask what: one row for each page and each endpoint, and one place that reads it.
//!
//! The guards of the dashboard and of the API ask here before a handler runs. What has no row opens to owners and admins
//! alone, and a test fails until it has one.

use axum::http::Method;
use ringfence_model::Right;

/// What somebody has to be to be let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Nobody in particular.
    Anybody,
    /// A user who is signed in, or a program with a key, whatever else they may do: what is behind is their own.
    Somebody,
    /// A user whose role, or a program whose key has the right.
    Needs(Right),
    /// An operator of the platform, of whatever role. For others there is nothing behind it.
    Operators,
}

/// A method and a path, and who may ask for it.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// `GET` (which `HEAD` goes with), `POST`, `PATCH`, `DELETE`.
    pub method: &'static str,
    /// As the router has it: `/calls/{call}`.
    pub path: &'static str,
    /// Who may.
    pub door: Door,
}

const fn row(method: &'static str, path: &'static str, door: Door) -> Row {
    Row { method, path, door }
}

const CALLS: Door = Door::Needs(Right::SeeCalls);
const EXPORT: Door = Door::Needs(Right::Export);
const SETUP: Door = Door::Needs(Right::SeeSetup);
const ASSESS: Door = Door::Needs(Right::Assess);
const PUT_THROUGH: Door = Door::Needs(Right::PutThrough);
const CHANGE: Door = Door::Needs(Right::Change);
const AUDIT: Door = Door::Needs(Right::SeeAudit);
const PEOPLE: Door = Door::Needs(Right::ManagePeople);

/// Every page and every endpoint.
pub const ROWS: &[Row] = &[
    // Coming in.
    row("GET", "/sign-in", Door::Anybody),
    row("POST", "/sign-in", Door::Anybody),
    row("GET", "/sign-in/link", Door::Anybody),
    row("GET", "/sign-in/code", Door::Anybody),
    row("POST", "/sign-in/code", Door::Anybody),
    row("GET", "/invitation", Door::Anybody),
    row("POST", "/invitation", Door::Anybody),
    row("GET", "/assets/{version}/{name}", Door::Anybody),
    row("GET", "/favicon.ico", Door::Anybody),
    // What belongs to whoever asks.
    row("POST", "/sign-out", Door::Somebody),
    row("POST", "/theme", Door::Somebody),
    row("POST", "/first-steps", Door::Somebody),
    row("GET", "/you", Door::Somebody),
    row("GET", "/agent", Door::Somebody),
    row("POST", "/agent", Door::Somebody),
    row("GET", "/agent/events", Door::Somebody),
    row("POST", "/you/password", Door::Somebody),
    row("GET", "/you/second-factor", Door::Somebody),
    row("POST", "/you/second-factor", Door::Somebody),
    row("POST", "/you/second-factor/confirm", Door::Somebody),
    row("POST", "/you/second-factor/codes", Door::Somebody),
    row("POST", "/you/second-factor/remove", Door::Somebody),
    row("POST", "/you/sessions/end-others", Door::Somebody),
    row("POST", "/you/sessions/{session}/end", Door::Somebody),
    // Pages.
    row("GET", "/", CALLS),
    row("GET", "/first-steps", SETUP),
    row("GET", "/live", CALLS),
    row("GET", "/live/events", CALLS),
    row("GET", "/calls", CALLS),
    row("GET", "/calls.csv", EXPORT),
    row("GET", "/reports", CALLS),
    row("GET", "/reports.csv", EXPORT),
    row("POST", "/reports/saved", CHANGE),
    row("GET", "/reports/saved/{report}", CALLS),
    row("POST", "/reports/saved/{report}", CHANGE),
    row("POST", "/reports/saved/{report}/mail", CHANGE),
    row("POST", "/reports/saved/{report}/send", CHANGE),
    row("POST", "/reports/saved/{report}/remove", CHANGE),
    row("GET", "/calls/{call}", CALLS),
    row("GET", "/calls/{call}/recording.wav", CALLS),
    row("GET", "/calls/{call}/waveform.json", CALLS),
    // What would be erased is told to whoever sees it anyway.
    row("GET", "/calls/{call}/erase", CALLS),
    row("POST", "/calls/{call}/erase", CHANGE),
    row("GET", "/visits/{visit}/erase", CALLS),
    row("POST", "/visits/{visit}/erase", CHANGE),
    row("POST", "/calls/{call}/worth", ASSESS),
    // Why it cannot be is told to whoever sees the call anyway.
    row("GET", "/calls/{call}/transfer", CALLS),
    row("POST", "/calls/{call}/transfer", PUT_THROUGH),
    row("GET", "/numbers", SETUP),
    row("POST", "/numbers", CHANGE),
    row("POST", "/numbers/change", CHANGE),
    row("GET", "/numbers/{number}", SETUP),
    row("POST", "/numbers/{number}", CHANGE),
    row("POST", "/numbers/{number}/remove", CHANGE),
    row("GET", "/pools", SETUP),
    row("POST", "/pools", CHANGE),
    row("POST", "/pools/{pool}/remove", CHANGE),
    row("GET", "/carriers", SETUP),
    row("POST", "/carriers", CHANGE),
    row("GET", "/carriers/{carrier}", SETUP),
    row("GET", "/carriers/{carrier}/differences", SETUP),
    row("POST", "/carriers/{carrier}/orders", CHANGE),
    row("POST", "/carriers/{carrier}/give-back", CHANGE),
    row("POST", "/carriers/{carrier}/remove", CHANGE),
    row("GET", "/plans", SETUP),
    row("POST", "/plans", CHANGE),
    row("GET", "/plans/new", SETUP),
    row("POST", "/plans/new", CHANGE),
    row("GET", "/plans/{plan}", SETUP),
    row("POST", "/plans/{plan}", CHANGE),
    row("GET", "/plans/{plan}/edit", SETUP),
    row("POST", "/plans/{plan}/edit", CHANGE),
    row(
        "POST",
        "/plans/{plan}/versions/{version}/bring-back",
        CHANGE,
    ),
    row("GET", "/sites", SETUP),
    row("POST", "/sites", CHANGE),
    row("POST", "/sites/{site}/answer", Door::Needs(Right::Appeal)),
    row("POST", "/sites/{site}/hosts", CHANGE),
    row("POST", "/sites/{site}/hosts/{host}/check", CHANGE),
    row("POST", "/sites/{site}/campaign-keys", CHANGE),
    row(
        "POST",
        "/sites/{site}/campaign-keys/{campaign_key}/remove",
        CHANGE,
    ),
    row("GET", "/groups", SETUP),
    row("POST", "/groups", CHANGE),
    row("POST", "/groups/{group}/remove", CHANGE),
    row("GET", "/targets", SETUP),
    row("POST", "/targets", CHANGE),
    row("POST", "/targets/{target}/pause", CHANGE),
    row("POST", "/targets/{target}/resume", CHANGE),
    row("POST", "/targets/{target}/remove", CHANGE),
    row("GET", "/trunks", SETUP),
    row("POST", "/trunks", CHANGE),
    row("POST", "/trunks/{trunk}/remove", CHANGE),
    row("GET", "/people", Door::Needs(Right::SeePeople)),
    row("POST", "/people/invitations", PEOPLE),
    row("POST", "/people/invitations/{invitation}/withdraw", PEOPLE),
    row("POST", "/people/{user}/role", PEOPLE),
    row("POST", "/people/{user}/disable", PEOPLE),
    row("POST", "/people/{user}/enable", PEOPLE),
    row("POST", "/people/second-factor", PEOPLE),
    row("POST", "/people/{user}/second-factor/remove", PEOPLE),
    row("GET", "/account", SETUP),
    row("POST", "/account", CHANGE),
    row("GET", "/audit", AUDIT),
    row("GET", "/api-keys", SETUP),
    row("POST", "/api-keys", CHANGE),
    row("POST", "/api-keys/{key}/revoke", CHANGE),
    row("GET", "/webhooks", SETUP),
    row("POST", "/webhooks", CHANGE),
    row("GET", "/webhooks/{webhook}", SETUP),
    row("POST", "/webhooks/{webhook}", CHANGE),
    row("POST", "/webhooks/{webhook}/replay", CHANGE),
    row("GET", "/webhooks/{webhook}/deliveries/{delivery}", SETUP),
    row(
        "POST",
        "/webhooks/{webhook}/deliveries/{delivery}/replay",
        CHANGE,
    ),
    row("POST", "/webhooks/{webhook}/remove", CHANGE),
    row("GET", "/conversions", SETUP),
    row("POST", "/conversions", CHANGE),
    row("GET", "/conversions/{destination}", SETUP),
    row("POST", "/conversions/{destination}", CHANGE),
    row("POST", "/conversions/{destination}/test", CHANGE),
    row(
        "POST",
        "/conversions/{destination}/calls/{conversion}/again",
        CHANGE,
    ),
    row("POST", "/conversions/{destination}/remove", CHANGE),
    row("GET", "/cases", Door::Operators),
    row("POST", "/cases/dialling/{account}/release", Door::Operators),
    row("GET", "/cases/{case}", Door::Operators),
    row("POST", "/cases/{case}/release", Door::Operators),
    row("POST", "/cases/{case}/confirm", Door::Operators),
    row("POST", "/cases/{case}/freeze", Door::Operators),
    row("GET", "/cases/{case}/export.json", Door::Operators),
    // The API.
    row("GET", "/v1/calls", CALLS),
    row("GET", "/v1/calls/{call}", CALLS),
    row("PATCH", "/v1/calls/{call}/worth", ASSESS),
    row("POST", "/v1/calls/{call}/transfer", PUT_THROUGH),
    row("GET", "/v1/calls/live", CALLS),
    row("GET", "/v1/calls/{call}/recording", CALLS),
    row("GET", "/v1/calls.csv", EXPORT),
    row("GET", "/v1/visits/{visit}", CALLS),
    row("POST", "/v1/erasures", CHANGE),
    row("GET", "/v1/agents", CALLS),
    row("PATCH", "/v1/agents/{target}", CHANGE),
    row("GET", "/v1/numbers", SETUP),
    row("POST", "/v1/numbers", CHANGE),
    row("GET", "/v1/numbers/{number}", SETUP),
    row("PATCH", "/v1/numbers/{number}", CHANGE),
    row("DELETE", "/v1/numbers/{number}", CHANGE),
    row("GET", "/v1/plans", SETUP),
    row("POST", "/v1/plans", CHANGE),
    row("GET", "/v1/plans/{plan}", SETUP),
    row("GET", "/v1/plans/{plan}/versions", SETUP),
    row(
        "POST",
        "/v1/plans/{plan}/versions/{version}/bring-back",
        CHANGE,
    ),
    row("PATCH", "/v1/plans/{plan}", CHANGE),
    row("POST", "/v1/plans/{plan}/try", SETUP),
    row("GET", "/v1/groups", SETUP),
    row("POST", "/v1/groups", CHANGE),
    row("GET", "/v1/groups/{group}", SETUP),
    row("PATCH", "/v1/groups/{group}", CHANGE),
    row("DELETE", "/v1/groups/{group}", CHANGE),
    row("GET", "/v1/targets", SETUP),
    row("POST", "/v1/targets", CHANGE),
    row("GET", "/v1/targets/{target}", SETUP),
    row("PATCH", "/v1/targets/{target}", CHANGE),
    row("DELETE", "/v1/targets/{target}", CHANGE),
    row("GET", "/v1/trunks", SETUP),
    row("POST", "/v1/trunks", CHANGE),
    row("GET", "/v1/trunks/{trunk}", SETUP),
    row("PATCH", "/v1/trunks/{trunk}", CHANGE),
    row("DELETE", "/v1/trunks/{trunk}", CHANGE),
    row("GET", "/v1/pools", SETUP),
    row("POST", "/v1/pools", CHANGE),
    row("GET", "/v1/pools/{pool}", SETUP),
    row("PATCH", "/v1/pools/{pool}", CHANGE),
    row("DELETE", "/v1/pools/{pool}", CHANGE),
    row("GET", "/v1/sites", SETUP),
    row("POST", "/v1/sites", CHANGE),
    row("POST", "/v1/sites/{site}/hosts", CHANGE),
    row("POST", "/v1/hosts/{host}/check", CHANGE),
    row("GET", "/v1/reports/overview", CALLS),
    row("GET", "/v1/reports/calls", CALLS),
    row("GET", "/v1/reports/saved", CALLS),
    row("POST", "/v1/reports/saved", CHANGE),
    row("DELETE", "/v1/reports/saved/{report}", CHANGE),
    row("GET", "/v1/audit", AUDIT),
    row("GET", "/v1/webhooks", SETUP),
    row("POST", "/v1/webhooks", CHANGE),
    row("GET", "/v1/webhooks/{webhook}", SETUP),
    row("PATCH", "/v1/webhooks/{webhook}", CHANGE),
    row("DELETE", "/v1/webhooks/{webhook}", CHANGE),
    row("GET", "/v1/webhooks/{webhook}/deliveries", SETUP),
    row("GET", "/v1/webhooks/{webhook}/deliveries/{delivery}", SETUP),
    row(
        "POST",
        "/v1/webhooks/{webhook}/deliveries/{delivery}/replay",
        CHANGE,
    ),
    row("POST", "/v1/webhooks/{webhook}/replay", CHANGE),
    row("GET", "/v1/conversions", SETUP),
    row("POST", "/v1/conversions", CHANGE),
    row("GET", "/v1/conversions/{destination}", SETUP),
    row("PATCH", "/v1/conversions/{destination}", CHANGE),
    row("DELETE", "/v1/conversions/{destination}", CHANGE),
    row("POST", "/v1/conversions/{destination}/test", CHANGE),
    row("GET", "/v1/conversions/{destination}/calls", SETUP),
    row(
        "POST",
        "/v1/conversions/{destination}/calls/{conversion}/again",
        CHANGE,
    ),
];

/// Pages that stay open to somebody who has yet to set up the second factor that the account requires.
const WITHOUT_SECOND_FACTOR: [&str; 4] = [
    "/you/second-factor",
    "/you/second-factor/confirm",
    "/sign-out",
    "/theme",
];

/// Whether a page stays open to somebody who has yet to set up a second factor.
pub(crate) fn is_open_without_second_factor(path: &str) -> bool {
    WITHOUT_SECOND_FACTOR.contains(&path)
}

/// Who may ask for a page or endpoint; `None` where no row says so.
pub(crate) fn door(method: &Method, path: &str) -> Option<Door> {
    let method = match method.as_str() {
        "HEAD" => "GET",
        other => other,
    };
    ROWS.iter()
        .find(|row| row.method == method && row.path == path)
        .map(|row| row.door)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// `("GET", "/calls")` for each method of each `.route(…)` in a source text.
    fn routes_of(source: &str) -> BTreeSet<(String, String)> {
        let mut found = BTreeSet::new();
        for part in source.split(".route(").skip(1) {
            let Some((_, rest)) = part.split_once('"') else {
                continue;
            };
            let (path, rest) = rest.split_once('"').expect("a path ends with a quote");
            let handlers = rest.split(".layer(").next().unwrap_or(rest);
            for method in ["get", "post", "put", "patch", "delete"] {
                let call = format!("{method}(");
                let is_called = handlers.match_indices(&call).any(|(at, _)| {
                    let before = handlers[..at].chars().next_back();
                    !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
                });
                if is_called {
                    found.insert((method.to_uppercase(), path.to_owned()));
                }
            }
        }
        found
    }

    fn rows(api: bool) -> BTreeSet<(String, String)> {
        ROWS.iter()
            .filter(|row| row.path.starts_with("/v1/") == api)
            .map(|row| (row.method.to_owned(), row.path.to_owned()))
            .collect()
    }

    #[test]
    fn every_page_has_a_row_and_every_row_a_page() {
        let pages = routes_of(include_str!("dashboard/mod.rs"));
        assert!(pages.len() > 20, "{pages:?}");
        assert_eq!(pages, rows(false), "left: the router, right: the table");
    }

    #[test]
    fn every_endpoint_has_a_row_and_every_row_an_endpoint() {
        let document: serde_json::Value = serde_json::from_str(&crate::api_document()).unwrap();
        let mut endpoints = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for method in methods.as_object().unwrap().keys() {
                endpoints.insert((method.to_uppercase(), path.clone()));
            }
        }
        assert_eq!(
            endpoints,
            rows(true),
            "left: the document, right: the table"
        );
    }

    #[test]
    fn what_stays_open_without_a_second_factor_are_pages_of_ones_own() {
        for path in WITHOUT_SECOND_FACTOR {
            let rows: Vec<_> = ROWS.iter().filter(|row| row.path == path).collect();
            assert!(!rows.is_empty(), "{path}");
            assert!(rows.iter().all(|row| row.door == Door::Somebody), "{path}");
        }
    }

    #[test]
    fn no_row_is_there_twice_and_no_change_needs_less_than_the_right_to_change() {
        let mut seen = BTreeSet::new();
        for row in ROWS {
            assert!(seen.insert((row.method, row.path)), "{row:?}");
            // A trial has more to say than fits into an address, and changes nothing.
            let reads = row.method == "GET" || row.path == "/v1/plans/{plan}/try";
            if let Door::Needs(right) = row.door {
                assert_eq!(right.changes(), !reads, "{row:?}");
            }
        }
    }
}
