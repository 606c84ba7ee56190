//! Trunks: whose calls are taken, and where calls to numbers go out? Added, changed and removed by hand.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use ringfence_model::{Timestamp, TrunkId, TrunkRegistered};
use ringfence_platform::arrangement::{FieldProblem, KnownTrunk, PartError, Secret, TrunkPart};
use ringfence_platform::now;
use serde::Deserialize;

use super::App;
use super::field::Wrong;
use super::page::{Problem, Shell, render, unprocessable, zone};
use super::session::{Posted, Reader};
use super::words::{Moment, Show, capital, counted};

/// How the registration at a trunk stands.
enum Stand {
    /// We do not register there.
    Elsewhere,
    Registered(Moment),
    Failing {
        since: Moment,
        why: String,
    },
    Waiting,
}

struct Row {
    id: String,
    name: String,
    sends: String,
    takes: String,
    proves: String,
    used: String,
    stand: Stand,
}

/// The form, as it was sent when it failed.
struct Fields {
    sent: Sent,
    wrong: Wrong,
}

#[derive(Template)]
#[template(path = "trunks.html")]
struct TrunksPage {
    shell: Shell,
    lead: String,
    notice: Option<&'static str>,
    wrong: Option<String>,
    trunks: Vec<Row>,
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
        Some("saved") => Some("The trunk was saved. Calls know it within ten seconds."),
        Some("removed") => Some("The trunk was removed. Its calls are taken no longer."),
        _ => None,
    };
    let edited = asked.edit.as_deref().map(str::parse::<TrunkId>);
    let edited = edited.transpose().map_err(|_| Problem::NotFound)?;
    page(&app, &reader, notice, None, Form::Of(edited)).await
}

/// A form as a browser sends it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Sent {
    id: String,
    name: String,
    addresses: String,
    country: String,
    send_to: String,
    user: String,
    password: String,
    realm: String,
    challenge: Option<String>,
    md5_only: Option<String>,
    register: String,
    register_as: String,
    register_expiry: String,
}

impl Sent {
    /// The part of a document that it stands for.
    fn part(&self, wrong: &mut Vec<FieldProblem>) -> TrunkPart {
        let typed = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let list = |text: &str| {
            text.split([',', ' ', '\t', '\r', '\n'])
                .filter_map(typed)
                .collect()
        };
        let expiry = self.register_expiry.trim();
        let register_expiry = expiry.parse::<u32>().ok();
        if register_expiry.is_none() && !expiry.is_empty() {
            wrong.push(FieldProblem {
                field: "register_expiry".into(),
                text: format!("expected a whole number of seconds, or nothing, got {expiry:?}"),
            });
        }
        let registrars: Vec<String> = list(&self.register);
        TrunkPart {
            name: self.name.trim().to_owned(),
            addresses: list(&self.addresses),
            country: typed(&self.country.to_ascii_uppercase()),
            send_to: typed(&self.send_to).map(uri),
            user: typed(&self.user),
            password: Secret::typed(self.password.clone()),
            password_file: None,
            realm: typed(&self.realm),
            challenge: self.challenge.is_some(),
            md5_only: self.md5_only.is_some(),
            register: registrars.into_iter().map(uri).collect(),
            register_as: typed(&self.register_as).map(uri),
            register_expiry,
        }
    }
}

/// A host alone is a SIP URI, too.
fn uri(text: String) -> String {
    let has_scheme = ["sip:", "sips:", "tel:"]
        .iter()
        .any(|scheme| text.starts_with(scheme));
    if has_scheme {
        text
    } else {
        format!("sip:{text}")
    }
}

