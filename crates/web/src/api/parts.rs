//! Parts of an arrangement, one at a time: what trunks, targets, groups and pools have in common.
//!
//! Each is written as an arrangement has it. A change names the fields that become another; it is made from what was read a
//! moment ago, and made anew when somebody else was quicker, unless the program said with `If-Match` what it had read.

use std::future::Future;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ringfence_model::Account;
use ringfence_platform::marks::{unless_changed, version};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::Api;
use super::asking::Matching;
use super::problem::ApiProblem;

/// How often a change is made anew before somebody is told that others were quicker.
pub(super) const TRIES: u32 = 5;

/// One kind of part, as it is answered.
pub(super) trait Part: Serialize + Sized + Send {
    /// What may be written of it.
    type Written: Serialize + DeserializeOwned + Send;

    /// All that the account has, by name.
    fn all(
        api: &Api,
        account: &Account,
    ) -> impl Future<Output = Result<Vec<Self>, ApiProblem>> + Send;

    /// Which one it is.
    fn id(&self) -> Uuid;

    /// What may be written of it, as it is.
    fn written(&self) -> &Self::Written;

    /// Adds one, or changes the one that is known.
    fn save(
        api: &Api,
        account: &Account,
        known: Option<Uuid>,
        written: Self::Written,
    ) -> impl Future<Output = Result<Uuid, ApiProblem>> + Send;

    /// Removes one.
    fn remove(
        api: &Api,
        account: &Account,
        id: Uuid,
    ) -> impl Future<Output = Result<(), ApiProblem>> + Send;
}

/// An answer with its `ETag`.
pub(super) struct Tagged<T>(pub(super) String, pub(super) T);

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.1).into_response();
        if let Ok(tag) = HeaderValue::try_from(self.0) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

/// The `ETag` of what was changed so often and may be written so.
pub(super) fn tag(mark: u64, written: &impl Serialize) -> Result<String, ApiProblem> {
    let written = serde_json::to_vec(written);
    let written = written.map_err(|error| ApiProblem::Broken(error.to_string()))?;
    Ok(format!("\"{}\"", version(mark, &written)))
}

/// One part with its tag, and its mark from before it was read.
async fn found<P: Part>(
    api: &Api,
    account: &Account,
    id: Uuid,
) -> Result<(Tagged<P>, u64), ApiProblem> {
    let mark = api.platform.mark(account.id, id).await?;
    let parts = P::all(api, account).await?;
    let part = parts.into_iter().find(|part| part.id() == id);
    let part = part.ok_or(ApiProblem::NotFound)?;
    Ok((Tagged(tag(mark, part.written())?, part), mark))
}

pub(super) async fn show<P: Part>(
    api: &Api,
    account: &Account,
    id: Uuid,
) -> Result<Tagged<P>, ApiProblem> {
    Ok(found(api, account, id).await?.0)
}

pub(super) async fn add<P: Part>(
    api: &Api,
    account: &Account,
    written: P::Written,
) -> Result<(StatusCode, Tagged<P>), ApiProblem> {
    let id = P::save(api, account, None, written).await?;
    Ok((StatusCode::CREATED, show(api, account, id).await?))
}

pub(super) async fn change<P: Part>(
    api: &Api,
    account: &Account,
    id: Uuid,
    matching: &Matching,
    changed: &Map<String, Value>,
) -> Result<Tagged<P>, ApiProblem> {
    for _ in 0..TRIES {
        let (Tagged(tag, part), mark) = found::<P>(api, account, id).await?;
        matching.check(&tag)?;
        let written = patched(part.written(), changed)?;
        let save = P::save(api, account, Some(id), written);
        match unless_changed(id, mark, save).await {
            Ok(_) => return show(api, account, id).await,
            Err(problem) => matching.again(problem)?,
        }
    }
    Err(ApiProblem::Overtaken)
}

pub(super) async fn remove<P: Part>(
    api: &Api,
    account: &Account,
    id: Uuid,
    matching: &Matching,
) -> Result<StatusCode, ApiProblem> {
    for _ in 0..TRIES {
        let (Tagged(tag, _), mark) = found::<P>(api, account, id).await?;
        matching.check(&tag)?;
        match unless_changed(id, mark, P::remove(api, account, id)).await {
            Err(problem) => matching.again(problem)?,
            Ok(()) => return Ok(StatusCode::NO_CONTENT),
        }
    }
    Err(ApiProblem::Overtaken)
}

