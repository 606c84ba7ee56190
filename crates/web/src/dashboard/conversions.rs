//! Conversions: which advertising platforms are told of calls? Destinations are added here; each has a page of its own.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use ringfence_model::{
    ConsentRule, ConversionDestination, ConversionDestinationId, ConversionPlatform, CountedCalls,
};
use ringfence_platform::conversions::{ConversionError, DestinationWish};
use ringfence_platform::now;
use serde::Deserialize;

use super::App;
use super::field::Wrong;
use super::page::{Problem, Shell, render, unprocessable, zone};
use super::session::{Posted, Reader};
use super::words::{Moment, Show, capital, counted};

/// A destination as a browser sends it.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sent {
    pub(super) platform: String,
    pub(super) target: String,
    pub(super) event: String,
    pub(super) counts: String,
    pub(super) seconds: String,
    pub(super) first_only: Option<String>,
    pub(super) consent: String,
    pub(super) hashed_caller: Option<String>,
    secret: String,
    pub(super) client: String,
    refresh_token: String,
    pub(super) enabled: Option<String>,
}

impl Sent {
    pub(super) fn of(destination: &ConversionDestination) -> Self {
        let ticked = |yes: bool| yes.then(|| "on".to_owned());
        let rule = destination.rule;
        Self {
            platform: destination.platform.as_str().into(),
            target: destination.target.clone(),
            event: destination.event.clone(),
            counts: rule.counts.as_str().into(),
            seconds: rule.seconds.to_string(),
            first_only: ticked(rule.first_only),
            consent: rule.consent.as_str().into(),
            hashed_caller: ticked(rule.hashed_caller),
            enabled: ticked(destination.enabled),
            ..Self::default()
        }
    }

    pub(super) fn wish(&self) -> DestinationWish {
        DestinationWish {
            platform: self.platform.clone(),
            target: self.target.clone(),
            event: self.event.clone(),
            counts: self.counts.clone(),
            seconds: self.seconds.clone(),
            first_only: self.first_only.is_some(),
            consent: self.consent.clone(),
            hashed_caller: self.hashed_caller.is_some(),
            secret: self.secret.clone(),
            client: self.client.clone(),
            refresh_token: self.refresh_token.clone(),
            enabled: self.enabled.is_some(),
        }
    }
}

/// The word that a form sends, what people read, and whether it is chosen.
type Choice = (String, String, bool);

/// The form of a destination, as it was sent when it failed.
pub(super) struct Fields {
    pub(super) sent: Sent,
    pub(super) wrong: Wrong,
    pub(super) words: Words,
    /// The platforms: where each has its form, and what it is called.
    pub(super) platforms: Vec<Choice>,
    pub(super) counts: Vec<Choice>,
    pub(super) consents: Vec<Choice>,
}

impl Fields {
    /// The form of a platform.
    pub(super) fn new(platform: ConversionPlatform, mut sent: Sent, wrong: Wrong) -> Self {
        platform.as_str().clone_into(&mut sent.platform);
        let platforms = ConversionPlatform::ALL.iter().map(|known| {
            let word = known.as_str();
            (word.into(), known.name().into(), *known == platform)
        });
        let counts = CountedCalls::ALL.iter().map(|counts| {
            let word = counts.as_str();
            let chosen = word == sent.counts;
            (word.into(), capital(calls_that_count(*counts)), chosen)
        });
        let consents = ConsentRule::ALL.iter().map(|consent| {
            let word = consent.as_str();
            let meaning = match consent {
                ConsentRule::Told => "The page says it of each visit",
                ConsentRule::Waited => "The site's tag waits until the visitor has agreed",
            };
            (word.into(), meaning.into(), word == sent.consent)
        });
        Self {
            words: Words::of(platform),
            platforms: platforms.collect(),
            counts: counts.collect(),
            consents: consents.collect(),
            sent,
            wrong,
        }
    }
}

/// A field in a platform's own words: its name, what it looks like, and where it is found.
pub(super) struct Word {
    pub(super) label: &'static str,
    pub(super) example: &'static str,
    pub(super) hint: &'static str,
}

/// What the form of a platform asks for.
pub(super) struct Words {
    pub(super) target: Word,
    pub(super) event: Word,
    /// It has no usual event.
    pub(super) event_required: bool,
    pub(super) secret: Word,
    /// It finds people by a hashed number.
    pub(super) hashes: bool,
    /// It is entered by an OAuth client.
    pub(super) oauth: bool,
}

impl Words {
    const fn of(platform: ConversionPlatform) -> Self {
        match platform {
            ConversionPlatform::GoogleAnalytics => Self {
                target: Word {
                    label: "Measurement ID",
                    example: "G-1A2B3C4D5E",
                    hint: "That of the web data stream. In Google Analytics: Admin, Data streams.",
                },
                event: Word {
                    label: "Name of the event",
                    example: "generate_lead",
                    hint: "Left empty it is generate_lead. Mark it as a key event in Google Analytics.",
                },
                event_required: false,
                secret: Word {
                    label: "API secret",
                    example: "",
                    hint: "In Google Analytics: Admin, Data streams, Measurement Protocol API secrets.",
                },
                hashes: false,
                oauth: false,
            },
            ConversionPlatform::GoogleAds => Self {
                target: Word {
                    label: "Customer ID",
                    example: "123-456-7890",
                    hint: "Behind the manager's and a slash when a manager account signs in: 987-654-3210/123-456-7890.",
                },
                event: Word {
                    label: "Number of the conversion action",
                    example: "6504827711",
                    hint: "In Google Ads, open the conversion action: it stands in the page's address as ctId.",
                },
                event_required: true,
                secret: Word {
                    label: "OAuth client secret",
                    example: "",
                    hint: "",
                },
                hashes: true,
                oauth: true,
            },
            ConversionPlatform::Meta => Self {
                target: Word {
                    label: "Dataset ID (pixel)",
                    example: "123456789012345",
                    hint: "In Meta's Events Manager: Settings of the dataset.",
                },
                event: Word {
                    label: "Name of the event",
                    example: "Lead",
                    hint: "Left empty it is Lead.",
                },
                event_required: false,
                secret: Word {
                    label: "Access token",
                    example: "",
                    hint: "In Meta's Events Manager: Settings of the dataset, Conversions API.",
                },
                hashes: true,
                oauth: false,
            },
        }
    }
}

