//! One case, for operators: what was seen, where it stands in the page's source, who decided, and the decision.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use ringfence_model::{CaseEvidence, CaseId, CaseState, EvidenceId, EvidenceKind};
use ringfence_platform::fence::{CaseError, CaseFile, Pages, ReleaseAnswer, hexadecimal};
use ringfence_platform::now;
use serde::Deserialize;

use super::App;
use super::cases::{Operator, risk, risk_class, state_of};
use super::page::{Problem, Shell, render, zone};
use super::session::{Posted, Reader};
use super::source::{Piece, marked};
use super::words::{Moment, Show, State as StateWords, count};

struct SignalView {
    /// Where it is marked in the source that is shown.
    mark: Option<usize>,
    name: String,
    why: String,
    place: String,
    excerpt: String,
}

struct EvidenceView {
    id: String,
    at: Moment,
    state: StateWords,
    who: Option<String>,
    what: String,
    risk: Option<(String, &'static str)>,
    page: Option<PageView>,
    signals: Vec<SignalView>,
}

struct PageView {
    url: String,
    sha256: String,
    length: String,
    href: String,
    shown: bool,
}

struct SourceView {
    title: String,
    pieces: Vec<Piece>,
    cut: Option<String>,
}

/// What the operator may decide.
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
struct Choices {
    release: bool,
    confirm: bool,
    freeze: bool,
    /// A release takes two of them.
    two_people: bool,
}

#[derive(Template)]
#[template(path = "case.html")]
struct CasePage {
    shell: Shell,
    id: String,
    site: String,
    account: String,
    state: StateWords,
    risk: String,
    risk_class: &'static str,
    opened: Moment,
    decided: Option<Moment>,
    held: bool,
    frozen: bool,
    settled: bool,
    notice: Option<&'static str>,
    complaint: Option<&'static str>,
    agreed: Vec<String>,
    may: Choices,
    evidence: Vec<EvidenceView>,
    source: Option<SourceView>,
}

#[derive(Default, Deserialize)]
pub(super) struct Asked {
    done: Option<String>,
    evidence: Option<String>,
}

pub(super) async fn show(
    State(app): State<App>,
    Path(case): Path<String>,
    Query(asked): Query<Asked>,
    Operator(reader): Operator,
) -> Result<Response, Problem> {
    let case: CaseId = case.parse().map_err(|_| Problem::NotFound)?;
    let file = app
        .platform
        .case_file(case)
        .await?
        .ok_or(Problem::NotFound)?;
    let chosen = chosen(&file, asked.evidence.as_deref());
    let octets = match chosen {
        Some(piece) => {
            let page = app.platform.db.evidence_page(piece.account, case, piece.id);
            page.await?
        }
        None => None,
    };
    let source = octets.as_deref().zip(chosen).map(|(octets, piece)| {
        let length = piece.page.as_ref().map_or(0, |page| page.length);
        (piece.id, length, marked(octets, &piece.signals))
    });
    let zone = zone(&reader);
    let moment = |at| Moment::new(at, &zone, Show::Moment);
    let evidence = file.evidence.iter().map(|piece| {
        let marks = source
            .as_ref()
            .filter(|(id, ..)| *id == piece.id)
            .map(|(.., source)| source.marks.as_slice());
        view(&file, piece, marks, chosen, moment(piece.at))
    });
    let evidence = evidence.collect();
    let agreed: Vec<_> = file.agreed().collect();
    let (notice, complaint) = told(asked.done.as_deref());
    let source = source
        .zip(chosen)
        .map(|((_, length, source), piece)| SourceView {
            title: piece.what.clone(),
            cut: (source.shown < length).then(|| {
                format!(
                    "The first {} of {} octets.",
                    count(source.shown),
                    count(length)
                )
            }),
            pieces: source.pieces,
        });
    render(&CasePage {
        shell: Shell::new(&app, &reader, "cases"),
        id: case.to_string(),
        site: file.site.name.clone(),
        account: file.account.clone(),
        state: state_of(file.case.state),
        risk: risk(file.case.risk),
        risk_class: risk_class(file.case.risk),
        opened: moment(file.case.opened_at),
        decided: file.case.decided_at.map(moment),
        held: file.held,
        frozen: file.frozen,
        settled: file.case.state == CaseState::Released,
        notice,
        complaint,
        agreed: agreed
            .iter()
            .map(|user| file.name_of(*user).to_owned())
            .collect(),
        may: Choices {
            release: file.case.state != CaseState::Released
                && !agreed.contains(&reader.viewer.user.id),
            confirm: file.case.state == CaseState::Open,
            freeze: file.case.state == CaseState::Confirmed && !file.frozen,
            two_people: app.platform.settings.fence.two_people,
        },
        evidence,
        source,
    })
}

/// The piece whose page is shown: the one that was asked for, or the first look.
fn chosen<'f>(file: &'f CaseFile, asked: Option<&str>) -> Option<&'f CaseEvidence> {
    let asked = asked.and_then(|text| text.parse::<EvidenceId>().ok());
    let with_page = || file.evidence.iter().filter(|piece| piece.page.is_some());
    with_page()
        .find(|piece| Some(piece.id) == asked)
        .or_else(|| with_page().next())
}