/// What is written with the fields that were sent in the place of its own; `null` takes a field away.
pub(super) fn patched<T: Serialize + DeserializeOwned>(
    written: &T,
    changed: &Map<String, Value>,
) -> Result<T, ApiProblem> {
    let broken = |error: serde_json::Error| ApiProblem::Broken(error.to_string());
    let mut whole = serde_json::to_value(written).map_err(broken)?;
    if let Some(fields) = whole.as_object_mut() {
        for (field, value) in changed {
            if value.is_null() {
                fields.remove(field);
            } else {
                fields.insert(field.clone(), value.clone());
            }
        }
    }
    serde_json::from_value(whole).map_err(|error| ApiProblem::BadRequest(error.to_string()))
}

/// The name of what is called by its identifier or its name; a text that is neither stays, and is told as unknown.
pub(super) fn name_of<'n>(
    text: String,
    mut known: impl Iterator<Item = (Uuid, &'n String)>,
) -> String {
    let Ok(id) = text.parse::<Uuid>() else {
        return text;
    };
    let found = known.find(|(known, _)| *known == id);
    found.map_or(text, |(_, name)| name.clone())
}

/// The five endpoints of a kind of part.
macro_rules! endpoints {
    (
        $view:ident of $written:ident, tag $tag:tt, at $all:tt and $one:tt by $id:tt;
        $list:tt $list_says:tt;
        $add:tt $add_says:tt;
        $show:tt $show_says:tt;
        $change:tt $change_says:tt;
        $remove:tt $remove_says:tt;
    ) => {
        #[doc = $list_says]
        #[utoipa::path(get, path = $all, operation_id = $list, tag = $tag, responses(
            (status = 200, body = Vec<$view>),
            (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
        ))]
        pub(in crate::api) async fn list(
            State(api): State<Api>,
            Asker(program): Asker,
        ) -> Result<Json<Vec<$view>>, ApiProblem> {
            Ok(Json($view::all(&api, &program.account).await?))
        }

        #[doc = $add_says]
        #[utoipa::path(post, path = $all, operation_id = $add, tag = $tag, request_body = $written, responses(
            (status = 201, body = $view),
            (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
        ))]
        pub(in crate::api) async fn add(
            State(api): State<Api>,
            Asker(program): Asker,
            ApiBody(new): ApiBody<$written>,
        ) -> Result<(StatusCode, Tagged<$view>), ApiProblem> {
            parts::add(&api, &program.account, new).await
        }

        #[doc = $show_says]
        #[utoipa::path(get, path = $one, operation_id = $show, tag = $tag, params(($id = Uuid, Path,)), responses(
            (status = 200, body = $view),
            (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
        ))]
        pub(in crate::api) async fn show(
            State(api): State<Api>,
            Asker(program): Asker,
            ApiPath(id): ApiPath<Uuid>,
        ) -> Result<Tagged<$view>, ApiProblem> {
            parts::show(&api, &program.account, id).await
        }

        #[doc = $change_says]
        #[utoipa::path(patch, path = $one, operation_id = $change, tag = $tag, params(($id = Uuid, Path,), ("If-Match" = Option<String>, Header, description = "The `ETag` that was read; 412 when it is another one by now")), request_body = $written, responses(
            (status = 200, body = $view),
            (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
        ))]
        pub(in crate::api) async fn change(
            State(api): State<Api>,
            Asker(program): Asker,
            ApiPath(id): ApiPath<Uuid>,
            matching: Matching,
            ApiBody(changed): ApiBody<Map<String, Value>>,
        ) -> Result<Tagged<$view>, ApiProblem> {
            parts::change(&api, &program.account, id, &matching, &changed).await
        }

        #[doc = $remove_says]
        #[utoipa::path(delete, path = $one, operation_id = $remove, tag = $tag, params(($id = Uuid, Path,), ("If-Match" = Option<String>, Header, description = "The `ETag` that was read; 412 when it is another one by now")), responses(
            (status = 204),
            (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
        ))]
        pub(in crate::api) async fn remove(
            State(api): State<Api>,
            Asker(program): Asker,
            ApiPath(id): ApiPath<Uuid>,
            matching: Matching,
        ) -> Result<StatusCode, ApiProblem> {
            parts::remove::<$view>(&api, &program.account, id, &matching).await
        }
    };
}
pub(super) use endpoints;
