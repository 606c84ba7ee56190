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
use ringfence_model::{Account, AccountId, BreakReason, Party, Timestamp};
use ringfence_platform::Platform;
use ringfence_platform::accounts::Viewer;
use ringfence_platform::agents::AgentStanding;
use ringfence_platform::board::{BoardCall, BoardNews, BoardState};
use ringfence_platform::now;
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast};

use super::App;
use super::agent::words_of;
use super::page::{Problem, Shell, render, zone};
use super::session::{Reader, token_of};
use super::words::{Moment, Show, Since, State as StateWords, caller, colour_of, counted, phone};

/// How often a watcher's session is looked at again: who signed out learns nothing more.
pub(super) const CHECK_SESSION: Duration = Duration::from_secs(20);

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
    agents: Agents,
}

struct AgentRow {
    name: String,
    target: String,
    state: StateWords,
    reason: &'static str,
    since: Since,
}

/// The account's agents, as a part of the page.
#[derive(Template)]
#[template(path = "live_agents.html")]
struct Agents {
    rows: Vec<AgentRow>,
}

impl Agents {
    fn of(agents: &[AgentStanding], now: Timestamp) -> Self {
        let row = |agent: &AgentStanding| AgentRow {
            name: agent.name.clone(),
            target: agent.target_name.clone(),
            state: words_of(agent),
            reason: agent.reason.map_or("", BreakReason::meaning),
            since: Since {
                at: agent.since,
                now,
            },
        };
        Self {
            rows: agents.iter().map(row).collect(),
        }
    }
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
        agents: Agents::of(&app.platform.agents(account.id, now).await?, now),
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
    /// How all agents stand.
    Agents {
        lead: String,
        now: i64,
        html: String,
    },
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
    let Some(permit) = watch(&app) else {
        return too_many_watch();
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
    streamed(watcher.told())
}

/// A place among the pages that watch, while there is one.
pub(super) fn watch(app: &App) -> Option<OwnedSemaphorePermit> {
    Arc::clone(&app.watchers).try_acquire_owned().ok()
}

/// The answer to a page that has no place among those that watch.
pub(super) fn too_many_watch() -> Response {
    metrics::counter!("ringfence_dashboard_refused_total", "reason" => "too_many_watchers")
        .increment(1);
    (
        StatusCode::SERVICE_UNAVAILABLE,
        "too many pages watch live news; try again later\n",
    )
        .into_response()
}

/// Events for as long as they come.
pub(super) fn streamed(
    events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static,
) -> Response {
    let mut response = Sse::new(events)
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
            let (agents, mut changes_at) = self.agents().await;
            // An account without agents has nothing to hear of them.
            if !matches!(&agents, Told::Agents { html, .. } if html.trim().is_empty()) {
                yield Ok(event(&agents));
            }
            loop {
                tokio::select! {
                    () = stopping.cancelled() => break,
                    () = until(changes_at) => {
                        let agents;
                        (agents, changes_at) = self.agents().await;
                        yield Ok(event(&agents));
                    }
                    news = self.news.recv() => match news {
                        Ok(BoardNews::Agents(account)) if account == self.account() => {
                            let agents;
                            (agents, changes_at) = self.agents().await;
                            yield Ok(event(&agents));
                        }
                        Ok(news) if news.account() == self.account() => {
                            if let Some(told) = self.one(&news) {
                                yield Ok(event(&told));
                            }
                        }
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

    /// How the agents stand, and when time alone changes that.
    async fn agents(&self) -> (Told, Option<Timestamp>) {
        let at = now();
        let lead = lead(&self.platform.board.snapshot(self.account()));
        let agents = self.platform.agents(self.account(), at).await;
        // What cannot be read now is told with the next change.
        let agents = agents.unwrap_or_default();
        let html = Agents::of(&agents, at).render().unwrap_or_default();
        let now = at.as_micros() / 1_000;
        let changes_at = agents.iter().filter_map(|agent| agent.until).min();
        (Told::Agents { lead, now, html }, changes_at)
    }

    fn one(&self, news: &BoardNews) -> Option<Told> {
        let lead = lead(&self.platform.board.snapshot(self.account()));
        let now = now().as_micros() / 1_000;
        Some(match news {
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
            BoardNews::Agents(_) => return None,
        })
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

async fn until(at: Option<Timestamp>) {
    match at {
        Some(at) => tokio::time::sleep(at.since(now())).await,
        None => std::future::pending().await,
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

pub(super) fn event(told: &impl Serialize) -> Event {
    Event::default()
        .json_data(told)
        .unwrap_or_else(|_| Event::default().comment("unreadable"))
}
