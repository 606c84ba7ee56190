//! What surrounds every page, and the pages that say what went wrong.

use askama::Template;
use axum::http::{Method, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use jiff::tz::TimeZone;
use ringfence_model::Right;
use ringfence_platform::accounts::Viewer;
use ringfence_platform::arrangement::PartError;
use ringfence_platform::call_log::StoreError;
use ringfence_platform::reports::zone_of;

use super::App;
use super::session::Reader;
use crate::access::{self, Door};

/// The places of the navigation.
const PLACES: [(&str, &str, &str); 9] = [
    ("overview", "/", "Overview"),
    ("agent", AGENT, "Agent"),
    ("live", "/live", "Live"),
    ("calls", "/calls", "Calls"),
    ("reports", "/reports", "Reports"),
    ("numbers", "/numbers", "Numbers"),
    ("pools", "/pools", "Pools"),
    ("routing", "/plans", "Routing"),
    ("sites", "/sites", "Sites"),
];

/// The place of those who answer at a target.
const AGENT: &str = "/agent";

/// What belongs to the place Routing; templates read it.
pub(super) const ROUTING: [(&str, &str); 4] = [
    ("/plans", "Plans"),
    ("/groups", "Groups"),
    ("/targets", "Targets"),
    ("/trunks", "Trunks"),
];

/// What stands at the foot of every page: it is needed seldom.
const FOOT: [(&str, &str, &str); 5] = [
    ("people", "/people", "People"),
    ("programs", "/api-keys", "Programs"),
    ("audit", "/audit", "Audit"),
    ("account", "/account", "Account"),
    ("you", "/you", "You"),
];

/// The place that operators have besides.
const OPERATORS_PLACE: (&str, &str, &str) = ("cases", "/cases", "Cases");

/// A link of the navigation.
pub(super) struct Place {
    pub(super) icon: &'static str,
    pub(super) href: &'static str,
    pub(super) word: &'static str,
    pub(super) current: bool,
}

/// What surrounds a page of somebody who is signed in.
pub(super) struct Shell {
    pub(super) places: Vec<Place>,
    pub(super) foot: Vec<Place>,
    pub(super) under_way: usize,
    pub(super) account: String,
    pub(super) user: String,
    pub(super) theme: &'static str,
    pub(super) form_token: String,
    pub(super) may_change: bool,
    pub(super) here: String,
    /// What stops something of the whole account, with what to do about it.
    pub(super) stopped: Vec<String>,
    pub(super) version: &'static str,
}

impl Shell {
    pub(super) fn new(app: &App, reader: &Reader, place: &str) -> Self {
        let Reader {
            viewer,
            theme,
            here,
        } = reader;
        let open = |places: &[(&'static str, &'static str, &'static str)]| {
            places
                .iter()
                .filter(|(_, href, _)| is_open(viewer, href))
                .filter(|(_, href, _)| *href != AGENT || app.platform.is_agent(viewer.user.id))
                .map(|&(icon, href, word)| Place {
                    icon,
                    href,
                    word,
                    current: icon == place,
                })
                .collect::<Vec<_>>()
        };
        let mut places = open(&PLACES);
        places.extend(open(&[OPERATORS_PLACE]));
        Self {
            places,
            foot: open(&FOOT),
            under_way: app.platform.board.snapshot(viewer.account.id).len(),
            account: viewer.account.name.clone(),
            user: name_of(viewer),
            theme: theme.as_str(),
            form_token: viewer.form_token.clone(),
            may_change: viewer.may_change(),
            here: here.clone(),
            stopped: stopped(app, viewer),
            version: &super::assets::VERSION,
        }
    }

    /// That of a list whose forms have addresses below its own: a page that one of them failed into leads to the list.
    pub(super) fn of_list(app: &App, reader: &Reader, place: &str, list: &str) -> Self {
        let mut shell = Self::new(app, reader, place);
        let below = shell.here.strip_prefix(list);
        if below.is_some_and(|below| below.starts_with('/')) {
            list.clone_into(&mut shell.here);
        }
        shell
    }
}

/// What stops something of the whole account.
fn stopped(app: &App, viewer: &Viewer) -> Vec<String> {
    let held = app.platform.minutes.held(viewer.account.id);
    let held = held.map(|hold| {
        format!(
            "Calls to telephone numbers are held: {} minutes were dialled within an hour, and {} may be. \
             Calls under way go on; phones and SIP addresses ring as before. If nobody stole your line, \
             ask whoever runs this server to release it.",
            hold.minutes, hold.minutes_per_hour
        )
    });
    let frozen = viewer.frozen.then(|| {
        "Whoever runs this server has frozen this account: its numbers are out of service, and nothing can be changed. \
         Everything is still there, and works again as soon as that ends. An owner or admin can answer on the page Sites."
            .to_owned()
    });
    frozen.into_iter().chain(held).collect()
}

/// A page with a form that could not be carried out: the page says what is wrong.
pub(super) fn unprocessable(mut page: Response) -> Response {
    *page.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    page
}

/// Whether a page of the navigation opens to somebody.
fn is_open(viewer: &Viewer, href: &str) -> bool {
    match access::door(&Method::GET, href) {
        Some(Door::Anybody | Door::Somebody) => true,
        Some(Door::Needs(right)) => viewer.may(right),
        Some(Door::Operators) => viewer.operator,
        None => viewer.may(Right::ManagePeople),
    }
}

/// The zone in which a reader's account counts its days.
pub(super) fn zone(reader: &Reader) -> TimeZone {
    zone_of(&reader.viewer.account)
}

/// A page from its template.
pub(super) fn render(template: &impl Template) -> Result<Response, Problem> {
    let text = template
        .render()
        .map_err(|error| Problem::Broken(error.to_string()))?;
    Ok(Html(text).into_response())
}

/// A text as a value of a URL's query.
pub(super) fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn name_of(viewer: &Viewer) -> String {
    let name = viewer.user.name.trim();
    if name.is_empty() {
        viewer.user.email.clone()
    } else {
        name.to_owned()
    }
}

/// Why a request has no page for an answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    /// Nothing of that name in this account.
    #[error("There is nothing here")]
    NotFound,
    /// A form that is none of this session's.
    #[error("That form came from somewhere else")]
    ForeignForm,
    /// The role does not allow it.
    #[error("Your role does not allow changes")]
    MayNotChange,
    /// The account is frozen.
    #[error("The account is frozen")]
    Frozen,
    /// The account requires a second factor, and there is none yet.
    #[error("Set up a second factor first")]
    SecondFactorFirst,
    /// The role does not open it.
    #[error("Your role does not open this page")]
    NotForYou,
    /// A link that opens nothing.
    #[error("That invitation is no good any more")]
    BadInvitation,
    /// A form that cannot be read.
    #[error("That form could not be read")]
    BadForm(String),
    /// Rows cannot be read or written for the moment.
    #[error("The database does not answer")]
    Away(String),
    /// A mistake of ours.
    #[error("Something broke on our side")]
    Broken(String),
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if error.is_passing() {
            Self::Away(error.to_string())
        } else {
            Self::Broken(error.to_string())
        }
    }
}

