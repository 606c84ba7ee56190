//! One webhook: what was it told, what did it answer, and what is to be sent again?

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use ringfence_model::{
    Delivery, DeliveryAttempt, DeliveryId, DeliveryState, Timestamp, Webhook, WebhookId,
};
use ringfence_platform::now;
use ringfence_platform::webhooks::{RETRY_FOR, WebhookChange};
use serde::Deserialize;

use super::App;
use super::page::{Problem, Shell, encoded, render, unprocessable, zone};
use super::session::{Posted, Reader};
use super::webhooks::{Fields, SentWebhook, Standing, failed, meaning};
use super::words::{Moment, Show, counted};

/// Deliveries on a page.
const PAGE: u32 = 50;

/// What the log may be narrowed to: as the URL says it, and in words.
const STATES: [(&str, &str); 4] = [
    ("", "All"),
    ("pending", "Waiting"),
    ("delivered", "Delivered"),
    ("failed", "Given up"),
];

struct Tab {
    href: String,
    word: &'static str,
    current: bool,
}

/// A delivery as the log and its own page show it.
struct Row {
    id: String,
    event: &'static str,
    meaning: &'static str,
    call: String,
    happened: Moment,
    state: DeliveryState,
    attempts: String,
    next: Option<Moment>,
    delivered: Option<Moment>,
}

impl Row {
    fn is(&self, word: &str) -> bool {
        self.state.as_str() == word
    }
}

#[derive(Template)]
#[template(path = "webhook.html")]
struct WebhookPage {
    shell: Shell,
    id: String,
    url: String,
    standing: Standing,
    notice: Option<String>,
    wrong: Option<String>,
    tabs: Vec<Tab>,
    filtered: bool,
    deliveries: Vec<Row>,
    older: Option<String>,
    form: Fields,
    on: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    done: String,
    state: String,
    after: String,
    sent: u64,
}

pub(super) async fn show(
    State(app): State<App>,
    Path(webhook): Path<String>,
    Query(asked): Query<Asked>,
    reader: Reader,
) -> Result<Response, Problem> {
    let webhook = find(&app, &reader, &webhook).await?;
    let notice = match asked.done.as_str() {
        "saved" => Some("The webhook was saved.".to_owned()),
        "again" => Some("It is sent again, with the same webhook-id.".to_owned()),
        "all-again" => Some(match asked.sent {
            0 => "Nothing was given up in that time.".to_owned(),
            sent => format!(
                "{} sent again.",
                counted(sent, "delivery is", "deliveries are")
            ),
        }),
        _ => None,
    };
    let form = Fields::new(&webhook.url, &webhook.events);
    page(&app, &reader, webhook, &asked, notice, None, form).await
}

