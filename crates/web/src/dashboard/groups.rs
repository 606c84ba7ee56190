//! Groups: who rings together, in which order, and within which limits? Added, changed and removed by hand.
//!
//! The members of a form travel with it: a button that moves one, takes one in or out shows the form anew and saves nothing.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use ringfence_model::{Caps, LanguageUse, MemberProfile, Strategy, TargetGroupId};
use ringfence_platform::arrangement::{FieldProblem, GroupPart, KnownGroup, Own, PartError};
use ringfence_platform::now;
use serde::Deserialize;

use super::App;
use super::field::Wrong;
use super::page::{Problem, Shell, render, unprocessable};
use super::session::{Posted, Reader};
use super::words::{capital, counted};

/// The limits of a form, as they are called there and in the document.
const LIMITS: [(&str, &str); 4] = [
    ("concurrent", "At once"),
    ("hour", "An hour"),
    ("day", "A day"),
    ("month", "A month"),
];

struct Row {
    id: String,
    name: String,
    members: String,
    about: String,
    used: String,
}

/// A member of the form.
#[derive(Debug, Clone)]
struct Member {
    name: String,
    weight: String,
    priority: String,
}

struct Choice {
    word: &'static str,
    meaning: &'static str,
    is_chosen: bool,
}

struct Limit {
    name: &'static str,
    word: &'static str,
    value: String,
}

/// The form, as it was sent when it failed or was not done yet.
struct Fields {
    /// Of the group that is changed; empty for a new one.
    id: String,
    name: String,
    ring_seconds: String,
    members: Vec<Member>,
    /// Names of targets that are no members.
    others: Vec<String>,
    strategies: Vec<Choice>,
    explore: String,
    uses: Vec<Choice>,
    languages: String,
    limits: Vec<Limit>,
    overflow: String,
    /// Names of the other groups.
    groups: Vec<String>,
    wrong: Wrong,
}

#[derive(Template)]
#[template(path = "groups.html")]
struct GroupsPage {
    shell: Shell,
    lead: String,
    notice: Option<&'static str>,
    wrong: Option<String>,
    groups: Vec<Row>,
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
        Some("saved") => Some("The group was saved. Calls that begin from now on go by it."),
        Some("removed") => Some("The group was removed. Its targets stay."),
        _ => None,
    };
    let edited = asked.edit.as_deref().map(str::parse::<TargetGroupId>);
    let edited = edited.transpose().map_err(|_| Problem::NotFound)?;
    page(&app, &reader, notice, None, Form::Of(edited)).await
}

/// A form as a browser sends it: its fields by name, `member-0`, `weight-0` and `priority-0` for the first member, and
/// `take-…` for a target to take in.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Sent(BTreeMap<String, String>);

impl Sent {
    fn text(&self, field: &str) -> &str {
        self.0.get(field).map_or("", |text| text.trim())
    }

    /// The members with those that were ticked, after what a button asks for.
    fn members(&self) -> Vec<Member> {
        let numbered = |field: &str, place: usize| self.text(&format!("{field}-{place}"));
        let mut members: Vec<Member> = (0..self.0.len())
            .map(|place| (place, numbered("member", place)))
            .take_while(|(_, name)| !name.is_empty())
            .map(|(place, name)| Member {
                name: name.to_owned(),
                weight: numbered("weight", place).to_owned(),
                priority: numbered("priority", place).to_owned(),
            })
            .collect();
        let asked = self.text("do").split_once('-');
        let asked = asked.and_then(|(what, place)| Some((what, place.parse::<usize>().ok()?)));
        match asked {
            Some(("up", place)) if place > 0 && place < members.len() => {
                members.swap(place - 1, place);
            }
            Some(("down", place)) if place + 1 < members.len() => members.swap(place, place + 1),
            Some(("out", place)) if place < members.len() => drop(members.remove(place)),
            _ => {}
        }
        let taken = self
            .0
            .iter()
            .filter(|(field, _)| field.starts_with("take-"));
        let mut taken: Vec<_> = taken.map(|(_, name)| name.trim().to_owned()).collect();
        taken.sort();
        taken.retain(|name| members.iter().all(|member| member.name != *name));
        members.extend(taken.into_iter().map(|name| Member {
            name,
            weight: String::new(),
            priority: String::new(),
        }));
        members
    }

