//! Why a request of the API failed: problem documents (RFC 9457).

use std::fmt;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ringfence_platform::api_keys::ApiKeyError;
use ringfence_platform::arrangement::{FieldProblem, PartError, PoolError};
use ringfence_platform::call_log::{RecordingError, StoreError};
use ringfence_platform::calls::PutThroughError;
use ringfence_platform::number_edit::NumberError;
use ringfence_platform::number_lines::BadLine;
use ringfence_platform::saved_reports::SavedReportError;
use ringfence_platform::sites::SiteError;
use ringfence_platform::webhooks::WebhookError;
use serde::Serialize;
use utoipa::ToSchema;

/// A problem document (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProblemDocument {
    /// `about:blank`: the title says what the status means.
    r#type: &'static str,
    /// What is wrong, the same words for the same reason.
    title: &'static str,
    /// The HTTP status code.
    status: u16,
    /// What was expected, what came, and what to do.
    detail: String,
    /// The same for machines.
    reason: &'static str,
    /// Everything that is wrong with what was sent, where that is told one by one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<Mistake>,
}

/// Something that is wrong with what was sent.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct Mistake {
    /// The field that it is about, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    field: Option<String>,
    /// The place in the list that was sent, the first one being 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    line: Option<u64>,
    /// The step of the plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    step: Option<String>,
    /// What was expected and what came.
    detail: String,
}

impl Mistake {
    /// One at a step of a plan, or with the plan itself.
    pub(super) fn at_step(step: Option<String>, detail: String) -> Self {
        Self {
            step,
            detail,
            ..Self::default()
        }
    }

    /// One of a field.
    pub(super) fn of_field(field: &str, detail: String) -> Self {
        Self {
            field: Some(field.to_owned()).filter(|field| !field.is_empty()),
            detail,
            ..Self::default()
        }
    }
}

impl From<FieldProblem> for Mistake {
    fn from(problem: FieldProblem) -> Self {
        Self::of_field(&problem.field, problem.text)
    }
}

impl From<BadLine> for Mistake {
    fn from(bad: BadLine) -> Self {
        Self {
            line: Some(bad.line),
            detail: bad.message,
            ..Self::default()
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if let Some(step) = &self.step {
            write!(f, "step {step:?}: ")?;
        }
        f.write_str(&self.detail)
    }
}

/// Mistakes in one line.
fn listed(mistakes: &[Mistake]) -> String {
    let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    told.join("; ")
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiProblem {
    #[error(
        "expected `Authorization: Bearer rfk_…` with a key of this server that lives; make one with `ringfence key add`"
    )]
    NoKey,
    #[error(
        "expected a key with the scope `change`, got one that only reads; make another one for this"
    )]
    MayNotChange,
    #[error(
        "expected an account that may change, got one that is frozen; its people read why and answer on the page Sites"
    )]
    Frozen,
    #[error("expected fewer requests; try again in {0} s")]
    TooMany(u64),
    #[error("{0}")]
    BadRequest(String),
    #[error("{}", listed(.0))]
    Wrong(Vec<Mistake>),
    #[error(
        "expected what `If-Match` names, but somebody changed it since; read it again, and change that"
    )]
    Overtaken,
    #[error(
        "expected an `Idempotency-Key` that names this request alone, got one that was used for another within a day"
    )]
    AnotherRequest,
    #[error(
        "this request was sent before and has no answer yet; try again in a moment, and if that does not help, look whether it was done before you send it under another key"
    )]
    UnderWay,
    #[error("this account has nothing of that name or identifier")]
    NotFound,
    #[error("this address knows no such method; /v1/openapi.json lists those that it does")]
    BadMethod,
    #[error("{0}")]
    Conflict(String),
    #[error("{0}")]
    NotPutThrough(PutThroughError),
    #[error(
        "the database does not answer for the moment; nothing that was saved is lost, try again"
    )]
    Away(#[source] StoreError),
    #[error(
        "something broke on our side; nothing that was saved is lost, and the log says what happened"
    )]
    Broken(String),
}

impl ApiProblem {
    const fn head(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NoKey => (
                StatusCode::UNAUTHORIZED,
                "no_key",
                "No key that opens anything",
            ),
            Self::MayNotChange => (
                StatusCode::FORBIDDEN,
                "may_not_change",
                "The key only reads",
            ),
            Self::Frozen => (
                StatusCode::FORBIDDEN,
                "account_frozen",
                "The account is frozen",
            ),
            Self::TooMany(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_requests",
                "Too many requests",
            ),
            Self::BadRequest(_) | Self::Wrong(_) => (
                StatusCode::BAD_REQUEST,
                "bad_request",
                "The request cannot be understood",
            ),
            Self::Overtaken => (
                StatusCode::PRECONDITION_FAILED,
                "changed_meanwhile",
                "Somebody else changed it meanwhile",
            ),
            Self::AnotherRequest => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "another_request",
                "The key belongs to another request",
            ),
            Self::UnderWay => (
                StatusCode::CONFLICT,
                "under_way",
                "The same request is under way",
            ),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found", "Nothing here"),
            Self::BadMethod => (
                StatusCode::METHOD_NOT_ALLOWED,
                "bad_method",
                "No such method here",
            ),
            Self::Conflict(_) => (
                StatusCode::CONFLICT,
                "conflict",
                "It cannot be done as things are",
            ),
            Self::NotPutThrough(why) => (
                StatusCode::CONFLICT,
                why.word(),
                "The caller is not put through",
            ),
            Self::Away(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "The database does not answer",
            ),
            Self::Broken(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "broken",
                "Something broke on our side",
            ),
        }
    }
}

