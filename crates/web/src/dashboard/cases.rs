//! Cases, for operators: is somebody abusing us? Ranked by risk; and the pages that nobody could look at.
//!
//! Whoever is no operator finds nothing here, as if there were no such pages.

use askama::Template;
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use ringfence_model::{AccountId, CaseState};
use ringfence_platform::fence::{CaseLine, UnseenPage};
use ringfence_platform::now;
use serde::Deserialize;

use super::App;
use super::case::Nothing;
use super::page::{Problem, Shell, render, zone};
use super::session::{Posted, Reader};
use super::words::{Moment, Show, State as StateWords, counted};

/// Cases that are listed.
const LISTED: u32 = 200;
/// Pages that are listed.
const PAGES_LISTED: u32 = 50;

/// Somebody who is signed in and runs the platform.
pub(super) struct Operator(pub Reader);

impl FromRequestParts<App> for Operator {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let reader = Reader::from_request_parts(parts, app).await?;
        if reader.viewer.operator {
            Ok(Self(reader))
        } else {
            Err(Problem::NotFound.into_response())
        }
    }
}

struct Row {
    href: String,
    site: String,
    account: String,
    state: StateWords,
    risk: String,
    width: u16,
    class: &'static str,
    opened: Moment,
    held: bool,
}

/// An account whose calls to telephone numbers are held.
struct DiallingRow {
    account: String,
    action: String,
    minutes: String,
    since: Moment,
}

struct UnseenRow {
    page: String,
    site: String,
    account: String,
    tries: String,
    last: Moment,
    why: String,
}

#[derive(Template)]
#[template(path = "cases.html")]
struct CasesPage {
    shell: Shell,
    lead: String,
    notice: Option<&'static str>,
    rows: Vec<Row>,
    dialling: Vec<DiallingRow>,
    unseen: Vec<UnseenRow>,
}

#[derive(Default, Deserialize)]
pub(super) struct Asked {
    done: Option<String>,
}

pub(super) async fn show(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    Operator(reader): Operator,
) -> Result<Response, Problem> {
    let cases = app.platform.case_lines(LISTED).await?;
    let unseen = app.platform.unseen_pages(PAGES_LISTED).await?;
    let zone = zone(&reader);
    let dialling = app.platform.held_dialling(now()).await?;
    let notice = match asked.done.as_deref() {
        Some("dialling") => Some(
            "Released. The account dials telephone numbers again; what it dialled before counts no more.",
        ),
        Some("dialling-free") => {
            Some("Nothing holds that account's dialling. Nothing was changed.")
        }
        _ => None,
    };
    let open = cases
        .iter()
        .filter(|line| line.case.state == CaseState::Open);
    let held = cases.iter().filter(|line| line.held).count();
    let lead = format!(
        "{}; numbers of {} are withheld.",
        match open.count() {
            0 => "No case waits for a decision".to_owned(),
            1 => "1 case waits for a decision".to_owned(),
            several => format!("{several} cases wait for a decision"),
        },
        counted(held as u64, "site", "sites"),
    );
    let row = |line: &CaseLine| Row {
        href: format!("/cases/{}", line.case.id),
        site: line.site.clone(),
        account: line.account.clone(),
        state: state_of(line.case.state),
        risk: risk(line.case.risk),
        width: line.case.risk / 10,
        class: risk_class(line.case.risk),
        opened: Moment::new(line.case.opened_at, &zone, Show::Moment),
        held: line.held,
    };
    let unseen_row = |page: &UnseenPage| UnseenRow {
        page: page.page.page.clone(),
        site: page.site.clone(),
        account: page.account.clone(),
        tries: counted(page.page.failures.into(), "try", "tries"),
        last: Moment::new(page.page.tried_at, &zone, Show::Moment),
        why: page.why.clone(),
    };
    render(&CasesPage {
        shell: Shell::new(&app, &reader, "cases"),
        lead,
        notice,
        dialling: dialling
            .iter()
            .map(|(hold, account)| DiallingRow {
                account: account.clone(),
                action: format!("/cases/dialling/{}/release", hold.account),
                minutes: format!("{} of {}", hold.minutes, hold.minutes_per_hour),
                since: Moment::new(hold.placed_at, &zone, Show::Moment),
            })
            .collect(),
        rows: cases.iter().map(row).collect(),
        unseen: unseen.iter().map(unseen_row).collect(),
    })
}

/// Lets an account dial telephone numbers again.
pub(super) async fn release_dialling(
    State(app): State<App>,
    Path(account): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Response, Problem> {
    if !posted.reader.viewer.operator {
        return Err(Problem::NotFound);
    }
    let account: AccountId = account.parse().map_err(|_| Problem::NotFound)?;
    let account = app.platform.db.account(account).await?;
    let account = account.ok_or(Problem::NotFound)?;
    let released = app.platform.release_dialling(&account, now()).await?;
    let done = if released {
        "dialling"
    } else {
        "dialling-free"
    };
    Ok(Redirect::to(&format!("/cases?done={done}")).into_response())
}

/// Where a case is in its life.
pub(super) const fn state_of(state: CaseState) -> StateWords {
    let (class, icon, word) = match state {
        CaseState::Open => ("missed", "warn", "Open"),
        CaseState::Released => ("quiet", "done", "Released"),
        CaseState::Confirmed => ("failed", "cross", "Confirmed"),
    };
    StateWords { class, icon, word }
}

/// `0.93`
pub(super) fn risk(thousandths: u16) -> String {
    format!("{:.2}", f64::from(thousandths) / 1000.0)
}

/// As the detector's verdicts: scam, suspicious, clean.
pub(super) const fn risk_class(thousandths: u16) -> &'static str {
    match thousandths {
        700.. => "failed",
        500..700 => "missed",
        _ => "quiet",
    }
}
