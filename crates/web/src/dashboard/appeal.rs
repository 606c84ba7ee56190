//! What the people of an account answer while numbers of a site are withheld.

use std::collections::HashMap;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::tz::TimeZone;
use ringfence_model::{Right, SiteId};
use ringfence_platform::fence::AppealError;
use ringfence_platform::now;
use serde::Deserialize;

use super::App;
use super::page::Problem;
use super::session::{Posted, Reader};
use super::sites::{Failed, refuse};
use super::words::{Moment, Show, capital};

/// The part of a site's panel that says so.
pub(super) struct Held {
    /// When somebody answered last.
    pub(super) answered: Option<Moment>,
    /// The reader may answer now.
    pub(super) form: bool,
    pub(super) typed: String,
    pub(super) wrong: Option<String>,
}

/// The form of an answer.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Answer {
    text: String,
}

/// Sites whose numbers are withheld; with the answer that was not taken.
pub(super) async fn held(
    app: &App,
    reader: &Reader,
    failed: Option<&(SiteId, Answer, String)>,
    zone: &TimeZone,
) -> Result<HashMap<SiteId, Held>, Problem> {
    let viewer = &reader.viewer;
    let held = app.platform.held_sites(viewer.account.id, now()).await?;
    let shown = held.into_iter().map(|(site, held)| {
        let failed = failed.filter(|(of, ..)| *of == site);
        let answered = held.answered_at;
        let shown = Held {
            answered: answered.map(|at| Moment::new(at, zone, Show::Moment)),
            form: held.may_answer && viewer.may(Right::Appeal),
            typed: failed.map_or_else(String::new, |(_, typed, _)| typed.text.clone()),
            wrong: failed.map(|(.., wrong)| wrong.clone()),
        };
        (site, shown)
    });
    Ok(shown.collect())
}

pub(super) async fn send(
    State(app): State<App>,
    Path(site): Path<String>,
    posted: Posted<Answer>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let site: SiteId = site.parse().map_err(|_| Problem::NotFound)?;
    let sent = app
        .platform
        .appeal(&reader.viewer.user, site, &form.text, now());
    match sent.await {
        Ok(_) => Ok(Redirect::to(&format!("/sites?done=answered#site-{site}")).into_response()),
        Err(AppealError::NothingHeld) => Err(Problem::NotFound),
        Err(AppealError::Store(error)) => Err(error.into()),
        Err(error) => {
            let wrong = capital(&error.to_string());
            refuse(&app, &reader, Failed::answer(site, form, wrong)).await
        }
    }
}
