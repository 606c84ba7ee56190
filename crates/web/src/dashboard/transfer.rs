//! Putting the caller of a call under way through to somebody else: a page of two small forms, or why it cannot be.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use ringfence_model::{CallId, Right, TransfersTo};
use ringfence_platform::calls::{PutThroughError, Wanted};
use serde::Deserialize;

use super::App;
use super::page::{Problem, Shell, render, unprocessable};
use super::session::{Posted, Reader};
use super::words::{caller_of, capital};

/// A form as a browser sends it: whom, or a number.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sent {
    target: String,
    group: String,
    number: String,
}

#[derive(Template)]
#[template(path = "transfer.html")]
struct TransferPage {
    shell: Shell,
    id: String,
    caller: String,
    /// Who talks with the caller.
    talks: String,
    may: bool,
    /// Why nobody is to be put through now.
    cannot: Option<String>,
    /// Why somebody could not be, who was just asked for.
    wrong: Option<String>,
    targets: Vec<(String, String, bool)>,
    groups: Vec<(String, String, bool)>,
    /// Whether the account puts callers through to numbers.
    numbers: bool,
    number: String,
}

pub(super) async fn show(
    State(app): State<App>,
    Path(call): Path<String>,
    reader: Reader,
) -> Result<Response, Problem> {
    let call = call.parse().map_err(|_| Problem::NotFound)?;
    page(&app, &reader, call, &Sent::default(), None).await
}

pub(super) async fn put_through(
    State(app): State<App>,
    Path(call): Path<String>,
    posted: Posted<Sent>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let call: CallId = call.parse().map_err(|_| Problem::NotFound)?;
    let account = reader.viewer.account.id;
    if app.platform.call(account, call).await?.is_none() {
        return Err(Problem::NotFound);
    }
    let choices = app.platform.put_through_choices(account).await?;
    let wanted = match (
        form.target.as_str(),
        form.group.as_str(),
        form.number.trim(),
    ) {
        (target, "", "") => choices.target(target).map(Wanted::Target),
        ("", group, "") => choices.group(group).map(Wanted::Group),
        ("", "", number) => Some(Wanted::Number(number.to_owned())),
        _ => None,
    };
    let Some(wanted) = wanted else {
        let wrong = "Choose somebody, or write a telephone number.".to_owned();
        let page = page(&app, &reader, call, &form, Some(wrong)).await?;
        return Ok(unprocessable(page));
    };
    match app.platform.put_through(account, call, wanted).await {
        Ok(()) => Ok(Redirect::to(&format!("/calls/{call}?done=transfer")).into_response()),
        Err(PutThroughError::NotFound) => Err(Problem::NotFound),
        Err(PutThroughError::Store(error)) => Err(error.into()),
        Err(refused) => {
            let wrong = Some(sentence(&refused));
            let page = page(&app, &reader, call, &form, wrong).await?;
            Ok(unprocessable(page))
        }
    }
}

async fn page(
    app: &App,
    reader: &Reader,
    call: CallId,
    sent: &Sent,
    wrong: Option<String>,
) -> Result<Response, Problem> {
    let account = &reader.viewer.account;
    let known = app.platform.call(account.id, call).await?;
    let known = known.ok_or(Problem::NotFound)?;
    let choices = app.platform.put_through_choices(account.id).await?;
    let talks = known.target.and_then(|target| {
        let mut targets = choices.targets.iter();
        targets.find(|known| known.id == target)
    });
    let cannot = match app.platform.answered_call(account.id, call).await {
        Ok(_) if choices.transfers == TransfersTo::Nobody => {
            Some("This account puts no callers through: `transfers` of its dialling rules is \"nobody\".".to_owned())
        }
        Ok(_) => None,
        Err(PutThroughError::Store(error)) => return Err(error.into()),
        Err(why) => Some(sentence(&why)),
    };
    let option = |id: String, name: &str, chosen: &str| {
        let is_chosen = id == chosen;
        (id, name.to_owned(), is_chosen)
    };
    let mut shell = Shell::new(app, reader, "calls");
    shell.here = format!("/calls/{call}/transfer");
    render(&TransferPage {
        shell,
        id: call.to_string(),
        caller: caller_of(&known, account),
        talks: talks.map_or_else(String::new, |target| target.name.clone()),
        may: reader.viewer.may(Right::PutThrough),
        cannot,
        wrong,
        targets: choices
            .targets
            .iter()
            .filter(|target| Some(target.id) != known.target)
            .map(|target| option(target.id.to_string(), &target.name, &sent.target))
            .collect(),
        groups: choices
            .groups
            .iter()
            .map(|group| option(group.id.to_string(), &group.name, &sent.group))
            .collect(),
        numbers: choices.transfers == TransfersTo::Numbers,
        number: sent.number.chars().take(40).collect(),
    })
}

/// An error as people read it.
fn sentence(why: &PutThroughError) -> String {
    format!("{}.", capital(&why.to_string()))
}
