//! Targets: where may calls go, and does anybody answer there? Added, changed, paused and removed by hand.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use ringfence_model::{BreakReason, Caps, TargetId, Timestamp, User};
use ringfence_platform::agents::AgentStanding;
use ringfence_platform::arrangement::{
    FieldProblem, KnownTarget, Own, PartError, Secret, TargetPart, TargetStanding,
};
use ringfence_platform::{now, phones};
use serde::Deserialize;

use super::App;
use super::agent::words_of;
use super::field::Wrong;
use super::page::{Problem, Shell, render, unprocessable};
use super::session::{Posted, Reader};
use super::target_hours::{HoursFields, HoursSent};
use super::words::{Since, State as StateWords, counted};

/// The limits of a form, as they are called there and in the document.
const LIMITS: [(&str, &str); 4] = [
    ("concurrent", "At once"),
    ("hour", "An hour"),
    ("day", "A day"),
    ("month", "A month"),
];

struct Limit {
    name: &'static str,
    word: &'static str,
    value: String,
}

struct Row {
    id: String,
    name: String,
    place: String,
    about: String,
    groups: String,
    paused: bool,
    /// Why it takes no calls now, by its hours.
    closed: Option<String>,
    broken: bool,
    calls: String,
    agent: Option<RowAgent>,
}

/// Who answers there, and how it stands.
struct RowAgent {
    name: String,
    state: StateWords,
    reason: &'static str,
    since: Since,
}

/// A user who may answer there.
struct Choice {
    email: String,
    name: String,
}

/// The form, as it was sent when it failed.
struct Fields {
    /// Of the target that is changed; empty for a new one.
    id: String,
    name: String,
    kind: &'static str,
    address: String,
    trunk: String,
    phone: String,
    languages: String,
    limits: Vec<Limit>,
    wrap_up: String,
    break_after: String,
    hours: HoursFields,
    paused: bool,
    trunks: Vec<String>,
    agent: String,
    agents: Vec<Choice>,
    wrong: Wrong,
}

/// A problem with a field of the document, at the field of the form where it stands.
fn at_its_field(problem: FieldProblem) -> FieldProblem {
    let field = match problem.field.as_str() {
        "name" => "name",
        "phone" => "phone",
        "password" | "password_file" => "password",
        "trunk" => "trunk",
        "languages" => "languages",
        "caps" => "caps",
        "wrap_up" => "wrap_up",
        "break_after" => "break_after",
        "hours" => "hours",
        "agent" => "agent",
        _ => "address",
    };
    FieldProblem {
        field: field.to_owned(),
        text: problem.text,
    }
}

#[derive(Template)]
#[template(path = "targets.html")]
struct TargetsPage {
    shell: Shell,
    lead: String,
    notice: Option<&'static str>,
    wrong: Option<String>,
    targets: Vec<Row>,
    form: Fields,
}

#[derive(Default, Deserialize)]
pub(super) struct Asked {
    done: Option<String>,
    edit: Option<String>,
}

pub(super) async fn show(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    reader: Reader,
) -> Result<Response, Problem> {
    let notice = match asked.done.as_deref() {
        Some("saved") => Some("The target was saved. Calls know it within ten seconds."),
        Some("paused") => Some("The target is paused. Calls under way go on."),
        Some("resumed") => Some("The target is rung again within ten seconds."),
        Some("removed") => Some("The target was removed."),
        _ => None,
    };
    let edited = asked.edit.as_deref().map(str::parse::<TargetId>);
    let edited = edited.transpose().map_err(|_| Problem::NotFound)?;
    page(&app, &reader, notice, None, Form::Of(edited)).await
}

/// A form as a browser sends it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Sent {
    id: String,
    name: String,
    kind: String,
    address: String,
    trunk: String,
    phone: String,
    password: String,
    languages: String,
    concurrent: String,
    hour: String,
    day: String,
    month: String,
    wrap_up: String,
    break_after: String,
    agent: String,
    #[serde(flatten)]
    hours: HoursSent,
    paused: Option<String>,
}

