//! Carriers: whose numbers can be ordered here? Added and removed by hand; what is ordered is on each one's own page.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use ringfence_model::{Carrier, CarrierId, CarrierKind};
use ringfence_platform::carriers::{CarrierError, NewCarrier};
use ringfence_platform::now;
use serde::Deserialize;

use super::App;
use super::field::Wrong;
use super::page::{Problem, Shell, render, unprocessable};
use super::session::{Posted, Reader};
use super::words::{capital, counted};

struct Row {
    id: String,
    name: String,
    about: String,
}

/// The form, as it was sent when it failed.
#[derive(Default)]
struct Fields {
    sent: Sent,
    wrong: Wrong,
}

#[derive(Template)]
#[template(path = "carriers.html")]
struct CarriersPage {
    shell: Shell,
    lead: String,
    notice: Option<&'static str>,
    wrong: Option<String>,
    carriers: Vec<Row>,
    kinds: Vec<(String, String, bool)>,
    form: Fields,
}

#[derive(Default, Deserialize)]
pub(super) struct Asked {
    done: Option<String>,
}

/// A carrier to add, as a browser sends it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Sent {
    kind: String,
    name: String,
    user: String,
    secret: String,
    trunk: String,
}

pub(super) async fn show(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    reader: Reader,
) -> Result<Response, Problem> {
    let notice = match asked.done.as_deref() {
        Some("removed") => Some("The carrier was removed here. Its numbers stay, there and here."),
        _ => None,
    };
    page(&app, &reader, notice, None, Fields::default()).await
}

pub(super) async fn add(State(app): State<App>, posted: Posted<Sent>) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let new = NewCarrier {
        kind: form.kind.clone(),
        name: form.name.clone(),
        user: form.user.clone(),
        secret: form.secret.clone(),
        trunk: form.trunk.clone(),
    };
    let account = reader.viewer.account.id;
    let (wrong, problems) = match app.platform.add_carrier(account, &new, now()).await {
        Ok(carrier) => {
            let there = format!("/carriers/{}?done=added", carrier.id);
            return Ok(Redirect::to(&there).into_response());
        }
        Err(CarrierError::Problems(problems)) => (None, problems),
        Err(error) => (Some(told(error)?), Vec::new()),
    };
    // A secret is typed again rather than sent back.
    let sent = Sent {
        secret: String::new(),
        ..form
    };
    let fields = Fields {
        sent,
        wrong: Wrong(problems),
    };
    Ok(unprocessable(
        page(&app, &reader, None, wrong, fields).await?,
    ))
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

pub(super) async fn remove(
    State(app): State<App>,
    Path(id): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Response, Problem> {
    let id: CarrierId = id.parse().map_err(|_| Problem::NotFound)?;
    let account = posted.reader.viewer.account.id;
    match app.platform.remove_carrier(account, id, now()).await {
        Ok(()) => Ok(Redirect::to("/carriers?done=removed").into_response()),
        Err(error) => Err(Problem::BadForm(told(error)?)),
    }
}

/// What an error says above a form; what no form can mend is a page of its own.
pub(super) fn told(error: CarrierError) -> Result<String, Problem> {
    match error {
        CarrierError::NotFound => Err(Problem::NotFound),
        CarrierError::Store(error) => Err(error.into()),
        error => Ok(format!("{}.", capital(&error.to_string()))),
    }
}

/// What a carrier is, in a line.
pub(super) fn about(carrier: &Carrier) -> String {
    let trunk = match carrier.trunk.as_str() {
        "" => "calls come as the carrier's own pages say".to_owned(),
        trunk => format!("calls come over {trunk}"),
    };
    format!("{} · {trunk}", carrier.kind.name())
}

async fn page(
    app: &App,
    reader: &Reader,
    notice: Option<&'static str>,
    wrong: Option<String>,
    form: Fields,
) -> Result<Response, Problem> {
    let carriers = app.platform.carriers(reader.viewer.account.id).await?;
    let kinds = CarrierKind::ALL.iter().map(|kind| {
        let word = kind.as_str();
        (
            word.to_owned(),
            kind.name().to_owned(),
            word == form.sent.kind,
        )
    });
    render(&CarriersPage {
        shell: Shell::of_list(app, reader, "numbers", "/carriers"),
        lead: match carriers.len() {
            0 => "Numbers come from files and by hand alone.".into(),
            many => format!(
                "Numbers can be ordered from {}.",
                counted(many as u64, "carrier", "carriers")
            ),
        },
        notice,
        wrong,
        carriers: carriers
            .iter()
            .map(|carrier| Row {
                id: carrier.id.to_string(),
                name: carrier.name.clone(),
                about: about(carrier),
            })
            .collect(),
        kinds: kinds.collect(),
        form,
    })
}
