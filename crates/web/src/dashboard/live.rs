//! Live: what is happening now? Calls under way as rows; server-sent events keep them true.
//!
//! A watcher that reconnects is sent everything again first, so that a cut leaves nothing stale behind.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use jiff::tz::TimeZone;
use ringfence_model::{Account, AccountId, Party, Timestamp};
use ringfence_platform::Platform;
use ringfence_platform::accounts::Viewer;
use ringfence_platform::board::{BoardCall, BoardNews, BoardState};
use ringfence_platform::now;
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast};

use super::App;
use super::page::{Problem, Shell, render, zone};
use super::session::{Reader, token_of};
use super::words::{Moment, Show, Since, State as StateWords, caller, colour_of, counted, phone};

/// How often a watcher's session is looked at again: who signed out learns nothing more.
const CHECK_SESSION: Duration = Duration::from_secs(20);

struct Row {
    id: String,
    key: String,
    state: StateWords,
    caller: String,
    target: String,
    source: String,
    campaign: String,
    colour: &'static str,
    dialled: String,
    in_state: Since,
    in_all: Since,
}

#[derive(Template)]
#[template(path = "live.html")]
struct LivePage {
    shell: Shell,
    lead: String,
    /// Where other calls are, when this is not the only server.
    elsewhere: Option<String>,
    loaded: Moment,
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "live_row.html")]
struct LiveRow {
    row: Row,
}

pub(super) async fn show(State(app): State<App>, reader: Reader) -> Result<Response, Problem> {
    let now = now();
    let account = &reader.viewer.account;
    let calls = app.platform.board.snapshot(account.id);
    let zone: TimeZone = zone(&reader);
    render(&LivePage {
        shell: Shell::new(&app, &reader, "live"),
        lead: lead(&calls),
        elsewhere: elsewhere(&app.platform),
        loaded: Moment::new(now, &zone, Show::Clock),
        rows: calls.iter().map(|call| row(call, account, now)).collect(),
    })
}

/// The board is one server's.
fn elsewhere(platform: &Platform) -> Option<String> {
    let own = platform.standing.name()?;
    let others = platform.standing.others();
    let names = match others.as_slice() {
        [] => return None,
        [one] => format!("Server {one} shows its own"),
        several => format!("Servers {} show theirs", several.join(", ")),
    };
    Some(format!("These are the calls of server {own}. {names}."))
}

fn lead(calls: &[Arc<BoardCall>]) -> String {
    let waiting = calls
        .iter()
        .filter(|call| {
            matches!(
                call.state,
                BoardState::Arriving | BoardState::Ringing { .. }
            )
        })
        .count();
    let calls = calls.len() as u64;
    match (calls, waiting) {
        (0, _) => "Nobody is on the phone.".into(),
        (_, 0) => format!("{} under way.", counted(calls, "call", "calls")),
        _ => format!(
            "{} under way, {waiting} of them waiting for an answer.",
            counted(calls, "call", "calls")
        ),
    }
}

fn row(call: &BoardCall, account: &Account, now: Timestamp) -> Row {
    let words = |class, icon, word| StateWords { class, icon, word };
    let (state, target, since) = match &call.state {
        BoardState::Arriving => (
            words("quiet", "arriving", "Arriving"),
            "being routed".to_owned(),
            call.started_at,
        ),
        BoardState::Ringing { target, since } => (
            words("missed", "ringing", "Ringing"),
            format!("rings {target}"),
            *since,
        ),
        BoardState::Talking { target, since } => (
            words("live", "talking", "Talking"),
            format!("speaks with {target}"),
            *since,
        ),
        BoardState::Held { target, by, since } => {
            let target = match by {
                Party::Caller => format!("{target}, held by the caller"),
                Party::Callee => format!("held by {target}"),
                Party::Server => target.clone(),
            };
            (words("quiet", "held", "On hold"), target, *since)
        }
    };
    let (source, campaign, colour) = match &call.source {
        Some(source) => (
            source.name.clone(),
            source.campaign.clone().unwrap_or_default(),
            colour_of(&source.name),
        ),
        None => ("Not attributed".into(), String::new(), "s-none"),
    };
    Row {
        id: call.id.to_string(),
        key: format!("{:020}-{}", call.started_at.as_micros(), call.id),
        state,
        caller: caller(call.caller.as_ref(), account),
        target,
        source,
        campaign,
        colour,
        dialled: phone(&call.dialled, account),
        in_state: Since { at: since, now },
        in_all: Since {
            at: call.started_at,
            now,
        },
    }
}

