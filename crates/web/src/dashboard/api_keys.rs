//! API keys: which programs may ask for this account's calls and change its setup? Made, shown once, and ended.

use std::time::Duration;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use ringfence_model::{ApiKey, ApiKeyId, KeyScope, Timestamp};
use ringfence_platform::api_keys::ApiKeyError;
use ringfence_platform::now;
use serde::Deserialize;

use super::App;
use super::page::{Problem, Shell, render, unprocessable, zone};
use super::session::{Posted, Reader};
use super::words::{Moment, Show, capital, counted};

/// How long a new key may last: as the form sends it, in words, in days.
const LIVES: [(&str, &str, Option<u32>); 4] = [
    ("30", "30 days", Some(30)),
    ("90", "90 days", Some(90)),
    ("365", "A year", Some(365)),
    ("", "Until it is revoked", None),
];

/// What is chosen unless somebody chooses.
const USUAL_LIFE: &str = "90";

const A_DAY: Duration = Duration::from_hours(24);

/// Something of which one is chosen.
struct Choice {
    word: &'static str,
    name: &'static str,
    meaning: &'static str,
    chosen: bool,
}

struct Row {
    id: String,
    name: String,
    scope: &'static str,
    made: Moment,
    end: Option<Moment>,
    revoked: bool,
    over: bool,
}

impl Row {
    fn lives(&self) -> bool {
        !self.revoked && !self.over
    }
}

/// A key that was made a moment ago.
struct Made {
    name: String,
    text: String,
    /// How to try it, to be typed into a shell.
    trial: String,
}

#[derive(Template)]
#[template(path = "api_keys.html")]
struct ApiKeysPage {
    shell: Shell,
    lead: String,
    notice: Option<&'static str>,
    wrong: Option<String>,
    made: Option<Made>,
    keys: Vec<Row>,
    name: String,
    name_wrong: Option<String>,
    scopes: Vec<Choice>,
    lives: Vec<Choice>,
}

/// What a form that was sent leaves on the page.
#[derive(Default)]
struct Outcome {
    notice: Option<&'static str>,
    wrong: Option<String>,
    made: Option<Made>,
    sent: Option<NewKey>,
    name_wrong: Option<String>,
}

#[derive(Default, Deserialize)]
pub(super) struct Asked {
    done: Option<String>,
}

pub(super) async fn show(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    reader: Reader,
) -> Result<Response, Problem> {
    let notice = match asked.done.as_deref() {
        Some("revoked") => Some("The key was revoked. It opens nothing any more."),
        _ => None,
    };
    let outcome = Outcome {
        notice,
        ..Outcome::default()
    };
    page(&app, &reader, outcome).await
}

#[derive(Deserialize)]
pub(super) struct NewKey {
    name: String,
    scope: String,
    life: String,
}

