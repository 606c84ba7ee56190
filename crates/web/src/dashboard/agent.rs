//! Agent: am I rung, and since when? One click for each answer, and the calls of today.

use std::convert::Infallible;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::Event;
use axum::response::{IntoResponse, Redirect, Response};
use futures::Stream;
use ringfence_model::{AgentMeans, AgentState, BreakReason, Timestamp};
use ringfence_platform::agents::{AgentError, AgentStanding, AgentWish, CODES};
use ringfence_platform::board::BoardNews;
use ringfence_platform::now;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;

use super::App;
use super::calls::{RowView, view};
use super::live::{CHECK_SESSION, event, streamed, too_many_watch, watch};
use super::page::{Problem, Shell, render, zone};
use super::session::{Posted, Reader, token_of};
use super::words::{Since, State as StateWords, counted, length};

/// Something that an agent may say, as a button.
struct Choice {
    wish: &'static str,
    word: &'static str,
    current: bool,
    primary: bool,
}

/// How the agent stands, and what it may say.
#[derive(Template)]
#[template(path = "agent_state.html")]
struct StatePanel {
    form_token: String,
    state: StateWords,
    since: Since,
    note: String,
    says: Vec<Choice>,
    breaks: Vec<Choice>,
}

#[derive(Template)]
#[template(path = "agent.html")]
struct AgentPage {
    shell: Shell,
    lead: String,
    wrong: Option<String>,
    panel: Option<StatePanel>,
    times: Vec<(&'static str, String)>,
    calls: String,
    rows: Vec<RowView>,
    codes: Vec<(&'static str, &'static str)>,
}

pub(super) async fn show(State(app): State<App>, reader: Reader) -> Result<Response, Problem> {
    page(&app, &reader, None).await
}

#[derive(Deserialize)]
pub(super) struct Sent {
    wish: String,
}

pub(super) async fn change(
    State(app): State<App>,
    posted: Posted<Sent>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let wish = match form.wish.as_str() {
        "available" => AgentWish::Available,
        "ready" => AgentWish::Ready,
        "signed_out" => AgentWish::SignOut,
        word => BreakReason::from_word(word)
            .filter(|reason| BreakReason::CHOICES.contains(reason))
            .map(AgentWish::Break)
            .ok_or_else(|| Problem::BadForm(format!("{word:?} is nothing that an agent says")))?,
    };
    let (account, user) = (reader.viewer.account.id, reader.viewer.user.id);
    let agent = app.platform.own_agent(account, user, now()).await?;
    let target = agent.ok_or(Problem::NotFound)?.target;
    let changed = app
        .platform
        .change_agent(account, target, wish, AgentMeans::Page, now());
    match changed.await {
        // The rest was over by itself a moment before the click.
        Ok(()) | Err(AgentError::NothingToWrapUp(_)) => Ok(Redirect::to("/agent").into_response()),
        Err(AgentError::Store(error)) => Err(error.into()),
        Err(AgentError::NoAgent) => Err(Problem::NotFound),
        Err(error @ AgentError::Changed) => {
            let mut response = page(&app, &reader, Some(error.to_string())).await?;
            *response.status_mut() = StatusCode::CONFLICT;
            Ok(response)
        }
    }
}

async fn page(app: &App, reader: &Reader, wrong: Option<String>) -> Result<Response, Problem> {
    let now = now();
    let account = &reader.viewer.account;
    let user = reader.viewer.user.id;
    let agent = app.platform.own_agent(account.id, user, now).await?;
    let zone = zone(reader);
    let (times, rows) = match &agent {
        None => (Vec::new(), Vec::new()),
        Some(agent) => {
            let today = app.platform.agent_today(account, agent, now).await?;
            let times = today
                .times
                .iter()
                .filter(|(state, time)| *state != AgentState::SignedOut && !time.is_zero());
            let times = times.map(|(state, time)| (word_of(*state), length(*time)));
            let rows = today.calls.iter().map(|row| view(row, account, &zone));
            (times.collect(), rows.collect())
        }
    };
    let lead = match &agent {
        None => "Whether calls are put through to you".to_owned(),
        Some(agent) => format!("You answer at {}.", agent.target_name),
    };
    let mut shell = Shell::new(app, reader, "agent");
    shell.here = "/agent".into();
    render(&AgentPage {
        shell,
        lead,
        wrong,
        calls: counted(rows.len() as u64, "call", "calls"),
        panel: agent
            .as_ref()
            .map(|agent| panel(agent, &reader.viewer.form_token, now)),
        times,
        rows,
        codes: CODES.iter().map(|code| (code.code, code.meaning)).collect(),
    })
}

fn panel(agent: &AgentStanding, form_token: &str, now: Timestamp) -> StatePanel {
    let note = match (agent.state, agent.reason, agent.until) {
        (AgentState::OnBreak, Some(reason), _) => reason.meaning().to_owned(),
        (AgentState::WrappingUp, _, Some(until)) => {
            format!("of {}", length(until.since(agent.since)))
        }
        _ => String::new(),
    };
    let choice = |wish, word, state| Choice {
        wish,
        word,
        current: agent.state == state,
        primary: false,
    };
    let mut says = vec![match agent.state {
        AgentState::WrappingUp => Choice {
            wish: "ready",
            word: "Ready",
            current: false,
            primary: true,
        },
        state => Choice {
            primary: state != AgentState::Available,
            ..choice("available", "Available", AgentState::Available)
        },
    }];
    says.push(choice(
        "signed_out",
        "Sign out of calls",
        AgentState::SignedOut,
    ));
    let breaks = BreakReason::CHOICES.iter().map(|reason| Choice {
        wish: reason.as_str(),
        word: reason.meaning(),
        current: agent.state == AgentState::OnBreak && agent.reason == Some(*reason),
        primary: false,
    });
    StatePanel {
        form_token: form_token.to_owned(),
        state: words_of(agent),
        since: Since {
            at: agent.since,
            now,
        },
        note,
        says,
        breaks: breaks.collect(),
    }
}

const fn word_of(state: AgentState) -> &'static str {
    match state {
        AgentState::SignedOut => "Signed out",
        AgentState::Available => "Available",
        AgentState::OnBreak => "On a break",
        AgentState::WrappingUp => "Wrapping up",
    }
}

