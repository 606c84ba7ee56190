//! Numbers: which number does what?

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use ringfence_model::{Account, NumberState};
use ringfence_platform::now;
use ringfence_platform::numbers::NumberRow;
use ringfence_platform::reports::percent;
use serde::Deserialize;

use super::App;
use super::page::{Problem, Shell, encoded, render};
use super::session::Reader;
use super::words::{State as StateWords, count, counted, phone};

/// Rows on the page; a search finds the rest.
const MOST_ROWS: usize = 500;

#[derive(Deserialize)]
pub(super) struct Asked {
    state: Option<String>,
    q: Option<String>,
}

struct Tab {
    word: String,
    href: String,
    current: bool,
}

struct RowView {
    number: String,
    international: String,
    label: String,
    state: StateWords,
    pool: String,
    overflow: bool,
    plan: String,
    calls: String,
    width: u64,
    answered: Option<u64>,
    href: String,
}

#[derive(Template)]
#[template(path = "numbers.html")]
struct NumbersPage {
    shell: Shell,
    lead: String,
    tabs: Vec<Tab>,
    state: String,
    text: String,
    any: bool,
    rows: Vec<RowView>,
    left_out: usize,
}

pub(super) async fn show(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    reader: Reader,
) -> Result<Response, Problem> {
    let account = &reader.viewer.account;
    let all = app.platform.number_rows(account.id, now()).await?;
    let state = asked.state.as_deref().and_then(NumberState::from_word);
    let text = asked
        .q
        .as_deref()
        .unwrap_or("")
        .trim()
        .chars()
        .take(64)
        .collect::<String>();
    let fits = |row: &&NumberRow| {
        state.is_none_or(|state| row.number.state == state) && mentions(row, &text, account)
    };
    let found: Vec<&NumberRow> = all.iter().filter(fits).collect();
    let most = all.iter().map(|row| row.calls).max().unwrap_or(0).max(1);
    let rows = found
        .iter()
        .take(MOST_ROWS)
        .map(|row| view(row, most, account))
        .collect();
    render(&NumbersPage {
        shell: Shell::new(&app, &reader, "numbers"),
        lead: lead(&all),
        tabs: tabs(&all, state, &text),
        state: state.map_or("", NumberState::as_str).into(),
        any: !all.is_empty(),
        left_out: found.len().saturating_sub(MOST_ROWS),
        text,
        rows,
    })
}

fn lead(all: &[NumberRow]) -> String {
    if all.is_empty() {
        return "There are no tracking numbers yet.".into();
    }
    let called = all.iter().filter(|row| row.calls > 0).count();
    let all = all.len() as u64;
    format!(
        "{}, {called} of them called in the last 30 days.",
        counted(all, "number", "numbers")
    )
}

fn tabs(all: &[NumberRow], state: Option<NumberState>, text: &str) -> Vec<Tab> {
    let query = if text.is_empty() {
        String::new()
    } else {
        format!("&q={}", encoded(text))
    };
    let mut tabs = vec![Tab {
        word: format!("All {}", all.len()),
        href: format!("/numbers?state={query}"),
        current: state.is_none(),
    }];
    tabs.extend(NumberState::ALL.iter().map(|&each| Tab {
        word: format!(
            "{} {}",
            state_of(each).word,
            all.iter().filter(|row| row.number.state == each).count()
        ),
        href: format!("/numbers?state={}{query}", each.as_str()),
        current: state == Some(each),
    }));
    tabs
}

pub(super) const fn state_of(state: NumberState) -> StateWords {
    let (class, icon, word) = match state {
        NumberState::Available => ("answered", "open", "Available"),
        NumberState::Assigned => ("live", "check", "Assigned"),
        NumberState::Quarantined => ("missed", "pause", "Quarantined"),
        NumberState::Released => ("quiet", "cross", "Released"),
    };
    StateWords { class, icon, word }
}

fn mentions(row: &NumberRow, text: &str, account: &Account) -> bool {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let by_digits = !digits.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || " +()-./".contains(c))
        && (row.number.e164.as_str().contains(&digits)
            || phone(&row.number.e164, account)
                .replace(|c: char| !c.is_ascii_digit(), "")
                .contains(&digits));
    let lower = text.to_lowercase();
    let words = [
        Some(&row.number.label),
        row.pool.as_ref(),
        row.plan.as_ref(),
    ];
    by_digits
        || words
            .into_iter()
            .flatten()
            .any(|word| word.to_lowercase().contains(&lower))
}

fn view(row: &NumberRow, most: u64, account: &Account) -> RowView {
    RowView {
        number: phone(&row.number.e164, account),
        international: row.number.e164.international(),
        label: row.number.label.clone(),
        state: state_of(row.number.state),
        pool: row.pool.clone().unwrap_or_default(),
        overflow: row.overflow,
        plan: row.plan.clone().unwrap_or_default(),
        calls: count(row.calls),
        width: percent(row.calls, most).unwrap_or(0),
        answered: percent(row.answered, row.calls),
        href: format!("/numbers/{}", row.number.id),
    }
}