impl Sent {
    fn limits(&self) -> [&str; 4] {
        [&self.concurrent, &self.hour, &self.day, &self.month]
    }

    /// The part of a document that it stands for.
    fn part(&self, wrong: &mut Vec<FieldProblem>) -> TargetPart {
        let hours = self.hours.hours(wrong);
        let mut number = |field: &str, text: &str| {
            let text = text.trim();
            let number = text.parse::<u32>().ok();
            if number.is_none() && !text.is_empty() {
                wrong.push(FieldProblem {
                    field: field.into(),
                    text: format!("expected a whole number, or nothing, got {text:?}"),
                });
            }
            number
        };
        let [concurrent, hour, day, month] = self.limits().map(|text| number("caps", text));
        let wrap_up = number("wrap_up", &self.wrap_up).unwrap_or_default();
        let break_after = number("break_after", &self.break_after).unwrap_or_default();
        let typed = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let mut part = TargetPart {
            name: self.name.trim().to_owned(),
            paused: self.paused.is_some(),
            languages: self.languages.split([',', ' ']).filter_map(typed).collect(),
            caps: Caps {
                concurrent,
                hour,
                day,
                month,
            },
            hours,
            wrap_up,
            break_after,
            agent: typed(&self.agent),
            ..TargetPart::default()
        };
        match self.kind.as_str() {
            "phone" => {
                part.phone = Some(self.phone.trim().to_owned());
                part.password = Secret::typed(self.password.clone());
            }
            "number" => {
                let written: String = self
                    .address
                    .chars()
                    .filter(|letter| !letter.is_whitespace())
                    .collect();
                part.uri = format!("tel:{}", written.trim_start_matches("tel:"));
                part.trunk = typed(&self.trunk);
            }
            _ => {
                let address = self.address.trim();
                let bare = !address.is_empty() && !address.contains(':');
                part.uri = if bare {
                    format!("sip:{address}")
                } else {
                    address.to_owned()
                };
            }
        }
        part
    }
}

