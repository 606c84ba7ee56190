//! One destination of conversions: what was it told, what did it answer, and what was told of one call.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use ringfence_model::{
    Conversion, ConversionDestination, ConversionDestinationId, ConversionPlatform,
    ConversionState, DeliveryId, Right,
};
use ringfence_platform::conversions::{ConversionError, Verdict};
use ringfence_platform::now;
use serde::Deserialize;

use super::App;
use super::conversions::{Fields, Sent, Standing, about, told};
use super::field::Wrong;
use super::page::{Problem, Shell, encoded, render, unprocessable, zone};
use super::session::{Posted, Reader};
use super::words::{Moment, Show, counted};

/// Conversions on a page.
const PAGE: u32 = 50;

/// What the log may be narrowed to: as the URL says it, and in words.
const STATES: [(&str, &str); 5] = [
    ("", "All"),
    ("pending", "Waiting"),
    ("sent", "Sent"),
    ("passed_over", "Passed over"),
    ("failed", "Given up"),
];

struct Tab {
    href: String,
    word: &'static str,
    current: bool,
}

/// A conversion as the log and the page of its call show it.
pub(super) struct Row {
    id: String,
    call: String,
    began: Moment,
    pub(super) state: &'static str,
    pub(super) said: String,
    pub(super) sent: Option<String>,
    attempts: String,
    pub(super) at: Option<Moment>,
    again: bool,
}

impl Row {
    pub(super) fn of(conversion: &Conversion, reader: &Reader) -> Self {
        let moment = |at| Moment::new(at, &zone(reader), Show::Moment);
        let state = conversion.state;
        let at = match state {
            ConversionState::Pending => Some(moment(conversion.next_at)),
            ConversionState::Sent => conversion.sent_at.map(moment),
            ConversionState::PassedOver | ConversionState::Failed => None,
        };
        Self {
            id: conversion.id.to_string(),
            call: conversion.call.to_string(),
            began: moment(conversion.happened_at),
            state: state.as_str(),
            said: conversion.said.clone().unwrap_or_default(),
            sent: conversion.sent.as_deref().map(pretty),
            attempts: counted(conversion.attempts.into(), "attempt", "attempts"),
            at,
            again: matches!(state, ConversionState::PassedOver | ConversionState::Failed),
        }
    }
}

/// JSON as people read it; what is none stays as it is.
fn pretty(json: &str) -> String {
    let value: Option<serde_json::Value> = serde_json::from_str(json).ok();
    let pretty = value.and_then(|value| serde_json::to_string_pretty(&value).ok());
    pretty.unwrap_or_else(|| json.to_owned())
}

/// What a call's page says of one destination.
pub(super) struct OfCall {
    pub(super) name: String,
    /// Where more of it stands, for those who may see that.
    pub(super) href: Option<String>,
    pub(super) row: Row,
}

impl OfCall {
    pub(super) fn all(told: &[(ConversionDestination, Conversion)], reader: &Reader) -> Vec<Self> {
        let may_see = reader.viewer.may(Right::SeeSetup);
        let one = |(to, conversion): &(ConversionDestination, Conversion)| Self {
            name: format!("{} · {}", to.platform.name(), to.target),
            href: may_see.then(|| format!("/conversions/{}", to.id)),
            row: Row::of(conversion, reader),
        };
        told.iter().map(one).collect()
    }
}

#[derive(Template)]
#[template(path = "conversion.html")]
struct ConversionPage {
    shell: Shell,
    id: String,
    name: String,
    about: String,
    standing: Standing,
    notice: Option<&'static str>,
    wrong: Option<String>,
    /// What the platform said to a trial, and whether it took it.
    tried: Option<(String, bool)>,
    needs_code: bool,
    tabs: Vec<Tab>,
    filtered: bool,
    conversions: Vec<Row>,
    older: Option<String>,
    form: Fields,
}

/// What a page of a destination shows besides the destination itself.
#[derive(Default)]
struct Told {
    asked: Asked,
    notice: Option<&'static str>,
    wrong: Option<String>,
    tried: Option<(String, bool)>,
    fields: Option<Fields>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    done: String,
    state: String,
    after: String,
}

pub(super) async fn show(
    State(app): State<App>,
    Path(destination): Path<String>,
    Query(asked): Query<Asked>,
    reader: Reader,
) -> Result<Response, Problem> {
    let destination = find(&app, &reader, &destination).await?;
    let told = Told {
        notice: match asked.done.as_str() {
            "added" => Some("It was added: calls that end from now on are told. Try it out below."),
            "saved" => Some("The destination was saved."),
            "again" => Some("It is looked at again, and sent when it counts."),
            _ => None,
        },
        asked,
        ..Told::default()
    };
    page(&app, &reader, destination, told).await
}

