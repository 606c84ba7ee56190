//! Numbers: which number does what? What changes them is in `number_forms`.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use ringfence_model::{Account, NumberId, NumberState};
use ringfence_platform::now;
use ringfence_platform::numbers::NumberRow;
use ringfence_platform::reports::percent;
use serde::Deserialize;

use super::App;
use super::field::Wrong;
use super::number_forms::{KEEP, NONE, notice_of};
use super::page::{Problem, Shell, encoded, render, unprocessable};
use super::session::Reader;
use super::words::{State as StateWords, count, counted, phone};

/// Rows on the page; a search finds the rest.
const MOST_ROWS: usize = 500;

#[derive(Default, Deserialize)]
pub(super) struct Asked {
    pub(super) state: Option<String>,
    pub(super) q: Option<String>,
    pub(super) done: Option<String>,
}

impl Asked {
    fn state(&self) -> Option<NumberState> {
        self.state.as_deref().and_then(NumberState::from_word)
    }

    fn text(&self) -> String {
        let text = self.q.as_deref().unwrap_or("").trim();
        text.chars().take(64).collect()
    }

    fn fits(&self, row: &NumberRow, account: &Account) -> bool {
        self.state().is_none_or(|state| row.number.state == state)
            && mentions(row, &self.text(), account)
    }
}

/// Something that can be chosen: what the form sends, what it is called, and whether it is chosen.
pub(super) type Choice = (String, String, bool);

/// The form that adds numbers, as it was sent when it failed.
#[derive(Default)]
pub(super) struct Filled {
    pub(super) lines: String,
    pub(super) country: String,
    pub(super) pool: String,
    pub(super) plan: String,
    pub(super) bad_lines: Vec<String>,
    pub(super) wrong: Wrong,
}

struct AddForm {
    filled: Filled,
    pools: Vec<Choice>,
    plans: Vec<Choice>,
}

/// The form that changes what is ticked, as it was sent when it failed.
#[derive(Default)]
pub(super) struct Ticked {
    pub(super) numbers: BTreeSet<NumberId>,
    pub(super) all: bool,
    pub(super) pool: String,
    pub(super) plan: String,
    pub(super) wrong: Option<String>,
}

struct TickForm {
    all: bool,
    /// How many numbers of the list can be changed.
    listed: String,
    pools: Vec<Choice>,
    plans: Vec<Choice>,
    wrong: Option<String>,
}

struct Tab {
    word: String,
    href: String,
    current: bool,
}

struct RowView {
    id: String,
    may_be_ticked: bool,
    ticked: bool,
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
    notice: Option<&'static str>,
    tabs: Vec<Tab>,
    state: String,
    text: String,
    any: bool,
    rows: Vec<RowView>,
    left_out: usize,
    add: AddForm,
    tick: Option<TickForm>,
}

pub(super) async fn show(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    reader: Reader,
) -> Result<Response, Problem> {
    let notice = notice_of(asked.done.as_deref());
    let (filled, ticked) = (Filled::default(), Ticked::default());
    page(&app, &reader, &asked, notice, filled, ticked).await
}

/// The page with a form that failed.
pub(super) async fn refused(
    app: &App,
    reader: &Reader,
    asked: &Asked,
    filled: Filled,
    ticked: Ticked,
) -> Result<Response, Problem> {
    Ok(unprocessable(
        page(app, reader, asked, None, filled, ticked).await?,
    ))
}

/// The numbers of a list that can be changed: all that fit, on this page or not.
pub(super) async fn changeable(
    app: &App,
    reader: &Reader,
    asked: &Asked,
) -> Result<Vec<NumberId>, Problem> {
    let account = &reader.viewer.account;
    let all = app.platform.number_rows(account.id, now()).await?;
    let rows = all.iter().filter(|row| asked.fits(row, account));
    let rows = rows.filter(|row| row.number.state != NumberState::Released);
    Ok(rows.map(|row| row.number.id).collect())
}

async fn page(
    app: &App,
    reader: &Reader,
    asked: &Asked,
    notice: Option<&'static str>,
    mut filled: Filled,
    ticked: Ticked,
) -> Result<Response, Problem> {
    let account = &reader.viewer.account;
    let all = app.platform.number_rows(account.id, now()).await?;
    let found: Vec<&NumberRow> = all.iter().filter(|row| asked.fits(row, account)).collect();
    let most = all.iter().map(|row| row.calls).max().unwrap_or(0).max(1);
    let may_change = reader.viewer.may_change();
    let rows = found.iter().take(MOST_ROWS).map(|row| RowView {
        may_be_ticked: may_change && row.number.state != NumberState::Released,
        ticked: ticked.numbers.contains(&row.number.id),
        ..view(row, most, account)
    });
    let rows: Vec<RowView> = rows.collect();
    let live = found
        .iter()
        .filter(|row| row.number.state != NumberState::Released);
    let live = live.count();
    let (pools, plans) = pools_and_plans(app, account).await?;
    if filled.country.is_empty() {
        filled.country.clone_from(&account.country);
    }
    // The only plan is meant, until another is chosen.
    if let ([(only, _)], true) = (plans.as_slice(), filled.plan.is_empty()) {
        filled.plan.clone_from(only);
    }
    let tick = (may_change && live > 0).then(|| TickForm {
        all: ticked.all,
        listed: counted(live as u64, "number", "numbers"),
        pools: choices(&pools, Some("Leave it"), "None", &ticked.pool),
        plans: choices(&plans, Some("Leave it"), "None", &ticked.plan),
        wrong: ticked.wrong,
    });
    let shell = Shell::of_list(app, reader, "numbers", "/numbers");
    let (state, text) = (asked.state(), asked.text());
    render(&NumbersPage {
        shell,
        lead: lead(&all),
        notice,
        tabs: tabs(&all, state, &text),
        state: state.map_or("", NumberState::as_str).into(),
        any: !all.is_empty(),
        left_out: found.len().saturating_sub(MOST_ROWS),
        text,
        rows,
        add: AddForm {
            pools: choices(&pools, None, "None", &filled.pool),
            plans: choices(&plans, None, "None: calls are refused", &filled.plan),
            filled,
        },
        tick,
    })
}

/// Identifiers and names of an account's pools and plans.
pub(super) type Named = Vec<(String, String)>;

pub(super) async fn pools_and_plans(
    app: &App,
    account: &Account,
) -> Result<(Named, Named), Problem> {
    let pools = app.platform.pools(account.id).await?.into_iter();
    let plans = app.platform.plan_names(account.id).await?.into_iter();
    Ok((
        pools.map(|pool| (pool.id.to_string(), pool.name)).collect(),
        plans.map(|(id, name)| (id.to_string(), name)).collect(),
    ))
}

/// What can be chosen, with none among it, and before it what leaves things as they are.
pub(super) fn choices(
    named: &[(String, String)],
    keep: Option<&str>,
    none: &str,
    chosen: &str,
) -> Vec<Choice> {
    let keep = keep.map(|word| (KEEP.to_owned(), word.to_owned()));
    let none = (NONE.to_owned(), none.to_owned());
    let all = keep.into_iter().chain([none]).chain(named.iter().cloned());
    all.map(|(id, word)| {
        let is_chosen = id == chosen;
        (id, word, is_chosen)
    })
    .collect()
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
        id: row.number.id.to_string(),
        may_be_ticked: false,
        ticked: false,
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