fn view(
    file: &CaseFile,
    piece: &CaseEvidence,
    marks: Option<&[Option<usize>]>,
    chosen: Option<&CaseEvidence>,
    at: Moment,
) -> EvidenceView {
    let signals = piece.signals.iter().enumerate().map(|(nth, signal)| {
        let line = signal.line.map(|line| format!(", line {line}"));
        SignalView {
            mark: marks.and_then(|marks| marks.get(nth).copied().flatten()),
            name: signal.kind.replace('_', " "),
            why: signal.why.clone(),
            place: format!("{}{}", signal.part, line.unwrap_or_default()),
            excerpt: signal.excerpt.clone(),
        }
    });
    let (class, icon, word) = match piece.kind {
        EvidenceKind::Look => ("quiet", "search", "Look"),
        EvidenceKind::Difference => ("missed", "warn", "Cloaking"),
        EvidenceKind::Silence => ("missed", "warn", "Numbers that no page showed"),
        EvidenceKind::Sensor => ("missed", "warn", "In a visitor's browser"),
        EvidenceKind::Held => ("failed", "held", "Numbers withheld"),
        EvidenceKind::ReleaseAgreed => ("answered", "check", "Agrees to release"),
        EvidenceKind::Confirmed => ("failed", "cross", "Confirmed as abuse"),
        EvidenceKind::AccountFrozen => ("failed", "held", "Account frozen"),
        EvidenceKind::Appeal => ("missed", "people", "The account answers"),
    };
    EvidenceView {
        id: piece.id.to_string(),
        at,
        state: StateWords { class, icon, word },
        who: piece.by.map(|user| file.name_of(user).to_owned()),
        what: piece.what.clone(),
        risk: piece.risk.map(|score| (risk(score), risk_class(score))),
        page: piece.page.as_ref().map(|page| PageView {
            url: page.url.clone(),
            sha256: hexadecimal(&page.sha256),
            length: count(page.length),
            href: format!("/cases/{}?evidence={}#source", piece.case, piece.id),
            shown: chosen.is_some_and(|chosen| chosen.id == piece.id),
        }),
        signals: signals.collect(),
    }
}

/// What came of a decision, and what stood in its way.
fn told(done: Option<&str>) -> (Option<&'static str>, Option<&'static str>) {
    match done {
        Some("released") => (
            Some("Released. The site's numbers are shown again, and calls to them go through."),
            None,
        ),
        Some("agreed") => (
            Some("Noted. The case is released as soon as another operator agrees too."),
            None,
        ),
        Some("confirmed") => (
            Some("Confirmed. No number of the site is shown until two operators release it."),
            None,
        ),
        Some("frozen") => (
            Some(
                "Frozen. All numbers of the account are out of service, and its people can only read, until the case is released.",
            ),
            None,
        ),
        Some("same") => (
            None,
            Some("You agreed already. A release takes two different people."),
        ),
        Some("already") => (
            None,
            Some("Somebody decided this case in the meantime. Nothing was changed."),
        ),
        _ => (None, None),
    }
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

pub(super) async fn release(
    State(app): State<App>,
    Path(case): Path<String>,
    owned: Posted<Nothing>,
) -> Result<Response, Problem> {
    let (case, reader) = asked_by_an_operator(&case, owned)?;
    let released = app
        .platform
        .release_case(case, &reader.viewer.user, now())
        .await;
    back(
        case,
        released.map(|answer| match answer {
            ReleaseAnswer::Released => "released",
            ReleaseAnswer::OneMore => "agreed",
        }),
    )
}

pub(super) async fn confirm(
    State(app): State<App>,
    Path(case): Path<String>,
    owned: Posted<Nothing>,
) -> Result<Response, Problem> {
    let (case, reader) = asked_by_an_operator(&case, owned)?;
    let confirmed = app
        .platform
        .confirm_case(case, &reader.viewer.user, now())
        .await;
    back(case, confirmed.map(|()| "confirmed"))
}

pub(super) async fn freeze(
    State(app): State<App>,
    Path(case): Path<String>,
    owned: Posted<Nothing>,
) -> Result<Response, Problem> {
    let (case, reader) = asked_by_an_operator(&case, owned)?;
    let frozen = app
        .platform
        .freeze_account(case, &reader.viewer.user, now())
        .await;
    back(case, frozen.map(|()| "frozen"))
}

/// The case as a file, for carriers and authorities.
pub(super) async fn export(
    State(app): State<App>,
    Path(case): Path<String>,
    Operator(_): Operator,
) -> Result<Response, Problem> {
    let case: CaseId = case.parse().map_err(|_| Problem::NotFound)?;
    let exported = app.platform.export_case(case, Pages::Named, now()).await?;
    let document = exported.ok_or(Problem::NotFound)?;
    let file = format!("attachment; filename=\"case-{case}.json\"");
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::CONTENT_DISPOSITION, file),
    ];
    Ok((headers, format!("{document:#}\n")).into_response())
}

fn asked_by_an_operator(case: &str, owned: Posted<Nothing>) -> Result<(CaseId, Reader), Problem> {
    let Posted {
        reader,
        form: Nothing {},
    } = owned;
    if !reader.viewer.operator {
        return Err(Problem::NotFound);
    }
    let case = case.parse().map_err(|_| Problem::NotFound)?;
    Ok((case, reader))
}

fn back(case: CaseId, done: Result<&'static str, CaseError>) -> Result<Response, Problem> {
    let done = match done {
        Ok(done) => done,
        Err(CaseError::SamePerson) => "same",
        Err(CaseError::Already(_) | CaseError::NotConfirmed | CaseError::Frozen) => "already",
        Err(CaseError::Store(error)) => return Err(error.into()),
        Err(CaseError::NotFound(_) | CaseError::NoSite(_) | CaseError::NotAnOperator(_)) => {
            return Err(Problem::NotFound);
        }
    };
    Ok(Redirect::to(&format!("/cases/{case}?done={done}")).into_response())
}