async fn find(
    app: &App,
    reader: &Reader,
    destination: &str,
) -> Result<ConversionDestination, Problem> {
    let id: ConversionDestinationId = destination.parse().map_err(|_| Problem::NotFound)?;
    let account = reader.viewer.account.id;
    let found = app.platform.conversion_destination(account, id).await;
    found.map_err(failed)
}

/// The page for what no form can mend.
fn failed(error: ConversionError) -> Problem {
    told(error).map_or_else(|problem| problem, Problem::BadForm)
}

pub(super) async fn change(
    State(app): State<App>,
    Path(destination): Path<String>,
    posted: Posted<Sent>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let known = find(&app, &reader, &destination).await?;
    let (account, wish) = (reader.viewer.account.id, form.wish());
    let changed = app
        .platform
        .change_conversion_destination(account, known.id, &wish);
    let (wrong, problems) = match changed.await {
        Ok(changed) => {
            let next = format!("/conversions/{}?done=saved", changed.id);
            return Ok(Redirect::to(&next).into_response());
        }
        Err(ConversionError::Problems(problems)) => (None, problems),
        Err(error) => (Some(told(error)?), Vec::new()),
    };
    let told = Told {
        wrong,
        fields: Some(Fields::new(known.platform, form, Wrong(problems))),
        ..Told::default()
    };
    Ok(unprocessable(page(&app, &reader, known, told).await?))
}

/// Meta's code for trials.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Trial {
    code: String,
}

/// Tells the platform of nobody, and shows what it said.
pub(super) async fn try_out(
    State(app): State<App>,
    Path(destination): Path<String>,
    posted: Posted<Trial>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let known = find(&app, &reader, &destination).await?;
    let account = reader.viewer.account.id;
    let tried = app
        .platform
        .try_conversion_destination(account, known.id, &form.code, now());
    let mut shown = Told::default();
    match tried.await {
        Ok(verdict) => {
            let taken = matches!(verdict, Verdict::Taken(_));
            shown.tried = Some((verdict.said().to_owned(), taken));
            return page(&app, &reader, known, shown).await;
        }
        Err(ConversionError::Problems(problems)) => {
            let sent = Sent::of(&known);
            shown.fields = Some(Fields::new(known.platform, sent, Wrong(problems)));
        }
        Err(error) => shown.wrong = Some(told(error)?),
    }
    Ok(unprocessable(page(&app, &reader, known, shown).await?))
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

/// Looks at one conversion again.
pub(super) async fn replay(
    State(app): State<App>,
    Path((destination, conversion)): Path<(String, String)>,
    posted: Posted<Nothing>,
) -> Result<Response, Problem> {
    let destination = find(&app, &posted.reader, &destination).await?.id;
    let conversion: DeliveryId = conversion.parse().map_err(|_| Problem::NotFound)?;
    let account = posted.reader.viewer.account.id;
    let replayed = app
        .platform
        .replay_conversion(account, destination, conversion, now());
    replayed.await.map_err(failed)?;
    Ok(Redirect::to(&format!("/conversions/{destination}?done=again")).into_response())
}

async fn page(
    app: &App,
    reader: &Reader,
    destination: ConversionDestination,
    told: Told,
) -> Result<Response, Problem> {
    let account = reader.viewer.account.id;
    let state = ConversionState::from_word(&told.asked.state);
    let after = told.asked.after.parse().ok();
    let log = app
        .platform
        .conversions(account, destination.id, state, after, PAGE);
    let (conversions, next) = log.await?;
    let here = format!("/conversions/{}", destination.id);
    let word = state.map_or("", ConversionState::as_str);
    let mut shell = Shell::new(app, reader, "programs");
    shell.here.clone_from(&here);
    let fields = told.fields.unwrap_or_else(|| {
        let sent = Sent::of(&destination);
        Fields::new(destination.platform, sent, Wrong::default())
    });
    render(&ConversionPage {
        shell,
        id: destination.id.to_string(),
        name: format!("{} · {}", destination.platform.name(), destination.target),
        about: about(&destination),
        standing: Standing::of(&destination, reader),
        notice: told.notice,
        wrong: told.wrong,
        tried: told.tried,
        needs_code: destination.platform == ConversionPlatform::Meta,
        tabs: STATES
            .iter()
            .map(|(known, name)| Tab {
                href: match *known {
                    "" => format!("{here}#log"),
                    known => format!("{here}?state={known}#log"),
                },
                word: name,
                current: *known == word,
            })
            .collect(),
        filtered: state.is_some() || after.is_some(),
        conversions: conversions
            .iter()
            .map(|conversion| Row::of(conversion, reader))
            .collect(),
        older: next.map(|next| {
            let next = encoded(&next.to_string());
            format!("{here}?state={word}&after={next}#log")
        }),
        form: fields,
    })
}