impl IntoResponse for ApiProblem {
    fn into_response(self) -> Response {
        let (status, reason, title) = self.head();
        metrics::counter!("ringfence_api_problems_total", "reason" => reason).increment(1);
        match &self {
            Self::Away(error) => tracing::error!(%error, "an API request failed"),
            Self::Broken(error) => tracing::error!(error, "an API request failed"),
            _ => {}
        }
        let detail = self.to_string();
        let (errors, wait) = match self {
            Self::Wrong(mistakes) => (mistakes, None),
            Self::TooMany(seconds) => (Vec::new(), Some(seconds)),
            _ => (Vec::new(), None),
        };
        let document = ProblemDocument {
            r#type: "about:blank",
            title,
            status: status.as_u16(),
            detail,
            reason,
            errors,
        };
        let mut response = (status, Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = wait {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<StoreError> for ApiProblem {
    fn from(error: StoreError) -> Self {
        if error.is_passing() {
            Self::Away(error)
        } else if matches!(error, StoreError::Overtaken) {
            Self::Overtaken
        } else {
            Self::Broken(error.to_string())
        }
    }
}

impl From<PartError> for ApiProblem {
    fn from(error: PartError) -> Self {
        match error {
            PartError::Store(error) => error.into(),
            PartError::NotFound => Self::NotFound,
            PartError::Problems(problems) => problems.into(),
            PartError::InGroups(_) | PartError::Used(_) => Self::Conflict(error.to_string()),
        }
    }
}

impl From<PoolError> for ApiProblem {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Store(error) => error.into(),
            PoolError::NotFound => Self::NotFound,
            PoolError::Problems(problems) => problems.into(),
            PoolError::InUse(_) => Self::Conflict(error.to_string()),
        }
    }
}

impl From<NumberError> for ApiProblem {
    fn from(error: NumberError) -> Self {
        match error {
            NumberError::Store(error) => error.into(),
            NumberError::NotFound => Self::NotFound,
            NumberError::Problems(problems) => problems.into(),
            NumberError::Lines(lines) => Self::Wrong(lines.into_iter().map(Into::into).collect()),
        }
    }
}

impl From<Vec<FieldProblem>> for ApiProblem {
    fn from(problems: Vec<FieldProblem>) -> Self {
        Self::Wrong(problems.into_iter().map(Into::into).collect())
    }
}

impl From<RecordingError> for ApiProblem {
    fn from(error: RecordingError) -> Self {
        match error {
            RecordingError::File(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Self::NotFound
            }
            other => Self::Broken(other.to_string()),
        }
    }
}

impl From<SiteError> for ApiProblem {
    fn from(error: SiteError) -> Self {
        match error {
            SiteError::Store(error) => error.into(),
            SiteError::NotFound => Self::NotFound,
            SiteError::HostTaken(_)
            | SiteError::NotProved { .. }
            | SiteError::TooManyHosts
            | SiteError::CampaignKeyTaken(_)
            | SiteError::TooManyCampaignKeys(_) => Self::Conflict(error.to_string()),
            other => Self::BadRequest(other.to_string()),
        }
    }
}

impl From<ApiKeyError> for ApiProblem {
    fn from(error: ApiKeyError) -> Self {
        match error {
            ApiKeyError::Store(error) => error.into(),
            ApiKeyError::NotFound => Self::NotFound,
            ApiKeyError::TooMany => Self::Conflict(error.to_string()),
            ApiKeyError::Name(_) | ApiKeyError::NoLife => Self::BadRequest(error.to_string()),
        }
    }
}

impl From<SavedReportError> for ApiProblem {
    fn from(error: SavedReportError) -> Self {
        match error {
            SavedReportError::Store(error) => error.into(),
            SavedReportError::NotFound => Self::NotFound,
            SavedReportError::TooMany | SavedReportError::NameTaken(_) => {
                Self::Conflict(error.to_string())
            }
            SavedReportError::Name(_) | SavedReportError::Question(_) => {
                Self::BadRequest(error.to_string())
            }
        }
    }
}

impl From<WebhookError> for ApiProblem {
    fn from(error: WebhookError) -> Self {
        match error {
            WebhookError::Store(error) => error.into(),
            WebhookError::NotFound => Self::NotFound,
            WebhookError::TooMany => Self::Conflict(error.to_string()),
            WebhookError::Url(_) | WebhookError::NoEvents => Self::BadRequest(error.to_string()),
            WebhookError::Sealed(_) => Self::Broken(error.to_string()),
        }
    }
}