async fn find(app: &App, reader: &Reader, webhook: &str) -> Result<Webhook, Problem> {
    let id: WebhookId = webhook.parse().map_err(|_| Problem::NotFound)?;
    let account = reader.viewer.account.id;
    app.platform.webhook(account, id).await.map_err(failed)
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Changed {
    #[serde(flatten)]
    webhook: SentWebhook,
    enabled: Option<String>,
}

pub(super) async fn change(
    State(app): State<App>,
    Path(webhook): Path<String>,
    posted: Posted<Changed>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let known = find(&app, &reader, &webhook).await?;
    let events = form.webhook.events();
    let wish = WebhookChange {
        url: Some(form.webhook.url.clone()),
        events: Some(events.clone()),
        enabled: Some(form.enabled.is_some()),
    };
    let account = reader.viewer.account.id;
    match app.platform.change_webhook(account, known.id, wish).await {
        Ok(changed) => {
            let next = format!("/webhooks/{}?done=saved", changed.id);
            Ok(Redirect::to(&next).into_response())
        }
        Err(error) => {
            let mut fields = Fields::new(&form.webhook.url, &events);
            let wrong = fields.refuse(error)?;
            let asked = Asked::default();
            let mut shown = known;
            shown.enabled = form.enabled.is_some();
            let page = page(&app, &reader, shown, &asked, None, wrong, fields);
            Ok(unprocessable(page.await?))
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

/// Sends one delivery again.
pub(super) async fn replay(
    State(app): State<App>,
    Path((webhook, delivery)): Path<(String, String)>,
    posted: Posted<Nothing>,
) -> Result<Response, Problem> {
    let webhook = find(&app, &posted.reader, &webhook).await?.id;
    let delivery: DeliveryId = delivery.parse().map_err(|_| Problem::NotFound)?;
    let account = posted.reader.viewer.account.id;
    let replayed = app
        .platform
        .replay_delivery(account, webhook, delivery, now());
    replayed.await.map_err(failed)?;
    Ok(Redirect::to(&format!("/webhooks/{webhook}?done=again")).into_response())
}

/// Sends again all that was given up and is still kept.
pub(super) async fn replay_failed(
    State(app): State<App>,
    Path(webhook): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Response, Problem> {
    let webhook = find(&app, &posted.reader, &webhook).await?.id;
    let account = posted.reader.viewer.account.id;
    let since = Timestamp::from_micros(0);
    let replayed = app
        .platform
        .replay_failed_deliveries(account, webhook, since, now());
    let sent = replayed.await.map_err(failed)?;
    Ok(Redirect::to(&format!("/webhooks/{webhook}?done=all-again&sent={sent}")).into_response())
}

async fn page(
    app: &App,
    reader: &Reader,
    webhook: Webhook,
    asked: &Asked,
    notice: Option<String>,
    wrong: Option<String>,
    form: Fields,
) -> Result<Response, Problem> {
    let account = reader.viewer.account.id;
    let state = DeliveryState::from_word(&asked.state);
    let after = asked.after.parse().ok();
    let log = app
        .platform
        .deliveries(account, webhook.id, state, after, PAGE);
    let (deliveries, next) = log.await.map_err(failed)?;
    let here = format!("/webhooks/{}", webhook.id);
    let word = state.map_or("", DeliveryState::as_str);
    let at = |word: &str| match word {
        "" => format!("{here}#log"),
        word => format!("{here}?state={word}#log"),
    };
    let mut shell = Shell::new(app, reader, "programs");
    shell.here.clone_from(&here);
    render(&WebhookPage {
        shell,
        id: webhook.id.to_string(),
        standing: Standing::of(&webhook, reader),
        on: webhook.enabled,
        url: webhook.url,
        notice,
        wrong,
        tabs: STATES
            .iter()
            .map(|(known, name)| Tab {
                href: at(known),
                word: name,
                current: *known == word,
            })
            .collect(),
        filtered: state.is_some() || after.is_some(),
        deliveries: deliveries
            .iter()
            .map(|delivery| row(delivery, reader))
            .collect(),
        older: next.map(|next| {
            let next = encoded(&next.to_string());
            format!("{here}?state={word}&after={next}#log")
        }),
        form,
    })
}

fn row(delivery: &Delivery, reader: &Reader) -> Row {
    let moment = |at, show| Moment::new(at, &zone(reader), show);
    let waits = delivery.state == DeliveryState::Pending;
    Row {
        id: delivery.id.to_string(),
        event: delivery.event.as_str(),
        meaning: meaning(delivery.event),
        call: delivery.call.to_string(),
        happened: moment(delivery.happened_at, Show::Moment),
        state: delivery.state,
        attempts: counted(u64::from(delivery.attempts), "attempt", "attempts"),
        next: waits.then(|| moment(delivery.next_at, Show::Moment)),
        delivered: delivery.delivered_at.map(|at| moment(at, Show::Moment)),
    }
}

struct Attempt {
    number: u32,
    at: Moment,
    took: String,
    answer: String,
    good: bool,
}

fn attempt(attempt: &DeliveryAttempt, reader: &Reader) -> Attempt {
    let status = attempt.status.map(|status| format!("{status}, "));
    Attempt {
        number: attempt.number,
        at: Moment::new(attempt.at, &zone(reader), Show::Full),
        took: format!("{} ms", attempt.duration_ms),
        answer: format!("{}{}", status.unwrap_or_default(), attempt.outcome),
        good: attempt
            .status
            .is_some_and(|status| (200..300).contains(&status)),
    }
}

#[derive(Template)]
#[template(path = "delivery.html")]
struct DeliveryPage {
    shell: Shell,
    webhook: String,
    url: String,
    delivery: Row,
    attempts: Vec<Attempt>,
    message: String,
    patience: String,
}

/// One delivery: its attempts and what was posted.
pub(super) async fn delivery(
    State(app): State<App>,
    Path((webhook, delivery)): Path<(String, String)>,
    reader: Reader,
) -> Result<Response, Problem> {
    let webhook = find(&app, &reader, &webhook).await?;
    let delivery: DeliveryId = delivery.parse().map_err(|_| Problem::NotFound)?;
    let account = reader.viewer.account.id;
    let story = app.platform.delivery(account, webhook.id, delivery);
    let (delivery, attempts, message) = story.await.map_err(failed)?;
    let days = RETRY_FOR.as_secs() / 86_400;
    render(&DeliveryPage {
        shell: Shell::new(&app, &reader, "programs"),
        webhook: webhook.id.to_string(),
        url: webhook.url,
        delivery: row(&delivery, &reader),
        attempts: attempts.iter().map(|made| attempt(made, &reader)).collect(),
        message: serde_json::to_string_pretty(&message)
            .map_err(|error| Problem::Broken(error.to_string()))?,
        patience: counted(days, "day", "days"),
    })
}
