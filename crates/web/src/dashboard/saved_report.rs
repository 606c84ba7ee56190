//! One saved report: opened, renamed, removed.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use ringfence_model::{Right, SavedReport, SavedReportId};
use ringfence_platform::saved_reports::SavedReportError;
use serde::Deserialize;

use super::App;
use super::mailing::Mailing;
use super::page::{Problem, Shell, render, unprocessable};
use super::saved_reports::{Done, Saved, failed, said};
use super::session::{Posted, Reader};

#[derive(Template)]
#[template(path = "saved_report.html")]
struct SavedReportPage {
    shell: Shell,
    id: String,
    report: Saved,
    notice: Option<&'static str>,
    /// The name as it was sent when it failed.
    name: String,
    wrong: Option<String>,
    mailing: Mailing,
}

pub(super) async fn show(
    State(app): State<App>,
    Path(report): Path<String>,
    Query(done): Query<Done>,
    reader: Reader,
) -> Result<Response, Problem> {
    let report = known(&app, &reader, &report).await?;
    let name = report.name.clone();
    page(&app, &reader, &report, done.notice(), (name, None)).await
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Named {
    name: String,
}

pub(super) async fn rename(
    State(app): State<App>,
    Path(report): Path<String>,
    posted: Posted<Named>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let report = known(&app, &reader, &report).await?;
    let renamed = app
        .platform
        .rename_report(report.account, report.id, &form.name);
    match renamed.await {
        Ok(()) => {
            let place = format!("/reports/saved/{}?done=renamed", report.id);
            Ok(Redirect::to(&place).into_response())
        }
        Err(error @ (SavedReportError::NotFound | SavedReportError::Store(_))) => {
            Err(failed(error))
        }
        Err(error) => {
            let name = form.name.chars().take(200).collect();
            let sent = (name, Some(said(&error)));
            let page = page(&app, &reader, &report, None, sent).await?;
            Ok(unprocessable(page))
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

pub(super) async fn remove(
    State(app): State<App>,
    Path(report): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Response, Problem> {
    let report: SavedReportId = report.parse().map_err(|_| Problem::NotFound)?;
    let account = posted.reader.viewer.account.id;
    let removed = app.platform.remove_saved_report(account, report).await;
    removed.map_err(failed)?;
    Ok(Redirect::to("/reports?done=removed").into_response())
}

pub(super) async fn known(
    app: &App,
    reader: &Reader,
    report: &str,
) -> Result<SavedReport, Problem> {
    let report: SavedReportId = report.parse().map_err(|_| Problem::NotFound)?;
    let found = app
        .platform
        .saved_report(reader.viewer.account.id, report)
        .await;
    found.map_err(failed)
}

async fn page(
    app: &App,
    reader: &Reader,
    report: &SavedReport,
    notice: Option<&'static str>,
    named: (String, Option<String>),
) -> Result<Response, Problem> {
    let mailing = Mailing::of(app, reader, report, None).await?;
    page_with(app, reader, report, notice, named, mailing)
}

/// The page with a part about mail that is not as it stands.
pub(super) fn page_with(
    app: &App,
    reader: &Reader,
    report: &SavedReport,
    notice: Option<&'static str>,
    (name, wrong): (String, Option<String>),
    mailing: Mailing,
) -> Result<Response, Problem> {
    let may_export = reader.viewer.may(Right::Export);
    render(&SavedReportPage {
        shell: Shell::of_list(
            app,
            reader,
            "reports",
            &format!("/reports/saved/{}", report.id),
        ),
        id: report.id.to_string(),
        report: Saved::of(report, reader, "", may_export),
        notice,
        name,
        wrong,
        mailing,
    })
}
