//! Erasing what is known of a caller or a visitor: says what will go and asks once. No URL carries the number. Whoever
//! sees calls may look; only whoever may change things is offered to do it.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use ringfence_model::{CallId, VisitId};
use ringfence_platform::erasure::{Whose, caller_of};
use ringfence_platform::now;
use serde::Deserialize;

use super::App;
use super::page::{Problem, Shell, render};
use super::session::{Posted, Reader};
use super::words::{caller as shown_caller, counted};

#[derive(Template)]
#[template(path = "erase.html")]
struct ErasePage {
    shell: Shell,
    /// `Erase this caller`
    title: &'static str,
    /// The page that it was asked on, and what that is called.
    back: Option<(String, &'static str)>,
    action: String,
    who: String,
    what: &'static str,
    goes: Vec<String>,
    under_way: Option<String>,
    setup: Vec<String>,
    withheld: bool,
}

pub(super) async fn show_caller(
    State(app): State<App>,
    Path(call): Path<String>,
    reader: Reader,
) -> Result<Response, Problem> {
    let (call, whose) = of_call(&app, &reader, &call).await?;
    let account = &reader.viewer.account;
    let (who, withheld) = match &whose {
        Whose::Caller(number) => (shown_caller(Some(number), account), false),
        _ => ("who made this call".into(), true),
    };
    let page = ErasePage {
        shell: Shell::new(&app, &reader, "calls"),
        title: "Erase this caller",
        back: Some((format!("/calls/{call}"), "Call")),
        action: format!("/calls/{call}/erase"),
        who,
        what: if withheld {
            "The number was withheld or is erased already, so nobody can tell which other calls are theirs: this is about one call."
        } else {
            "All calls from this number, and the visits that are known to have led to them."
        },
        goes: Vec::new(),
        under_way: None,
        setup: Vec::new(),
        withheld,
    };
    answer(&app, &reader, &whose, page).await
}

pub(super) async fn show_visitor(
    State(app): State<App>,
    Path(visit): Path<String>,
    reader: Reader,
) -> Result<Response, Problem> {
    let visit = of_visit(&app, &reader, &visit).await?;
    let page = ErasePage {
        shell: Shell::new(&app, &reader, "calls"),
        title: "Erase this visitor",
        back: None,
        action: format!("/visits/{visit}/erase"),
        who: "this visitor".into(),
        what: "All visits of the same browser, and the calls that are known to have come of them.",
        goes: Vec::new(),
        under_way: None,
        setup: Vec::new(),
        withheld: false,
    };
    answer(&app, &reader, &Whose::Visit(visit), page).await
}

async fn answer(
    app: &App,
    reader: &Reader,
    whose: &Whose,
    mut page: ErasePage,
) -> Result<Response, Problem> {
    let account = reader.viewer.account.id;
    let found = app.platform.erasable(account, whose, now()).await?;
    page.goes = [
        (found.calls, "call", "calls"),
        (found.recordings, "recording", "recordings"),
        (found.visits, "visit", "visits"),
    ]
    .into_iter()
    .filter(|(number, ..)| *number > 0)
    .map(|(number, one, many)| counted(number, one, many))
    .collect();
    page.under_way =
        (found.under_way > 0).then(|| counted(found.under_way, "call stays", "calls stay"));
    if let Whose::Caller(number) = whose {
        page.setup = app.platform.setup_with_number(account, number).await?;
    }
    render(&page)
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

pub(super) async fn caller(
    State(app): State<App>,
    Path(call): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Response, Problem> {
    let reader = &posted.reader;
    let (call, whose) = of_call(&app, reader, &call).await?;
    let account = reader.viewer.account.id;
    app.platform.erase(account, whose, now()).await?;
    Ok(Redirect::to(&format!("/calls/{call}")).into_response())
}

pub(super) async fn visitor(
    State(app): State<App>,
    Path(visit): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Response, Problem> {
    let reader = &posted.reader;
    let visit = of_visit(&app, reader, &visit).await?;
    let account = reader.viewer.account.id;
    let erase = app.platform.erase(account, Whose::Visit(visit), now());
    erase.await?;
    // Which says that nothing is left.
    Ok(Redirect::to(&format!("/visits/{visit}/erase")).into_response())
}

async fn of_call(app: &App, reader: &Reader, call: &str) -> Result<(CallId, Whose), Problem> {
    let call = call.parse().map_err(|_| Problem::NotFound)?;
    let call = app.platform.call(reader.viewer.account.id, call).await?;
    let call = call.ok_or(Problem::NotFound)?;
    Ok((call.id, caller_of(&call)))
}

async fn of_visit(app: &App, reader: &Reader, visit: &str) -> Result<VisitId, Problem> {
    let visit = visit.parse().map_err(|_| Problem::NotFound)?;
    let visit = app.platform.visit(reader.viewer.account.id, visit).await?;
    Ok(visit.ok_or(Problem::NotFound)?.id)
}