    /// The part of a document that it stands for.
    fn part(&self, members: &[Member], wrong: &mut Vec<FieldProblem>) -> GroupPart {
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
        let [concurrent, hour, day, month] =
            LIMITS.map(|(limit, _)| number("caps", self.text(limit)));
        let plain = MemberProfile::default();
        let profiles = members.iter().map(|member| {
            let profile = MemberProfile {
                weight: number("members", &member.weight).unwrap_or(plain.weight),
                priority: number("members", &member.priority).unwrap_or(plain.priority),
            };
            (member.name.clone(), profile)
        });
        let profiles: BTreeMap<_, _> = profiles.filter(|(_, one)| *one != plain).collect();
        let small =
            |number: Option<u32>| number.map(|number| u16::try_from(number).unwrap_or(u16::MAX));
        let ring_seconds = small(number("ring_seconds", self.text("ring_seconds")));
        let explore = small(number("explore", self.text("explore")));
        let typed = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let languages = self.text("languages").split([',', ' ']);
        GroupPart {
            name: self.text("name").to_owned(),
            targets: members.iter().map(|member| member.name.clone()).collect(),
            ring_seconds: ring_seconds.unwrap_or(RING_SECONDS),
            strategy: Strategy::from_word(self.text("strategy")).unwrap_or_default(),
            language: LanguageUse::from_word(self.text("language")).unwrap_or_default(),
            languages: languages.filter_map(typed).collect(),
            caps: Caps {
                concurrent,
                hour,
                day,
                month,
            },
            overflow: typed(self.text("overflow")),
            explore: explore.map_or(EXPLORE, |explore| u8::try_from(explore).unwrap_or(u8::MAX)),
            members: profiles,
        }
    }
}

/// Seconds that each rings where nothing is said.
const RING_SECONDS: u16 = 20;
/// Percent of calls by lot where nothing is said.
const EXPLORE: u8 = 10;