/// What a watcher is told, as JSON.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Told {
    /// Everything, after which nothing else is true.
    All {
        lead: String,
        says: &'static str,
        now: i64,
        rows: Vec<ToldRow>,
    },
    /// A call began or changed.
    Call {
        lead: String,
        says: String,
        now: i64,
        row: ToldRow,
    },
    /// A call is over.
    Gone { lead: String, now: i64, id: String },
}

#[derive(Serialize)]
struct ToldRow {
    id: String,
    html: String,
}

/// The news of an account's calls for as long as somebody watches.
pub(super) async fn events(
    State(app): State<App>,
    reader: Reader,
    headers: axum::http::HeaderMap,
) -> Response {
    let Ok(permit) = Arc::clone(&app.watchers).try_acquire_owned() else {
        metrics::counter!("ringfence_dashboard_refused_total", "reason" => "too_many_watchers")
            .increment(1);
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            "too many pages watch live calls; try again later\n",
        )
            .into_response();
    };
    let news = app.platform.board.subscribe();
    let token = token_of(&headers).unwrap_or_default();
    let watcher = Watcher {
        platform: app.platform,
        viewer: reader.viewer,
        token,
        news,
        _permit: permit,
    };
    let mut response = Sse::new(watcher.told())
        .keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
        .into_response();
    // Proxies that gather an answer before they hand it on are asked not to.
    response.headers_mut().insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    response
}

struct Watcher {
    platform: Arc<Platform>,
    viewer: Viewer,
    token: String,
    news: broadcast::Receiver<BoardNews>,
    _permit: OwnedSemaphorePermit,
}

impl Watcher {
    fn told(mut self) -> impl Stream<Item = Result<Event, Infallible>> {
        async_stream::stream! {
            let mut check = tokio::time::interval(CHECK_SESSION);
            check.tick().await;
            yield Ok(event(&self.all()));
            let stopping = self.platform.stopping.clone();
            loop {
                tokio::select! {
                    () = stopping.cancelled() => break,
                    news = self.news.recv() => match news {
                        Ok(news) if news.account() == self.account() => yield Ok(event(&self.one(&news))),
                        Ok(_) => {}
                        Err(RecvError::Lagged(_)) => yield Ok(event(&self.all())),
                        Err(RecvError::Closed) => break,
                    },
                    _ = check.tick() => {
                        let viewer = self.platform.viewer(&self.token, now()).await;
                        if !matches!(viewer, Ok(Some(_))) {
                            break;
                        }
                    }
                }
            }
        }
    }

    fn account(&self) -> AccountId {
        self.viewer.account.id
    }

    fn all(&self) -> Told {
        let calls = self.platform.board.snapshot(self.account());
        Told::All {
            lead: lead(&calls),
            says: "",
            now: now().as_micros() / 1_000,
            rows: calls.iter().map(|call| self.row(call)).collect(),
        }
    }

    fn one(&self, news: &BoardNews) -> Told {
        let lead = lead(&self.platform.board.snapshot(self.account()));
        let now = now().as_micros() / 1_000;
        match news {
            BoardNews::Call(call) => Told::Call {
                lead,
                now,
                says: says(call, &self.viewer.account),
                row: self.row(call),
            },
            BoardNews::Gone { id, .. } => Told::Gone {
                lead,
                now,
                id: id.to_string(),
            },
        }
    }

    fn row(&self, call: &BoardCall) -> ToldRow {
        let row = row(call, &self.viewer.account, now());
        let html = LiveRow { row }.render().unwrap_or_default();
        ToldRow {
            id: call.id.to_string(),
            html,
        }
    }
}

/// What is read aloud of a change.
fn says(call: &BoardCall, account: &Account) -> String {
    let who = caller(call.caller.as_ref(), account);
    match &call.state {
        BoardState::Arriving => format!("Call from {who}"),
        BoardState::Ringing { target, .. } => format!("{who} rings {target}"),
        BoardState::Talking { target, .. } => format!("{target} speaks with {who}"),
        BoardState::Held { .. } => format!("{who} is on hold"),
    }
}

fn event(told: &Told) -> Event {
    Event::default()
        .json_data(told)
        .unwrap_or_else(|_| Event::default().comment("unreadable"))
}
