//! Calls: find one call.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use jiff::tz::TimeZone;
use ringfence_model::{Account, Money, Worth};
use ringfence_platform::call_log::{CallCursor, CallRow};
use ringfence_platform::now;

use super::App;
use super::filters::{Asked, Chip, WAITING, chips, sentence};
use super::page::{Problem, Shell, render, zone};
use super::session::Reader;
use super::words::{
    Moment, Show, State as StateWords, caller_of, colour_of, length, phone, state_of,
};
use super::worth::lead_name;
use crate::call_table;

/// Calls on a page.
const PAGE: u32 = 50;

/// Those who wait, at most.
const MOST_WAITING: u32 = 200;

/// Sources and tags that the menus offer.
const MOST_SOURCES: usize = 30;

pub(super) struct RowView {
    pub(super) id: String,
    pub(super) state: StateWords,
    pub(super) caller: String,
    pub(super) below: String,
    pub(super) source: String,
    pub(super) campaign: String,
    pub(super) colour: &'static str,
    pub(super) target: String,
    pub(super) failed_over: bool,
    pub(super) talk: String,
    /// What was said of it: `Converted, 95 GBP`.
    pub(super) worth: String,
    pub(super) tags: String,
    pub(super) when: Moment,
}

#[derive(Template)]
#[template(path = "calls.html")]
struct CallsPage {
    shell: Shell,
    sentence: String,
    chips: Vec<Chip>,
    kept: Vec<(String, String)>,
    text: String,
    filtered: bool,
    rows: Vec<RowView>,
    newest: Option<String>,
    older: Option<String>,
    download: Option<String>,
}

pub(super) async fn show(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    reader: Reader,
) -> Result<Response, Problem> {
    let now = now();
    let account = &reader.viewer.account;
    let zone = zone(&reader);
    let after = asked
        .after
        .as_deref()
        .and_then(|after| after.parse::<CallCursor>().ok());
    let page = if asked.to_return() {
        let from = asked.period().unwrap_or(WAITING).begin(now, &zone);
        app.platform
            .calls_to_return(account.id, from, now, MOST_WAITING)
            .await?
    } else {
        app.platform
            .call_log(account.id, &asked.filter(now, &zone), after, PAGE)
            .await?
    };
    let number = match asked.number() {
        Some(number) => app.platform.number(account.id, number).await?,
        None => None,
    };
    let number = number.map(|number| phone(&number.e164, account));
    let sources = app
        .platform
        .source_names(account, now, MOST_SOURCES)
        .await?;
    let tags = app.platform.used_tags(account.id, MOST_SOURCES).await?;
    let filtered = asked.pairs().iter().any(|(name, _)| *name != "after");
    render(&CallsPage {
        shell: Shell::new(&app, &reader, "calls"),
        sentence: sentence(&asked, number.as_deref()),
        chips: chips(&asked, &sources, &tags, number.as_deref()),
        kept: asked
            .pairs()
            .into_iter()
            .filter(|(name, _)| !matches!(*name, "q" | "after"))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        text: asked.text().to_owned(),
        filtered,
        rows: page
            .rows
            .iter()
            .map(|row| view(row, account, &zone))
            .collect(),
        newest: after.is_some().then(|| asked.but(|_| {})),
        older: page
            .next
            .map(|next| asked.but(|other| other.after = Some(next.to_string()))),
        download: asked.file().filter(|_| !page.rows.is_empty()),
    })
}

fn worth_words(worth: &Worth, account: &Account) -> String {
    let lead = worth.lead.map(|lead| lead_name(lead).to_owned());
    let value = worth
        .value
        .map(|value| Money::of(account).shown(value).to_string());
    let words: Vec<_> = [lead, value].into_iter().flatten().collect();
    words.join(", ")
}

pub(super) fn view(row: &CallRow, account: &Account, zone: &TimeZone) -> RowView {
    let call = &row.call;
    let (source, campaign, colour) = match &call.source {
        Some(source) => (
            source.name.clone(),
            source.campaign.clone().unwrap_or_default(),
            colour_of(&source.name),
        ),
        None => ("Not attributed".into(), String::new(), "s-none"),
    };
    RowView {
        id: call.id.to_string(),
        state: state_of(call.disposition),
        caller: caller_of(call, account),
        below: format!("dialled {}", phone(&call.dialled, account)),
        source,
        campaign,
        colour,
        target: row.target.clone().unwrap_or_default(),
        worth: row
            .worth
            .as_ref()
            .map(|worth| worth_words(worth, account))
            .unwrap_or_default(),
        tags: row
            .worth
            .as_ref()
            .map(|worth| worth.tags.join(", "))
            .unwrap_or_default(),
        failed_over: call.failed_over,
        talk: match (call.answered_at, call.ended_at) {
            (Some(from), Some(to)) => length(to.since(from)),
            _ => "–".into(),
        },
        when: Moment::new(call.started_at, zone, Show::Moment),
    }
}

/// The same calls as a file.
pub(super) async fn download(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    reader: Reader,
) -> Response {
    let filter = asked.filter(now(), &zone(&reader));
    call_table::answer(app.platform, &reader.viewer.account, filter)
}