/// Makes a key and shows it, this once: there is no address to come back to.
pub(super) async fn add(
    State(app): State<App>,
    posted: Posted<NewKey>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let scope = KeyScope::from_word(&form.scope)
        .ok_or_else(|| Problem::BadForm(format!("no scope: {:?}", form.scope)))?;
    let (_, _, days) = LIVES
        .iter()
        .find(|(word, ..)| *word == form.life)
        .ok_or_else(|| Problem::BadForm(format!("no life of a key: {:?}", form.life)))?;
    let life = days.map(|days| A_DAY * days);
    let account = reader.viewer.account.id;
    let made = app
        .platform
        .add_api_key(account, &form.name, scope, life, now())
        .await;
    let outcome = match made {
        Ok((key, text)) => {
            let base = &app.platform.settings.public_url;
            let trial = format!("curl -H 'Authorization: Bearer {text}' {base}/v1/calls");
            let name = key.name;
            let outcome = Outcome {
                made: Some(Made { name, text, trial }),
                ..Outcome::default()
            };
            return page(&app, &reader, outcome).await;
        }
        Err(error @ ApiKeyError::TooMany) => Outcome {
            wrong: Some(said(error)?),
            sent: Some(form),
            ..Outcome::default()
        },
        Err(error) => Outcome {
            name_wrong: Some(said(error)?),
            sent: Some(form),
            ..Outcome::default()
        },
    };
    refuse(&app, &reader, outcome).await
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

pub(super) async fn revoke(
    State(app): State<App>,
    Path(key): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Response, Problem> {
    let key: ApiKeyId = key.parse().map_err(|_| Problem::NotFound)?;
    let account = posted.reader.viewer.account.id;
    match app.platform.revoke_api_key(account, key, now()).await {
        Ok(()) => Ok(Redirect::to("/api-keys?done=revoked").into_response()),
        Err(error) => {
            let outcome = Outcome {
                wrong: Some(said(error)?),
                ..Outcome::default()
            };
            refuse(&app, &posted.reader, outcome).await
        }
    }
}

/// What is said on the page, or the page for what cannot be.
fn said(error: ApiKeyError) -> Result<String, Problem> {
    match error {
        ApiKeyError::NotFound => Err(Problem::NotFound),
        ApiKeyError::Store(error) => Err(error.into()),
        error => Ok(format!("{}.", capital(&error.to_string()))),
    }
}

async fn refuse(app: &App, reader: &Reader, outcome: Outcome) -> Result<Response, Problem> {
    Ok(unprocessable(page(app, reader, outcome).await?))
}

async fn page(app: &App, reader: &Reader, outcome: Outcome) -> Result<Response, Problem> {
    let now = now();
    let mut keys = app.platform.api_keys(reader.viewer.account.id).await?;
    keys.reverse();
    let keys: Vec<Row> = keys.iter().map(|key| row(key, reader, now)).collect();
    let shell = Shell::of_list(app, reader, "programs", "/api-keys");
    let living = keys.iter().filter(|key| key.lives()).count();
    let (name, scope, life) = match &outcome.sent {
        Some(sent) => (
            sent.name.chars().take(200).collect(),
            sent.scope.as_str(),
            sent.life.as_str(),
        ),
        None => (String::new(), KeyScope::Read.as_str(), USUAL_LIFE),
    };
    render(&ApiKeysPage {
        lead: match living {
            0 => "No program has a key that lives.".to_owned(),
            1 => "1 key opens this account.".to_owned(),
            living => format!(
                "{} open this account.",
                counted(living as u64, "key", "keys")
            ),
        },
        notice: outcome.notice,
        wrong: outcome.wrong,
        made: outcome.made,
        keys,
        name,
        name_wrong: outcome.name_wrong,
        scopes: KeyScope::ALL
            .iter()
            .map(|known| Choice {
                word: known.as_str(),
                name: scope_name(*known),
                meaning: meaning(*known),
                chosen: known.as_str() == scope,
            })
            .collect(),
        lives: LIVES
            .iter()
            .map(|&(word, name, _)| Choice {
                word,
                name,
                meaning: "",
                chosen: word == life,
            })
            .collect(),
        shell,
    })
}

const fn scope_name(scope: KeyScope) -> &'static str {
    match scope {
        KeyScope::Read => "Reads",
        KeyScope::Change => "Reads and changes",
    }
}

const fn meaning(scope: KeyScope) -> &'static str {
    match scope {
        KeyScope::Read => "Calls, recordings, reports and the setup; changes nothing",
        KeyScope::Change => {
            "Changes sites, webhooks and the rest of the setup as well, but not people"
        }
    }
}

fn row(key: &ApiKey, reader: &Reader, now: Timestamp) -> Row {
    let zone = zone(reader);
    let end = key.revoked_at.or(key.expires_at);
    Row {
        id: key.id.to_string(),
        name: key.name.clone(),
        scope: scope_name(key.scope),
        made: Moment::new(key.created_at, &zone, Show::Ago),
        end: end.map(|at| Moment::new(at, &zone, Show::Moment)),
        revoked: key.revoked_at.is_some(),
        over: key.expires_at.is_some_and(|at| at <= now),
    }
}
