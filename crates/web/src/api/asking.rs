//! What a request asks for: its path, query and body, each refused with a problem document.

use axum::extract::{FromRequest, FromRequestParts, Json, Path, Query, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::Api;
use super::problem::ApiProblem;

/// A query string that was understood.
pub(super) struct ApiQuery<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Api> for ApiQuery<T> {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiProblem> {
        let query = Query::from_request_parts(parts, api).await;
        query
            .map(|Query(query)| Self(query))
            .map_err(|error| ApiProblem::BadRequest(error.body_text()))
    }
}

/// Identifiers of a path. A text that is none names nothing.
pub(super) struct ApiPath<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Api> for ApiPath<T> {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiProblem> {
        let path = Path::from_request_parts(parts, api).await;
        path.map(|Path(path)| Self(path))
            .map_err(|_| ApiProblem::NotFound)
    }
}

/// A JSON body that was understood.
pub(super) struct ApiBody<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Api> for ApiBody<T> {
    type Rejection = ApiProblem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, ApiProblem> {
        let body = Json::from_request(request, api).await;
        body.map(|Json(body)| Self(body))
            .map_err(|error| ApiProblem::BadRequest(error.body_text()))
    }
}