pub(super) async fn save(
    State(app): State<App>,
    posted: Posted<Sent>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let known = match form.text("id") {
        "" => None,
        id => Some(id.parse::<TargetGroupId>().map_err(|_| Problem::NotFound)?),
    };
    let members = form.members();
    if !matches!(form.text("do"), "" | "save") {
        return page(
            &app,
            &reader,
            None,
            None,
            Form::Sent(form, members, Vec::new()),
        )
        .await;
    }
    let mut wrong = Vec::new();
    let part = form.part(&members, &mut wrong);
    let account = &reader.viewer.account;
    let saved = app.platform.save_group(account, known, part, wrong, now());
    match saved.await {
        Ok(id) => Ok(Redirect::to(&format!("/groups?done=saved#group-{id}")).into_response()),
        Err(PartError::Problems(wrong)) => {
            refuse(&app, &reader, None, Form::Sent(form, members, wrong)).await
        }
        Err(error) => Err(error.into()),
    }
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

pub(super) async fn remove(
    State(app): State<App>,
    Path(group): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Response, Problem> {
    let id: TargetGroupId = group.parse().map_err(|_| Problem::NotFound)?;
    let reader = &posted.reader;
    match app.platform.remove_group(&reader.viewer.account, id).await {
        Ok(()) => Ok(Redirect::to("/groups?done=removed").into_response()),
        Err(error @ PartError::Used(_)) => {
            let wrong = format!("Nothing was removed: {error}.");
            refuse(&app, reader, Some(wrong), Form::Of(None)).await
        }
        Err(error) => Err(error.into()),
    }
}

/// What the form holds.
enum Form {
    Of(Option<TargetGroupId>),
    Sent(Sent, Vec<Member>, Vec<FieldProblem>),
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
    let (groups, own) = app.platform.known_groups(&reader.viewer.account).await?;
    let form = match form {
        Form::Of(None) => fields(&Sent::default(), Vec::new(), Vec::new(), &own),
        Form::Of(Some(id)) => {
            let known = groups.iter().find(|known| known.id == id);
            let (sent, members) = sent_of(known.ok_or(Problem::NotFound)?);
            fields(&sent, members, Vec::new(), &own)
        }
        Form::Sent(sent, members, wrong) => {
            let of_others = |id: &str| groups.iter().all(|known| known.id.to_string() != id);
            if !sent.text("id").is_empty() && of_others(sent.text("id")) {
                return Err(Problem::NotFound);
            }
            fields(&sent, members, wrong, &own)
        }
    };
    let idle = groups
        .iter()
        .filter(|known| known.plans.is_empty() && known.groups.is_empty());
    let lead = match (groups.len(), idle.count()) {
        (0, _) => "Who rings together".to_owned(),
        (all, 0) => counted(all as u64, "group", "groups"),
        (all, idle) => format!(
            "{}, {idle} that no plan rings",
            counted(all as u64, "group", "groups")
        ),
    };
    let shell = Shell::of_list(app, reader, "routing", "/groups");
    render(&GroupsPage {
        shell,
        lead,
        notice,
        wrong,
        groups: groups.iter().map(|known| row(known, &own)).collect(),
        form,
    })
}

fn row(known: &KnownGroup, own: &Own) -> Row {
    let part = &known.part;
    let named = part.targets.iter().map(|name| {
        let mut targets = own.shape.targets.iter().map(|(target, _)| target);
        let is_paused = targets.any(|target| target.name == *name && !target.enabled);
        let profile = part.members.get(name).copied().unwrap_or_default();
        let weight =
            (part.strategy == Strategy::Weighted).then(|| format!(" ({})", profile.weight));
        let paused = if is_paused { " (paused)" } else { "" };
        format!("{name}{}{paused}", weight.unwrap_or_default())
    });
    let members = match named.collect::<Vec<_>>() {
        none if none.is_empty() => "No members: nobody is rung".to_owned(),
        members => members.join(", "),
    };
    let Caps {
        concurrent,
        hour,
        day,
        month,
    } = part.caps;
    let caps = [
        (concurrent, "at once"),
        (hour, "an hour"),
        (day, "a day"),
        (month, "a month"),
    ];
    let mut about = vec![
        capital(strategy_meaning(part.strategy)),
        format!("{} s each", part.ring_seconds),
    ];
    about.extend(part.languages.iter().cloned());
    about.extend(
        caps.iter()
            .filter_map(|(most, per)| Some(format!("at most {} {per}", (*most)?))),
    );
    about.extend(
        part.overflow
            .iter()
            .map(|name| format!("then the group {name}")),
    );
    let mut used = Vec::new();
    if !known.plans.is_empty() {
        used.push(format!("rung by {}", known.plans.join(", ")));
    }
    if !known.groups.is_empty() {
        used.push(format!("takes over for {}", known.groups.join(", ")));
    }
    Row {
        id: known.id.to_string(),
        name: part.name.clone(),
        members,
        about: about.join(" · "),
        used: capital(&used.join("; ")),
    }
}

/// What a strategy does, in words.
const fn strategy_meaning(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::Priority => "by priority, then in this order",
        Strategy::RoundRobin => "each in turn",
        Strategy::Weighted => "by lot that keeps to the weights",
        Strategy::LeastBusy => "who has the fewest calls now",
        Strategy::LongestIdle => "who has had no call for the longest time",
        Strategy::Sticky => "who spoke last with this caller",
        Strategy::Performance => "who answers most of their calls",
        Strategy::Simultaneous => "all at once",
    }
}

const fn language_meaning(language: LanguageUse) -> &'static str {
    match language {
        LanguageUse::Prefer => "who speaks the caller's language comes first",
        LanguageUse::Require => "who does not speak it is passed over",
        LanguageUse::Ignore => "it makes no difference",
    }
}