/// What is no form's to tell beside its fields.
impl From<PartError> for Problem {
    fn from(error: PartError) -> Self {
        match error {
            PartError::Store(error) => error.into(),
            PartError::NotFound => Self::NotFound,
            error => Self::BadForm(error.to_string()),
        }
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    version: &'static str,
    status: u16,
    title: String,
    advice: &'static str,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, advice) = match &self {
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "The address may be mistyped, or what it named belongs to another account.",
            ),
            Self::ForeignForm => (
                StatusCode::FORBIDDEN,
                "Nothing was changed. Go back, load the page again and send the form once more.",
            ),
            Self::MayNotChange => (
                StatusCode::FORBIDDEN,
                "Nothing was changed. Ask an owner or admin of your account to do it.",
            ),
            Self::Frozen => (
                StatusCode::FORBIDDEN,
                "Nothing was changed. Whoever runs this server has frozen the account; an owner or admin can answer on the page Sites.",
            ),
            Self::SecondFactorFirst => (
                StatusCode::FORBIDDEN,
                "Nothing was changed. Your account requires a second factor from everybody: the overview leads to it.",
            ),
            Self::NotForYou => (
                StatusCode::FORBIDDEN,
                "Ask an owner or admin of your account for another role, or for what you need from this page.",
            ),
            Self::BadInvitation => (
                StatusCode::FORBIDDEN,
                "It was used, withdrawn, or is older than 7 days. Ask whoever invited you for a new link.",
            ),
            Self::BadForm(_) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "Nothing was changed. Go back, load the page again and send the form once more.",
            ),
            Self::Away(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Calls under way go on, and nothing that was saved is lost. Try again in a moment.",
            ),
            Self::Broken(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "Nothing that was saved is lost, and the log says what happened. Try again; if it comes back, tell whoever runs this server.",
            ),
        };
        match &self {
            Self::Away(reason) | Self::Broken(reason) => tracing::error!(%reason, "page failed"),
            Self::BadForm(reason) => tracing::debug!(%reason, "form refused"),
            _ => {}
        }
        let page = ProblemPage {
            version: &super::assets::VERSION,
            status: status.as_u16(),
            title: self.to_string(),
            advice,
        };
        let text = page.render().unwrap_or_else(|_| page.title.clone());
        (status, Html(text)).into_response()
    }
}

/// Whatever no route knows.
pub(super) async fn nothing_here() -> Problem {
    Problem::NotFound
}