pub(super) const fn calls_that_count(counts: CountedCalls) -> &'static str {
    match counts {
        CountedCalls::Answered => "answered calls",
        CountedCalls::Qualified => "calls of who may buy, or bought",
        CountedCalls::Converted => "calls of who bought",
    }
}

/// `Answered calls of at least 60 s, first ones alone, as generate_lead`
pub(super) fn about(destination: &ConversionDestination) -> String {
    let rule = destination.rule;
    let calls = capital(calls_that_count(rule.counts));
    let seconds = match rule.seconds {
        0 => String::new(),
        seconds => format!(" of at least {seconds} s"),
    };
    let first = if rule.first_only {
        ", a caller's first alone"
    } else {
        ""
    };
    let hashed = if rule.hashed_caller {
        ", with the caller's number hashed"
    } else {
        ""
    };
    format!("{calls}{seconds}{first}, as {}{hashed}", destination.event)
}

/// How a destination stands, as every page says it.
pub(super) struct Standing {
    pub(super) on: bool,
    pub(super) failing_since: Option<Moment>,
}

impl Standing {
    pub(super) fn of(destination: &ConversionDestination, reader: &Reader) -> Self {
        let since = destination.failing_since.filter(|_| destination.enabled);
        Self {
            on: destination.enabled,
            failing_since: since.map(|at| Moment::new(at, &zone(reader), Show::Moment)),
        }
    }
}

struct Row {
    id: String,
    name: String,
    about: String,
    standing: Standing,
}

#[derive(Template)]
#[template(path = "conversions.html")]
struct ConversionsPage {
    shell: Shell,
    lead: String,
    notice: Option<&'static str>,
    wrong: Option<String>,
    destinations: Vec<Row>,
    form: Fields,
}

#[derive(Default, Deserialize)]
pub(super) struct Asked {
    done: Option<String>,
    platform: Option<String>,
}

/// The platform of a word; the first one where it is none.
fn platform_of(word: &str) -> ConversionPlatform {
    ConversionPlatform::from_word(word).unwrap_or(ConversionPlatform::GoogleAnalytics)
}

pub(super) async fn show(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    reader: Reader,
) -> Result<Response, Problem> {
    let notice = match asked.done.as_deref() {
        Some("removed") => {
            Some("The destination was removed, with its log and what waited for it.")
        }
        _ => None,
    };
    let platform = platform_of(asked.platform.as_deref().unwrap_or_default());
    let form = Fields::new(platform, Sent::default(), Wrong::default());
    page(&app, &reader, notice, None, form).await
}

pub(super) async fn add(State(app): State<App>, posted: Posted<Sent>) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let (account, wish) = (reader.viewer.account.id, form.wish());
    let added = app
        .platform
        .add_conversion_destination(account, &wish, now());
    let (wrong, problems) = match added.await {
        Ok(destination) => {
            let there = format!("/conversions/{}?done=added", destination.id);
            return Ok(Redirect::to(&there).into_response());
        }
        Err(ConversionError::Problems(problems)) => (None, problems),
        Err(error) => (Some(told(error)?), Vec::new()),
    };
    let fields = Fields::new(platform_of(&form.platform), form, Wrong(problems));
    Ok(unprocessable(
        page(&app, &reader, None, wrong, fields).await?,
    ))
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

pub(super) async fn remove(
    State(app): State<App>,
    Path(destination): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Response, Problem> {
    let id: ConversionDestinationId = destination.parse().map_err(|_| Problem::NotFound)?;
    let account = posted.reader.viewer.account.id;
    let removed = app.platform.remove_conversion_destination(account, id);
    match removed.await {
        Ok(()) => Ok(Redirect::to("/conversions?done=removed").into_response()),
        Err(error) => Err(Problem::BadForm(told(error)?)),
    }
}

/// What an error says above a form; what no form can mend is a page of its own.
pub(super) fn told(error: ConversionError) -> Result<String, Problem> {
    match error {
        ConversionError::NotFound => Err(Problem::NotFound),
        ConversionError::Store(error) => Err(error.into()),
        error => Ok(format!("{}.", capital(&error.to_string()))),
    }
}

async fn page(
    app: &App,
    reader: &Reader,
    notice: Option<&'static str>,
    wrong: Option<String>,
    form: Fields,
) -> Result<Response, Problem> {
    let account = reader.viewer.account.id;
    let destinations = app.platform.conversion_destinations(account).await?;
    let on = destinations.iter().filter(|known| known.enabled).count();
    render(&ConversionsPage {
        shell: Shell::of_list(app, reader, "programs", "/conversions"),
        lead: match on {
            0 => "No advertising platform is told of calls.".into(),
            on => format!(
                "{} told which calls came of their clicks.",
                counted(on as u64, "destination is", "destinations are")
            ),
        },
        notice,
        wrong,
        destinations: destinations
            .iter()
            .map(|known| Row {
                id: known.id.to_string(),
                name: format!("{} · {}", known.platform.name(), known.target),
                about: about(known),
                standing: Standing::of(known, reader),
            })
            .collect(),
        form,
    })
}