fn fields(sent: &Sent, members: Vec<Member>, wrong: Vec<FieldProblem>, own: &Own) -> Fields {
    let id = sent.text("id");
    let strategy = Strategy::from_word(sent.text("strategy")).unwrap_or_default();
    let language = LanguageUse::from_word(sent.text("language")).unwrap_or_default();
    let mut strategies = Strategy::ALL.to_vec();
    // The default first.
    strategies.sort_by_key(|known| *known != Strategy::default());
    let strategies = strategies.into_iter().map(|known| Choice {
        word: known.as_str(),
        meaning: strategy_meaning(known),
        is_chosen: known == strategy,
    });
    let uses = LanguageUse::ALL.iter().map(|known| Choice {
        word: known.as_str(),
        meaning: language_meaning(*known),
        is_chosen: *known == language,
    });
    let others = own.names.targets.keys();
    let others = others.filter(|name| members.iter().all(|member| member.name != **name));
    let groups = own.names.groups.iter();
    let groups = groups.filter(|(_, other)| other.to_string() != id);
    let limits = LIMITS.iter().map(|&(name, word)| Limit {
        name,
        word,
        value: sent.text(name).to_owned(),
    });
    Fields {
        id: id.to_owned(),
        name: sent.text("name").to_owned(),
        ring_seconds: sent.text("ring_seconds").to_owned(),
        others: others.cloned().collect(),
        members,
        strategies: strategies.collect(),
        explore: sent.text("explore").to_owned(),
        uses: uses.collect(),
        languages: sent.text("languages").to_owned(),
        limits: limits.collect(),
        overflow: sent.text("overflow").to_owned(),
        groups: groups.map(|(name, _)| name.clone()).collect(),
        wrong: Wrong(wrong),
    }
}

fn sent_of(known: &KnownGroup) -> (Sent, Vec<Member>) {
    let part = &known.part;
    let limit = |limit: Option<u32>| limit.map(|most| most.to_string()).unwrap_or_default();
    let texts = [
        ("id", known.id.to_string()),
        ("name", part.name.clone()),
        ("ring_seconds", part.ring_seconds.to_string()),
        ("strategy", part.strategy.as_str().to_owned()),
        ("explore", part.explore.to_string()),
        ("language", part.language.as_str().to_owned()),
        ("languages", part.languages.join(", ")),
        ("concurrent", limit(part.caps.concurrent)),
        ("hour", limit(part.caps.hour)),
        ("day", limit(part.caps.day)),
        ("month", limit(part.caps.month)),
        ("overflow", part.overflow.clone().unwrap_or_default()),
    ];
    let members = part.targets.iter().map(|name| {
        let profile = part.members.get(name);
        let text = |number: Option<u32>| number.map(|number| number.to_string());
        Member {
            name: name.clone(),
            weight: text(profile.map(|one| one.weight)).unwrap_or_default(),
            priority: text(profile.map(|one| one.priority)).unwrap_or_default(),
        }
    });
    let texts = texts.map(|(field, text)| (field.to_owned(), text));
    (Sent(texts.into()), members.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_moved_taken_in_and_out() {
        let names = |asked: &[(&str, &str)]| {
            let mut fields = vec![
                ("member-0", "Ann"),
                ("weight-0", "3"),
                ("member-1", "Ben"),
                ("member-2", "Cem"),
            ];
            fields.extend(asked);
            let fields = fields
                .into_iter()
                .map(|(field, text)| (field.into(), text.into()));
            let members = Sent(fields.collect()).members();
            let words = members
                .iter()
                .map(|member| format!("{}{}", member.name, member.weight));
            words.collect::<Vec<_>>().join(" ")
        };
        for (asked, expected) in [
            (vec![], "Ann3 Ben Cem"),
            (vec![("do", "up-1")], "Ben Ann3 Cem"),
            (vec![("do", "down-0")], "Ben Ann3 Cem"),
            (vec![("do", "up-0")], "Ann3 Ben Cem"),
            (vec![("do", "down-2")], "Ann3 Ben Cem"),
            (vec![("do", "out-1")], "Ann3 Cem"),
            (vec![("do", "out-9")], "Ann3 Ben Cem"),
            (
                vec![("do", "take"), ("take-4", "Eve"), ("take-5", "Dan")],
                "Ann3 Ben Cem Dan Eve",
            ),
            (vec![("do", "save"), ("take-0", "Ann")], "Ann3 Ben Cem"),
        ] {
            assert_eq!(names(&asked), expected, "{asked:?}");
        }
    }
}
