//! Webhooks: which programs are told what happens, and does it reach them? Added, changed, tried again, removed.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use ringfence_model::{Webhook, WebhookEvent, WebhookId};
use ringfence_platform::now;
use ringfence_platform::webhooks::WebhookError;
use serde::Deserialize;

use super::App;
use super::page::{Problem, Shell, render, unprocessable, zone};
use super::session::{Posted, Reader};
use super::words::{Moment, Show, capital, counted};

/// An event that may be chosen.
pub(super) struct Choice {
    pub(super) word: &'static str,
    pub(super) meaning: &'static str,
    pub(super) chosen: bool,
}

/// How a webhook stands, as every page says it.
pub(super) struct Standing {
    pub(super) on: bool,
    pub(super) failing_since: Option<Moment>,
    pub(super) off_reason: Option<String>,
}

impl Standing {
    pub(super) fn of(webhook: &Webhook, reader: &Reader) -> Self {
        let since = webhook.failing_since.filter(|_| webhook.enabled);
        Self {
            on: webhook.enabled,
            failing_since: since.map(|at| Moment::new(at, &zone(reader), Show::Moment)),
            off_reason: webhook.off_reason.clone(),
        }
    }
}

struct Row {
    id: String,
    url: String,
    events: String,
    standing: Standing,
}

/// A webhook that was added a moment ago.
struct Made {
    id: String,
    url: String,
    secret: String,
}

#[derive(Template)]
#[template(path = "webhooks.html")]
struct WebhooksPage {
    shell: Shell,
    lead: String,
    notice: Option<&'static str>,
    wrong: Option<String>,
    made: Option<Made>,
    webhooks: Vec<Row>,
    form: Fields,
}

/// The form of a webhook, as it was sent when it failed.
pub(super) struct Fields {
    pub(super) url: String,
    pub(super) events: Vec<Choice>,
    pub(super) url_wrong: Option<String>,
    pub(super) events_wrong: Option<String>,
}

impl Fields {
    pub(super) fn new(url: &str, events: &[WebhookEvent]) -> Self {
        Self {
            url: url.chars().take(4_096).collect(),
            events: WebhookEvent::ALL
                .iter()
                .map(|event| Choice {
                    word: event.as_str(),
                    meaning: meaning(*event),
                    chosen: events.contains(event),
                })
                .collect(),
            url_wrong: None,
            events_wrong: None,
        }
    }

    /// Puts what is wrong beside its field; gives back what belongs to none.
    pub(super) fn refuse(&mut self, error: WebhookError) -> Result<Option<String>, Problem> {
        let text = match error {
            WebhookError::NotFound => return Err(Problem::NotFound),
            WebhookError::Store(error) => return Err(error.into()),
            WebhookError::Url(error) => {
                self.url_wrong = Some(format!("{}.", capital(&error.to_string())));
                return Ok(None);
            }
            WebhookError::NoEvents => {
                self.events_wrong = Some("Expected at least one, got none.".into());
                return Ok(None);
            }
            error => error.to_string(),
        };
        Ok(Some(format!("{}.", capital(&text))))
    }
}

pub(super) const fn meaning(event: WebhookEvent) -> &'static str {
    match event {
        WebhookEvent::CallStarted => "A call came in",
        WebhookEvent::CallAnswered => "Somebody answered it",
        WebhookEvent::CallEnded => "It is over",
        WebhookEvent::RecordingReady => "Its recording can be played",
    }
}

/// What a form says of the events: a box for each.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct SentWebhook {
    pub(super) url: String,
    #[serde(rename = "call.started")]
    started: Option<String>,
    #[serde(rename = "call.answered")]
    answered: Option<String>,
    #[serde(rename = "call.ended")]
    ended: Option<String>,
    #[serde(rename = "recording.ready")]
    recorded: Option<String>,
}

impl SentWebhook {
    pub(super) fn events(&self) -> Vec<WebhookEvent> {
        let is_ticked = |event: &WebhookEvent| {
            match event {
                WebhookEvent::CallStarted => &self.started,
                WebhookEvent::CallAnswered => &self.answered,
                WebhookEvent::CallEnded => &self.ended,
                WebhookEvent::RecordingReady => &self.recorded,
            }
            .is_some()
        };
        let events = WebhookEvent::ALL.iter().copied();
        events.filter(is_ticked).collect()
    }
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
        Some("removed") => Some("The webhook was removed, with its log and what waited for it."),
        _ => None,
    };
    let form = Fields::new("", WebhookEvent::ALL);
    page(&app, &reader, notice, None, None, form).await
}

/// Adds one and shows its secret, this once: there is no address to come back to.
pub(super) async fn add(
    State(app): State<App>,
    posted: Posted<SentWebhook>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let account = reader.viewer.account.id;
    let events = form.events();
    let added = app
        .platform
        .add_webhook(account, &form.url, &events, now())
        .await;
    match added {
        Ok((webhook, secret)) => {
            let made = Made {
                id: webhook.id.to_string(),
                url: webhook.url,
                secret,
            };
            let form = Fields::new("", WebhookEvent::ALL);
            page(&app, &reader, None, None, Some(made), form).await
        }
        Err(error) => {
            let mut fields = Fields::new(&form.url, &events);
            let wrong = fields.refuse(error)?;
            Ok(unprocessable(
                page(&app, &reader, None, wrong, None, fields).await?,
            ))
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

pub(super) async fn remove(
    State(app): State<App>,
    Path(webhook): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Response, Problem> {
    let webhook: WebhookId = webhook.parse().map_err(|_| Problem::NotFound)?;
    let account = posted.reader.viewer.account.id;
    match app.platform.remove_webhook(account, webhook).await {
        Ok(()) => Ok(Redirect::to("/webhooks?done=removed").into_response()),
        Err(error) => Err(failed(error)),
    }
}

/// The page for what no form can mend.
pub(super) fn failed(error: WebhookError) -> Problem {
    match error {
        WebhookError::NotFound => Problem::NotFound,
        WebhookError::Store(error) => error.into(),
        error => Problem::BadForm(error.to_string()),
    }
}

async fn page(
    app: &App,
    reader: &Reader,
    notice: Option<&'static str>,
    wrong: Option<String>,
    made: Option<Made>,
    form: Fields,
) -> Result<Response, Problem> {
    let webhooks = app.platform.webhooks(reader.viewer.account.id).await?;
    let shell = Shell::of_list(app, reader, "programs", "/webhooks");
    let on = webhooks.iter().filter(|webhook| webhook.enabled).count();
    render(&WebhooksPage {
        lead: match on {
            0 => "No program is told what happens.".to_owned(),
            on => format!(
                "{} told what happens, as it happens.",
                counted(on as u64, "endpoint is", "endpoints are")
            ),
        },
        notice,
        wrong,
        made,
        webhooks: webhooks
            .iter()
            .map(|webhook| Row {
                id: webhook.id.to_string(),
                url: webhook.url.clone(),
                events: named(&webhook.events),
                standing: Standing::of(webhook, reader),
            })
            .collect(),
        form,
        shell,
    })
}

fn named(events: &[WebhookEvent]) -> String {
    let words: Vec<_> = events.iter().map(|event| event.as_str()).collect();
    words.join(", ")
}
