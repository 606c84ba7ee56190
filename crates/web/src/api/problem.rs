//! Why a request of the API failed: problem documents (RFC 9457).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ringfence_platform::api_keys::ApiKeyError;
use ringfence_platform::call_log::{RecordingError, StoreError};
use ringfence_platform::calls::PutThroughError;
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
            Self::BadRequest(_) => (
                StatusCode::BAD_REQUEST,
                "bad_request",
                "The request cannot be understood",
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
        let document = ProblemDocument {
            r#type: "about:blank",
            title,
            status: status.as_u16(),
            detail: self.to_string(),
            reason,
        };
        let mut response = (status, Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        match self {
            Self::NoKey => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::TooMany(seconds) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            _ => {}
        }
        response
    }
}

impl From<StoreError> for ApiProblem {
    fn from(error: StoreError) -> Self {
        if error.is_passing() {
            Self::Away(error)
        } else {
            Self::Broken(error.to_string())
        }
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
