//! Saved reports: the list of them on the page Reports, and saving one.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use ringfence_model::{ReportQuestion, SavedReport};
use ringfence_platform::now;
use ringfence_platform::saved_reports::SavedReportError;
use serde::Deserialize;

use super::App;
use super::page::{Problem, unprocessable, zone};
use super::reports::{Saving, Wish, page};
use super::session::{Posted, Reader};
use super::split_words::asked_in_words;
use super::words::{Moment, Show, capital};

/// A saved report in the list.
pub(super) struct Saved {
    pub(super) name: String,
    /// What it asks, in words.
    pub(super) asks: String,
    /// The report itself.
    pub(super) open: String,
    /// As a file, for whoever may have it.
    pub(super) file: Option<String>,
    /// Its own page.
    pub(super) page: String,
    pub(super) made_by: String,
    pub(super) made: Moment,
    /// It is the one that is on the page.
    pub(super) current: bool,
}

impl Saved {
    /// `query` is the question that is on the page.
    pub(super) fn of(report: &SavedReport, reader: &Reader, query: &str, may_export: bool) -> Self {
        let own = report.question.query();
        Self {
            name: report.name.clone(),
            asks: asked_in_words(&report.question),
            open: format!("/reports?{own}"),
            file: may_export.then(|| format!("/reports.csv?{own}")),
            page: format!("/reports/saved/{}", report.id),
            made_by: report.made_by.clone(),
            made: Moment::new(report.created_at, &zone(reader), Show::Moment),
            current: own == query,
        }
    }
}

/// What was done a moment ago, from the URL.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Done {
    done: String,
}

impl Done {
    pub(super) fn notice(&self) -> Option<&'static str> {
        match self.done.as_str() {
            "saved" => Some("The report is saved; it stands in the list below."),
            "renamed" => Some("The report has its new name."),
            "removed" => Some("The saved report was removed. Its calls are all there."),
            "mailed" => Some("It is sent as you said."),
            "unsent" => Some("It is not sent any more."),
            "sent" => Some("It is on its way to you; below stands what the mail server says."),
            _ => None,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct SentReport {
    name: String,
    query: String,
}

pub(super) async fn save(
    State(app): State<App>,
    posted: Posted<SentReport>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let account = &reader.viewer.account;
    let saved = app
        .platform
        .save_report(account.id, &form.name, &form.query, now());
    match saved.await {
        Ok(report) => {
            let query = report.question.query();
            Ok(Redirect::to(&format!("/reports?{query}&done=saved#saved")).into_response())
        }
        Err(SavedReportError::Store(error)) => Err(error.into()),
        Err(error) => {
            let question = ReportQuestion::parse(&form.query).unwrap_or_default();
            let saving = Saving {
                name: form.name.chars().take(200).collect(),
                wrong: Some(said(&error)),
            };
            let wish = Wish::of(question, account);
            let page = page(&app, &reader, wish, None, saving).await?;
            Ok(unprocessable(page))
        }
    }
}

/// An error as a sentence beside a field.
pub(super) fn said(error: &SavedReportError) -> String {
    let text = error.to_string();
    format!("{}.", capital(text.strip_prefix("name: ").unwrap_or(&text)))
}

/// The page for what no form can mend.
pub(super) fn failed(error: SavedReportError) -> Problem {
    match error {
        SavedReportError::NotFound => Problem::NotFound,
        SavedReportError::Store(error) => error.into(),
        error => Problem::BadForm(error.to_string()),
    }
}