pub(super) async fn save(
    State(app): State<App>,
    posted: Posted<Sent>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let account = &reader.viewer.account;
    let known = match form.id.as_str() {
        "" => None,
        id => Some(id.parse::<TargetId>().map_err(|_| Problem::NotFound)?),
    };
    let mut wrong = Vec::new();
    let part = form.part(&mut wrong);
    if wrong.is_empty() {
        match app.platform.save_target(account, known, part, now()).await {
            Ok(id) => {
                return Ok(
                    Redirect::to(&format!("/targets?done=saved#target-{id}")).into_response()
                );
            }
            Err(PartError::Problems(problems)) => wrong = problems,
            Err(error) => return Err(answer(error)),
        }
    }
    refuse(&app, &reader, None, Form::Sent(Box::new(form), wrong)).await
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

pub(super) async fn pause(
    state: State<App>,
    path: Path<String>,
    posted: Posted<Nothing>,
) -> Result<Response, Problem> {
    set_paused(state, path, posted, true).await
}

pub(super) async fn resume(
    state: State<App>,
    path: Path<String>,
    posted: Posted<Nothing>,
) -> Result<Response, Problem> {
    set_paused(state, path, posted, false).await
}

async fn set_paused(
    State(app): State<App>,
    Path(target): Path<String>,
    posted: Posted<Nothing>,
    paused: bool,
) -> Result<Response, Problem> {
    let id: TargetId = target.parse().map_err(|_| Problem::NotFound)?;
    let account = &posted.reader.viewer.account;
    let done = app.platform.pause_target(account, id, paused).await;
    done.map_err(answer)?;
    let word = if paused { "paused" } else { "resumed" };
    Ok(Redirect::to(&format!("/targets?done={word}#target-{id}")).into_response())
}

pub(super) async fn remove(
    State(app): State<App>,
    Path(target): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Response, Problem> {
    let id: TargetId = target.parse().map_err(|_| Problem::NotFound)?;
    let reader = &posted.reader;
    match app
        .platform
        .remove_target(&reader.viewer.account, id, now())
        .await
    {
        Ok(()) => Ok(Redirect::to("/targets?done=removed").into_response()),
        Err(error @ PartError::InGroups(_)) => {
            let wrong = format!("Nothing was removed: {error}.");
            refuse(&app, reader, Some(wrong), Form::Of(None)).await
        }
        Err(error) => Err(answer(error)),
    }
}

fn answer(error: PartError) -> Problem {
    match error {
        PartError::Store(error) => error.into(),
        PartError::NotFound => Problem::NotFound,
        error => Problem::BadForm(error.to_string()),
    }
}

/// What the form holds.
enum Form {
    Of(Option<TargetId>),
    Sent(Box<Sent>, Vec<FieldProblem>),
}

async fn refuse(
    app: &App,
    reader: &Reader,
    wrong: Option<String>,
    form: Form,
) -> Result<Response, Problem> {
    Ok(unprocessable(page(app, reader, None, wrong, form).await?))
}

async fn page(
    app: &App,
    reader: &Reader,
    notice: Option<&'static str>,
    wrong: Option<String>,
    form: Form,
) -> Result<Response, Problem> {
    let account = &reader.viewer.account;
    let (targets, own) = app.platform.targets_and_trunks(account).await?;
    let at = now();
    let loads = app.platform.target_standings(account.id, at);
    let agents = app.platform.agents(account.id, at).await?;
    let people = app.platform.possible_agents(account.id).await?;
    let form = match form {
        Form::Of(None) => {
            let hours = HoursSent::of(None, &account.time_zone);
            let empty = Sent {
                hours,
                ..Sent::default()
            };
            fields(&empty, Vec::new(), &own, &people)
        }
        Form::Of(Some(id)) => {
            let mut targets = targets.iter();
            let known = targets.find(|known| known.target.id == id);
            let mut sent = sent_of(known.ok_or(Problem::NotFound)?, &own, &account.time_zone);
            let agent = agents.iter().find(|agent| agent.target == id);
            sent.agent = agent.map(|agent| agent.email.clone()).unwrap_or_default();
            fields(&sent, Vec::new(), &own, &people)
        }
        Form::Sent(sent, wrong) => fields(&sent, wrong, &own, &people),
    };
    let paused = targets.iter().filter(|known| !known.target.enabled).count();
    let lead = match (targets.len(), paused) {
        (0, _) => "Where calls may go".to_owned(),
        (all, 0) => format!(
            "{}, all of them rung",
            counted(all as u64, "target", "targets")
        ),
        (all, paused) => format!(
            "{}, {paused} paused",
            counted(all as u64, "target", "targets")
        ),
    };
    let shell = Shell::of_list(app, reader, "routing", "/targets");
    let load_of = |known: &KnownTarget| loads.get(&known.target.id).copied().unwrap_or_default();
    render(&TargetsPage {
        shell,
        lead,
        notice,
        wrong,
        targets: targets
            .iter()
            .map(|known| {
                let agent = agents.iter().find(|agent| agent.target == known.target.id);
                row(known, load_of(known), agent, at)
            })
            .collect(),
        form,
    })
}

fn row(
    known: &KnownTarget,
    load: TargetStanding,
    agent: Option<&AgentStanding>,
    at: Timestamp,
) -> Row {
    let KnownTarget {
        target,
        profile,
        groups,
    } = known;
    let place = match phones::user_of(&target.uri) {
        Some(user) => format!("phone {user}"),
        None => target.uri.trim_start_matches("tel:").to_owned(),
    };
    let Caps {
        concurrent,
        hour,
        day,
        month,
    } = profile.caps;
    let caps = [
        (concurrent, "at once"),
        (hour, "an hour"),
        (day, "a day"),
        (month, "a month"),
    ];
    let mut about = profile.languages.clone();
    about.extend(
        caps.iter()
            .filter_map(|(most, per)| Some(format!("at most {} {per}", (*most)?))),
    );
    if profile.wrap_up > 0 {
        about.push(format!("rests {} s after a call", profile.wrap_up));
    }
    if profile.hours.is_some() {
        about.push("has opening hours".into());
    }
    Row {
        id: target.id.to_string(),
        name: target.name.clone(),
        place,
        about: about.join(", "),
        groups: groups.join(", "),
        paused: !target.enabled,
        closed: known.closed(at),
        broken: load.held_back,
        calls: counted(load.calls.into(), "call", "calls"),
        agent: agent.map(|agent| RowAgent {
            name: agent.name.clone(),
            state: words_of(agent),
            reason: agent.reason.map_or("", BreakReason::meaning),
            since: Since {
                at: agent.since,
                now: at,
            },
        }),
    }
}

fn fields(sent: &Sent, wrong: Vec<FieldProblem>, own: &Own, people: &[User]) -> Fields {
    let kind = match sent.kind.as_str() {
        "phone" => "phone",
        "number" => "number",
        _ => "sip",
    };
    let limits = LIMITS.iter().zip(sent.limits());
    Fields {
        id: sent.id.clone(),
        name: sent.name.clone(),
        kind,
        address: sent.address.clone(),
        trunk: sent.trunk.clone(),
        phone: sent.phone.clone(),
        languages: sent.languages.clone(),
        limits: limits
            .map(|(&(name, word), value)| Limit {
                name,
                word,
                value: value.to_owned(),
            })
            .collect(),
        wrap_up: sent.wrap_up.clone(),
        break_after: sent.break_after.clone(),
        hours: sent.hours.fields(),
        paused: sent.paused.is_some(),
        trunks: own.names.trunks.keys().cloned().collect(),
        agent: sent.agent.clone(),
        agents: people
            .iter()
            .map(|user| Choice {
                email: user.email.clone(),
                name: user.name.clone(),
            })
            .collect(),
        wrong: Wrong(wrong.into_iter().map(at_its_field).collect()),
    }
}

fn sent_of(known: &KnownTarget, own: &Own, zone: &str) -> Sent {
    let KnownTarget {
        target, profile, ..
    } = known;
    let limit = |limit: Option<u32>| limit.map(|most| most.to_string()).unwrap_or_default();
    let phone = phones::user_of(&target.uri);
    let number = target.uri.strip_prefix("tel:");
    let mut trunks = own.names.trunks.iter();
    let trunk = trunks.find(|(_, id)| Some(**id) == profile.trunk);
    let kind = match (phone, number) {
        (Some(_), _) => "phone",
        (None, Some(_)) => "number",
        (None, None) => "sip",
    };
    Sent {
        id: target.id.to_string(),
        name: target.name.clone(),
        kind: kind.into(),
        address: if phone.is_some() {
            String::new()
        } else {
            number.unwrap_or(&target.uri).to_owned()
        },
        trunk: trunk.map(|(name, _)| name.clone()).unwrap_or_default(),
        phone: phone.unwrap_or_default().to_owned(),
        password: String::new(),
        languages: profile.languages.join(", "),
        concurrent: limit(profile.caps.concurrent),
        hour: limit(profile.caps.hour),
        day: limit(profile.caps.day),
        month: limit(profile.caps.month),
        wrap_up: limit((profile.wrap_up > 0).then_some(profile.wrap_up)),
        break_after: limit((profile.break_after > 0).then_some(profile.break_after)),
        agent: String::new(),
        hours: HoursSent::of(profile.hours.as_ref(), zone),
        paused: (!target.enabled).then(|| "on".to_owned()),
    }
}
