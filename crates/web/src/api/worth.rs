//! What calls were worth, as programs say it: a till, a calendar, a system that knows customers.

use axum::Json;
use axum::extract::State;
use ringfence_model::{CallId, Lead, Money, Worth};
use ringfence_platform::now;
use ringfence_platform::worth::{ChangeWorthError, WorthChange};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Api;
use super::asking::{ApiBody, ApiPath, Field};
use super::calls::lead_of;
use super::guard::Asker;
use super::problem::{ApiProblem, ProblemDocument};

/// What was said of a call.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WorthView {
    /// `unqualified`, `qualified` or `converted`.
    lead: Option<&'static str>,
    /// An amount in `currency` with a point before its decimals: `1250.50`.
    value: Option<String>,
    /// That of the account's country, ISO 4217.
    currency: &'static str,
    tags: Vec<String>,
    note: String,
    #[schema(format = DateTime)]
    changed_at: String,
}

impl WorthView {
    pub(super) fn of(worth: Worth, money: Money) -> Self {
        Self {
            lead: worth.lead.map(Lead::as_str),
            value: worth.value.map(|value| money.plain(value)),
            currency: money.code(),
            tags: worth.tags,
            note: worth.note,
            changed_at: worth.changed_at.to_string(),
        }
    }
}

/// What is to be said of a call; what is left out stays, and `null` takes back what was said.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NewWorth {
    /// `unqualified`, `qualified` or `converted`.
    #[schema(value_type = Option<String>)]
    lead: Field<String>,
    /// An amount in the account's currency, from 0 to 999999999: `"1250.50"`.
    #[schema(value_type = Option<String>)]
    value: Field<String>,
    /// At most 20, of at most 40 characters each, without commas; they take the place of those that were there.
    #[schema(value_type = Option<Vec<String>>)]
    tags: Field<Vec<String>>,
    /// At most 2,000 characters.
    #[schema(value_type = Option<String>)]
    note: Field<String>,
}

/// Says what a call was worth
#[utoipa::path(patch, path = "/calls/{call}/worth", operation_id = "change_worth", tag = "calls", params(("call" = Uuid, Path,)), request_body = NewWorth, responses(
    (status = 200, body = WorthView),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn change(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiPath(call): ApiPath<Uuid>,
    ApiBody(new): ApiBody<NewWorth>,
) -> Result<Json<WorthView>, ApiProblem> {
    let lead = match new.lead {
        Field::Said(Some(word)) => Some(Some(lead_of(&word)?)),
        Field::Said(None) => Some(None),
        Field::Kept => None,
    };
    let change = WorthChange {
        lead,
        value: new.value.said(),
        tags: new.tags.said(),
        note: new.note.said(),
    };
    let account = &program.account;
    let worth = api
        .platform
        .change_worth(account, CallId(call), change, now());
    Ok(Json(WorthView::of(worth.await?, Money::of(account))))
}

impl From<ChangeWorthError> for ApiProblem {
    fn from(error: ChangeWorthError) -> Self {
        match error {
            ChangeWorthError::Store(error) => error.into(),
            ChangeWorthError::NotFound => Self::NotFound,
            ChangeWorthError::Worth(error) => Self::BadRequest(error.to_string()),
        }
    }
}
