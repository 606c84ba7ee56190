//! One call: what happened, and why?

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use jiff::tz::TimeZone;
use ringfence_model::{
    Account, CallId, Erased, ErasedBy, Recording, RecordingState, Right, Visit, VisitEvent,
    VisitEventKind,
};
use ringfence_platform::call_log::{CallStory, can_be_played};
use ringfence_platform::now;
use serde::Deserialize;

use super::App;
use super::conversion::OfCall;
use super::page::{Problem, Shell, encoded, render, zone};
use super::session::Reader;
use super::timeline::{Step, Stretch, in_words, steps, stretches};
use super::words::{
    Moment, Show, Since, State as StateWords, caller_of, colour_of, confidence, counted, length,
    phone, short_length, source_kind, state_of,
};
use super::worth::Fields;

struct Event {
    at: String,
    words: String,
}

struct Pair {
    name: &'static str,
    value: String,
}

struct Sound {
    source: String,
    waveform: String,
    words: String,
    playable: bool,
}

#[derive(Template)]
#[template(path = "call.html")]
struct CallPage {
    shell: Shell,
    title: String,
    state: StateWords,
    reason: String,
    started: Moment,
    facts: Vec<Pair>,
    under_way: Option<Since>,
    steps: Vec<Step>,
    stretches: Vec<Stretch>,
    events: Vec<Event>,
    confidence: &'static str,
    bars: u8,
    why: String,
    source: Option<(String, &'static str, String)>,
    attribution: Vec<Pair>,
    visit: Vec<Pair>,
    sound: Option<Sound>,
    conversions: Vec<OfCall>,
    /// When and why what it told of the caller was erased.
    erased: Option<String>,
    /// Where the caller is erased, and where the visitor.
    erase: Option<String>,
    erase_visit: Option<String>,
    notice: Option<&'static str>,
    id: String,
    may_assess: bool,
    /// Where the caller is put through to somebody else, while it talks with somebody.
    transfer: Option<String>,
    worth: Fields,
    /// When somebody said last what it was worth.
    worth_said: Option<Moment>,
}

/// Tags that the form offers.
const KNOWN_TAGS: usize = 30;

#[derive(Default, Deserialize)]
pub(super) struct Asked {
    done: Option<String>,
}

pub(super) async fn show(
    State(app): State<App>,
    Path(call): Path<String>,
    Query(asked): Query<Asked>,
    reader: Reader,
) -> Result<Response, Problem> {
    let call = call.parse().map_err(|_| Problem::NotFound)?;
    let notice = match asked.done.as_deref() {
        Some("worth") => Some("What this call was worth was saved."),
        Some("transfer") => {
            Some("Somebody is rung for the caller. Load the page again to see what came of it.")
        }
        _ => None,
    };
    page(&app, &reader, call, notice, None).await
}

/// The page of a call; `worth` is its form as it was sent when it failed.
pub(super) async fn page(
    app: &App,
    reader: &Reader,
    call: CallId,
    notice: Option<&'static str>,
    worth: Option<Fields>,
) -> Result<Response, Problem> {
    let now = now();
    let account = &reader.viewer.account;
    let story = app
        .platform
        .call_story(account.id, call)
        .await?
        .ok_or(Problem::NotFound)?;
    let zone = zone(reader);
    let may_erase = reader.viewer.may_change();
    let mut visit = Vec::new();
    if let Some(begun) = &story.visit {
        visit = visit_pairs(begun, &story, &zone);
        let told = app.platform.visit_events(account.id, begun.id).await?;
        visit.extend(told.iter().map(told_pair));
    }
    let call = &story.call;
    let told = app
        .platform
        .conversions_of_call(account.id, call.id)
        .await?;
    let mut worth = worth.unwrap_or_else(|| Fields::of(story.worth.as_ref(), account));
    worth.known_tags = app.platform.used_tags(account.id, KNOWN_TAGS).await?;
    let begin = call.started_at;
    let (confidence, bars) = confidence(call.confidence);
    let mut shell = Shell::new(app, reader, "calls");
    shell.here = format!("/calls/{}", call.id);
    render(&CallPage {
        shell,
        notice,
        id: call.id.to_string(),
        may_assess: reader.viewer.may(Right::Assess),
        transfer: (call.answered_at.is_some()
            && call.ended_at.is_none()
            && reader.viewer.may(Right::PutThrough))
        .then(|| format!("/calls/{}/transfer", call.id)),
        worth_said: story
            .worth
            .as_ref()
            .map(|worth| Moment::new(worth.changed_at, &zone, Show::Ago)),
        worth,
        title: caller_of(call, account),
        state: state_of(call.disposition),
        reason: call.reason.clone().unwrap_or_default(),
        started: Moment::new(begin, &zone, Show::Full),
        facts: facts(&story, account),
        under_way: call.ended_at.is_none().then_some(Since { at: begin, now }),
        steps: steps(&story.events, now),
        stretches: stretches(&story.events, now),
        events: story
            .events
            .iter()
            .map(|event| Event {
                at: format!("+{}", short_length(event.at.since(begin))),
                words: in_words(&event.kind),
            })
            .collect(),
        confidence,
        bars,
        why: why(&story),
        source: call.source.as_ref().map(|source| {
            let href = format!("/calls?source={}", encoded(&source.name));
            (source.name.clone(), colour_of(&source.name), href)
        }),
        attribution: attribution(&story),
        visit,
        conversions: OfCall::all(&told, reader),
        sound: story
            .recording
            .as_ref()
            .map(|recording| sound(recording, &story, &zone)),
        erased: story.erased.map(|erased| erased_words(erased, &zone)),
        erase: (may_erase && story.erased.is_none()).then(|| format!("/calls/{}/erase", call.id)),
        erase_visit: story
            .visit
            .as_ref()
            .filter(|_| may_erase)
            .map(|visit| format!("/visits/{}/erase", visit.id)),
    })
}

fn facts(story: &CallStory, account: &Account) -> Vec<Pair> {
    let call = &story.call;
    let label = story
        .number
        .as_ref()
        .map(|number| number.label.trim())
        .unwrap_or_default();
    let dialled = phone(&call.dialled, account);
    let mut pairs = vec![Pair {
        name: "Dialled",
        value: if label.is_empty() {
            dialled
        } else {
            format!("{dialled} ({label})")
        },
    }];
    if let Some(target) = call.target.and_then(|target| story.targets.get(&target)) {
        pairs.push(Pair {
            name: "Answered by",
            value: target.clone(),
        });
    }
    let waited = call
        .answered_at
        .or(call.ended_at)
        .map(|until| short_length(until.since(call.started_at)));
    if let Some(value) = waited {
        pairs.push(Pair {
            name: "Waited",
            value,
        });
    }
    if let (Some(from), Some(to)) = (call.answered_at, call.ended_at) {
        pairs.push(Pair {
            name: "Talked",
            value: length(to.since(from)),
        });
    }
    let earlier = match story.earlier_calls {
        0 if call.caller.is_none() => "cannot be told".into(),
        0 => "first call".into(),
        many if many >= 99 => "99 or more before".into(),
        many => format!("{} before", counted(many, "call", "calls")),
    };
    pairs.push(Pair {
        name: "This caller",
        value: earlier,
    });
    if let Some(value) = story.plan.clone() {
        pairs.push(Pair {
            name: "Call plan",
            value,
        });
    }
    if let Some(value) = story.trunk.clone() {
        pairs.push(Pair {
            name: "Trunk",
            value,
        });
    }
    pairs
}

fn why(story: &CallStory) -> String {
    let reason = story.events.iter().find_map(|event| match &event.kind {
        ringfence_model::CallEventKind::Attributed { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    reason.unwrap_or_else(|| {
        "Nobody is known to have been shown this number around the time of the call.".into()
    })
}

fn attribution(story: &CallStory) -> Vec<Pair> {
    let Some(source) = &story.call.source else {
        return Vec::new();
    };
    let mut pairs = vec![Pair {
        name: "Kind",
        value: source_kind(source.kind).into(),
    }];
    let named = [("Campaign", &source.campaign), ("Keyword", &source.keyword)];
    pairs.extend(named.into_iter().filter_map(|(name, value)| {
        Some(Pair {
            name,
            value: value.clone()?,
        })
    }));
    pairs
}

fn visit_pairs(visit: &Visit, story: &CallStory, zone: &TimeZone) -> Vec<Pair> {
    let before = story.call.started_at.since(visit.started_at);
    let began = Moment::new(visit.started_at, zone, Show::Moment).text();
    let click = visit
        .click_id
        .as_ref()
        .map(|click| format!("{}={}", click.parameter, click.value));
    [
        (
            "Began",
            Some(format!("{} before the call, {began}", length(before))),
        ),
        ("Landing page", Some(visit.landing_page.clone())),
        ("Referrer", visit.referrer.clone()),
        ("Click id", click),
        ("Device", visit.device.clone()),
        ("Language", visit.language.clone()),
        ("Network", visit.address_prefix.clone()),
    ]
    .into_iter()
    .filter_map(|(name, value)| {
        Some(Pair {
            name,
            value: value.filter(|value| !value.is_empty())?,
        })
    })
    .collect()
}

/// What the page told of the visit: `quote: amount 95`.
fn told_pair(event: &VisitEvent) -> Pair {
    let words = event.data.iter().map(|(name, value)| match value {
        serde_json::Value::String(text) => format!("{name} {text}"),
        other => format!("{name} {other}"),
    });
    let words = words.collect::<Vec<_>>().join(", ");
    Pair {
        name: match event.kind {
            VisitEventKind::Event => "The page told",
            VisitEventKind::Tag => "Words of the page",
        },
        value: match event.name.as_deref().filter(|name| !name.is_empty()) {
            Some(name) if words.is_empty() => name.to_owned(),
            Some(name) => format!("{name}: {words}"),
            None => words,
        },
    }
}

/// `by retention, Tue 3 Mar 2026, 10:12:45`
fn erased_words(erased: Erased, zone: &TimeZone) -> String {
    let why = match erased.by {
        ErasedBy::Retention => "by retention",
        ErasedBy::Request => "on request",
    };
    format!("{why}, {}", Moment::new(erased.at, zone, Show::Full).text())
}

fn sound(recording: &Recording, story: &CallStory, zone: &TimeZone) -> Sound {
    let words = match recording.state {
        RecordingState::Erasing | RecordingState::Erased => {
            let how = story
                .recording_erased
                .map(|erased| erased_words(erased, zone));
            return Sound {
                source: String::new(),
                waveform: String::new(),
                words: format!("The recording was erased {}.", how.unwrap_or_default()),
                playable: false,
            };
        }
        RecordingState::Open => "Being recorded. Load the page again once the call is over.",
        RecordingState::Closed => "",
        RecordingState::Recovered => {
            "This recording was cut by an interruption and mended afterwards."
        }
        RecordingState::Failed => "The recording could not be written. The steps above say why.",
    };
    Sound {
        source: format!("/calls/{}/recording.wav", story.call.id),
        waveform: format!("/calls/{}/waveform.json", story.call.id),
        words: words.into(),
        playable: can_be_played(recording) && recording.state != RecordingState::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_model::{AccountId, Timestamp, VisitEventId, VisitId};
    use serde_json::json;

    #[test]
    fn what_a_page_told_is_one_line() {
        let at = Timestamp::from_micros(1_700_000_000_000_000);
        let line = |kind, name: Option<&str>, data: serde_json::Value| {
            let event = VisitEvent {
                id: VisitEventId::new(at, 1),
                account: AccountId::new(at, 2),
                visit: VisitId::new(at, 3),
                at,
                kind,
                name: name.map(str::to_owned),
                data: serde_json::from_value(data).unwrap(),
            };
            let pair = told_pair(&event);
            (pair.name, pair.value)
        };
        assert_eq!(
            line(
                VisitEventKind::Event,
                Some("quote"),
                json!({"amount": 95, "make": "any"})
            ),
            ("The page told", "quote: amount 95, make any".into())
        );
        assert_eq!(
            line(VisitEventKind::Event, Some("form_sent"), json!({})).1,
            "form_sent"
        );
        assert_eq!(
            line(VisitEventKind::Tag, None, json!({"plan": "gold"})),
            ("Words of the page", "plan gold".into())
        );
    }
}
