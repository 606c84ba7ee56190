//! What a request asks for: its path, query and body, each refused with a problem document.

use axum::extract::{FromRequest, FromRequestParts, Json, Path, Query, Request};
use axum::http::header;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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

/// What a change was made from: the `ETag` that a program read. Without one it is made whatever is there.
pub(super) struct Matching(Option<String>);

impl<S: Sync> FromRequestParts<S> for Matching {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiProblem> {
        let Some(given) = parts.headers.get(header::IF_MATCH) else {
            return Ok(Self(None));
        };
        let given = given.to_str().map_err(|_| {
            ApiProblem::BadRequest("If-Match: expected the ETag of an answer, or *".into())
        })?;
        Ok(Self(Some(given.to_owned())))
    }
}

impl Matching {
    /// Lets a change be made anew when others were quicker, unless the program said what it had read.
    pub(super) fn again(&self, problem: ApiProblem) -> Result<(), ApiProblem> {
        match problem {
            ApiProblem::Overtaken if self.0.is_none() => Ok(()),
            problem => Err(problem),
        }
    }

    /// Compares strongly (RFC 9110 §13.1.1): a weak tag fits nothing.
    pub(super) fn check(&self, tag: &str) -> Result<(), ApiProblem> {
        let fits = |given: &String| {
            let mut tags = given.split(',').map(str::trim);
            tags.any(|one| one == "*" || one == tag)
        };
        match &self.0 {
            Some(given) if !fits(given) => Err(ApiProblem::Overtaken),
            _ => Ok(()),
        }
    }
}

/// A field of a change; `null` is something that is said.
#[derive(Debug, Default)]
pub(super) enum Field<T> {
    /// It was left out.
    #[default]
    Kept,
    /// It takes the place of what was there.
    Said(Option<T>),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Option::deserialize(from).map(Self::Said)
    }
}

/// The document has what stands where a field is left out: nothing.
impl<T: Serialize> Serialize for Field<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Kept => to.serialize_none(),
            Self::Said(part) => part.serialize(to),
        }
    }
}

impl<T: Default> Field<T> {
    /// What takes the place of what was there, which may be nothing; `None` when it stays.
    pub(super) fn said(self) -> Option<T> {
        match self {
            Self::Kept => None,
            Self::Said(part) => Some(part.unwrap_or_default()),
        }
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