pub(super) async fn save(
    State(app): State<App>,
    posted: Posted<Sent>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let known = match form.id.as_str() {
        "" => None,
        id => Some(id.parse::<TrunkId>().map_err(|_| Problem::NotFound)?),
    };
    let mut wrong = Vec::new();
    let part = form.part(&mut wrong);
    let account = &reader.viewer.account;
    let saved = app.platform.save_trunk(account, known, part, wrong, now());
    match saved.await {
        Ok(id) => Ok(Redirect::to(&format!("/trunks?done=saved#trunk-{id}")).into_response()),
        Err(PartError::Problems(wrong)) => {
            refuse(&app, &reader, None, Form::Sent(Box::new(form), wrong)).await
        }
        Err(error) => Err(error.into()),
    }
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

pub(super) async fn remove(
    State(app): State<App>,
    Path(trunk): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Response, Problem> {
    let id: TrunkId = trunk.parse().map_err(|_| Problem::NotFound)?;
    let reader = &posted.reader;
    match app.platform.remove_trunk(&reader.viewer.account, id).await {
        Ok(()) => Ok(Redirect::to("/trunks?done=removed").into_response()),
        Err(error @ PartError::Used(_)) => {
            let wrong = format!("Nothing was removed: {error}.");
            refuse(&app, reader, Some(wrong), Form::Of(None)).await
        }
        Err(error) => Err(error.into()),
    }
}

/// What the form holds.
enum Form {
    Of(Option<TrunkId>),
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
    let trunks = app.platform.known_trunks(&reader.viewer.account).await?;
    let (sent, problems) = match form {
        Form::Of(None) => (Sent::default(), Vec::new()),
        Form::Of(Some(id)) => {
            let known = trunks.iter().find(|known| known.id == id);
            (sent_of(known.ok_or(Problem::NotFound)?), Vec::new())
        }
        Form::Sent(sent, wrong) => (*sent, wrong),
    };
    let at = now();
    let lead = if trunks.is_empty() {
        "Connections to carriers".to_owned()
    } else {
        let count = counted(trunks.len() as u64, "trunk", "trunks");
        let unknown = |known: &&KnownTrunk| {
            let registered = known.registered.as_ref();
            registered.is_some_and(|stands| !is_registered(stands, at))
        };
        match trunks.iter().filter(unknown).count() {
            0 => count,
            down => format!("{count}, {down} not registered"),
        }
    };
    let shell = Shell::of_list(app, reader, "routing", "/trunks");
    render(&TrunksPage {
        shell,
        lead,
        notice,
        wrong,
        trunks: trunks.iter().map(|known| row(known, reader, at)).collect(),
        form: Fields {
            sent,
            wrong: Wrong(problems),
        },
    })
}

fn is_registered(stands: &TrunkRegistered, at: Timestamp) -> bool {
    stands.until.is_some_and(|until| until > at)
}

fn row(known: &KnownTrunk, reader: &Reader, at: Timestamp) -> Row {
    let KnownTrunk {
        id,
        part,
        registered,
        targets,
        plans,
    } = known;
    let mut from = part.addresses.clone();
    if !part.register.is_empty() {
        from.push("its registrars".into());
    }
    let proves = part.user.as_deref().map(|user| {
        let challenged = if part.challenge {
            ", which its calls have to prove"
        } else {
            ""
        };
        format!("Password of {user}{challenged}")
    });
    let mut used = Vec::new();
    if !targets.is_empty() {
        used.push(format!("carries calls to {}", targets.join(", ")));
    }
    if !plans.is_empty() {
        used.push(format!("the plans {} forward over it", plans.join(", ")));
    }
    Row {
        id: id.to_string(),
        name: part.name.clone(),
        sends: match from.as_slice() {
            [] => "Sends no calls".into(),
            from => format!("Sends from {}", from.join(", ")),
        },
        takes: match (&part.send_to, part.register.first()) {
            (Some(send_to), _) => format!("takes calls at {send_to}"),
            (None, Some(_)) => "takes calls at the registrar that knows us".into(),
            (None, None) => "takes no calls".into(),
        },
        proves: proves.unwrap_or_default(),
        used: capital(&used.join("; ")),
        stand: stand(registered.as_ref(), reader, at),
    }
}

fn stand(registered: Option<&TrunkRegistered>, reader: &Reader, at: Timestamp) -> Stand {
    let Some(stands) = registered else {
        return Stand::Elsewhere;
    };
    let moment = |at| Moment::new(at, &zone(reader), Show::Moment);
    match (stands.until, stands.failing_since) {
        (Some(until), _) if until > at => Stand::Registered(moment(until)),
        (_, Some(since)) => Stand::Failing {
            since: moment(since),
            why: stands.reason.clone().unwrap_or_default(),
        },
        _ => Stand::Waiting,
    }
}

fn sent_of(known: &KnownTrunk) -> Sent {
    let part = &known.part;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let checked = |is_set: bool| is_set.then(|| "on".to_owned());
    let expiry = part.register_expiry.map(|expiry| expiry.to_string());
    Sent {
        id: known.id.to_string(),
        name: part.name.clone(),
        addresses: part.addresses.join("\n"),
        country: text(&part.country),
        send_to: text(&part.send_to),
        user: text(&part.user),
        password: String::new(),
        realm: text(&part.realm),
        challenge: checked(part.challenge),
        md5_only: checked(part.md5_only),
        register: part.register.join("\n"),
        register_as: text(&part.register_as),
        register_expiry: expiry.unwrap_or_default(),
    }
}
