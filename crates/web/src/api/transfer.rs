//! Putting the caller of a call under way through to somebody else.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use ringfence_model::CallId;
use ringfence_platform::calls::{PutThroughError, Wanted};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Api;
use super::asking::{ApiBody, ApiPath};
use super::guard::Asker;
use super::problem::{ApiProblem, ProblemDocument};

/// Whom the caller is put through to: exactly one of `target`, `group` and `number`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NewTransfer {
    /// A target of the account, by its identifier or its name.
    target: Option<String>,
    /// Whoever is free of a group, by its identifier or its name.
    group: Option<String>,
    /// A telephone number, international (E.164) or as it is dialled in the account's country.
    number: Option<String>,
}

/// That somebody is rung.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TransferView {
    /// The call whose timeline says what comes of it.
    call_id: Uuid,
}

/// Puts the caller of a call under way through to somebody else
///
/// The answer says that somebody is rung. Who talks with the caller has it until that one answers, and keeps it when nobody
/// does. `reason` of a refusal (409): `call_over`, `not_answered`, `transfer_under_way`, `on_another_server`,
/// `transfer_refused` (by the account's rules, or whom it is for) or `no_word`.
#[utoipa::path(post, path = "/calls/{call}/transfer", operation_id = "put_through", tag = "calls", params(("call" = Uuid, Path,)), request_body = NewTransfer, responses(
    (status = 202, body = TransferView),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn put_through(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiPath(call): ApiPath<Uuid>,
    ApiBody(asked): ApiBody<NewTransfer>,
) -> Result<(StatusCode, Json<TransferView>), ApiProblem> {
    let (platform, account) = (&api.platform, program.account.id);
    let known = platform.call(account, CallId(call)).await?;
    let known = known.ok_or(ApiProblem::NotFound)?;
    let choices = platform.put_through_choices(account).await?;
    let none_of = |kind: &str, text: &str| {
        ApiProblem::BadRequest(format!(
            "expected a {kind} of this account that is not paused, by its identifier or name, got {text:?}"
        ))
    };
    let wanted = match (asked.target, asked.group, asked.number) {
        (Some(text), None, None) => choices
            .target(&text)
            .map(Wanted::Target)
            .ok_or_else(|| none_of("target", &text))?,
        (None, Some(text), None) => choices
            .group(&text)
            .map(Wanted::Group)
            .ok_or_else(|| none_of("group", &text))?,
        (None, None, Some(number)) => Wanted::Number(number),
        _ => {
            return Err(ApiProblem::BadRequest(
                "expected exactly one of `target`, `group` and `number`".into(),
            ));
        }
    };
    platform.put_through(account, known.id, wanted).await?;
    Ok((
        StatusCode::ACCEPTED,
        Json(TransferView {
            call_id: known.id.0,
        }),
    ))
}

impl From<PutThroughError> for ApiProblem {
    fn from(error: PutThroughError) -> Self {
        match error {
            PutThroughError::Store(error) => error.into(),
            PutThroughError::NotFound => Self::NotFound,
            other => Self::NotPutThrough(other),
        }
    }
}