/// How an agent stands, for a chip.
pub(super) const fn words_of(agent: &AgentStanding) -> StateWords {
    let (class, icon) = match agent.state {
        AgentState::Available if agent.calls > 0 => {
            return StateWords {
                class: "live",
                icon: "talking",
                word: "On a call",
            };
        }
        AgentState::SignedOut => ("quiet", "leave"),
        AgentState::Available => ("answered", "check"),
        AgentState::OnBreak => ("missed", "pause"),
        AgentState::WrappingUp => ("live", "held"),
    };
    StateWords {
        class,
        icon,
        word: word_of(agent.state),
    }
}

/// What the page is told, as JSON.
#[derive(Serialize)]
struct Told {
    now: i64,
    html: String,
}

/// How the agent stands, for as long as the page is open: by a click elsewhere, a feature code, the end of a call.
pub(super) async fn events(
    State(app): State<App>,
    reader: Reader,
    headers: axum::http::HeaderMap,
) -> Response {
    let Some(permit) = watch(&app) else {
        return too_many_watch();
    };
    let token = token_of(&headers).unwrap_or_default();
    streamed(told(app, reader, token, permit))
}

fn told(
    app: App,
    reader: Reader,
    token: String,
    permit: tokio::sync::OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> {
    async_stream::stream! {
        let _permit = permit;
        let platform = app.platform;
        let (account, user) = (reader.viewer.account.id, reader.viewer.user.id);
        let mut news = platform.board.subscribe();
        let mut check = tokio::time::interval(CHECK_SESSION);
        check.tick().await;
        let mut last = None;
        loop {
            let at = now();
            let Ok(Some(agent)) = platform.own_agent(account, user, at).await else {
                break;
            };
            if last.as_ref() != Some(&agent) {
                let html = panel(&agent, &reader.viewer.form_token, at).render();
                let told = Told { now: at.as_micros() / 1_000, html: html.unwrap_or_default() };
                yield Ok(event(&told));
            }
            // What time alone changes.
            let rest = agent.until.map_or(CHECK_SESSION, |until| until.since(at));
            last = Some(agent);
            let over = tokio::time::sleep(rest);
            tokio::pin!(over);
            loop {
                tokio::select! {
                    () = platform.stopping.cancelled() => return,
                    news = news.recv() => match news {
                        Ok(BoardNews::Agents(of)) if of == account => break,
                        // Of calls, those alone that are the agent's: others ring all day.
                        Ok(news) if news.account() == account => {
                            if last.as_ref().is_some_and(|agent: &AgentStanding| {
                                platform.calls_at(account, agent.target) != agent.calls
                            }) {
                                break;
                            }
                        }
                        Ok(_) => {}
                        Err(RecvError::Lagged(_)) => break,
                        Err(RecvError::Closed) => return,
                    },
                    () = &mut over => break,
                    _ = check.tick() => {
                        let viewer = platform.viewer(&token, now()).await;
                        if !matches!(viewer, Ok(Some(_))) {
                            return;
                        }
                    }
                }
            }
        }
    }
}
