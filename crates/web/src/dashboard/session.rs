//! Who asks: the session cookie, the token on forms, and the theme.

use axum::extract::{Form, FromRequest, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use ringfence_platform::accounts::second_step::PENDING_LIFE;
use ringfence_platform::accounts::{CodeNext, SESSION_LIFE, SignedIn, Viewer};
use ringfence_platform::{Settings, now};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::App;
use super::page::{Problem, encoded};

/// The cookie that carries the session's token.
const SESSION: &str = "ringfence_session";
/// The cookie that carries a sign-in that waits for a code; sent to nothing but the pages of signing in.
const PENDING: &str = "ringfence_pending";
/// The cookie that carries the chosen theme.
const THEME: &str = "ringfence_theme";

/// Somebody who is signed in, and how they like their pages.
pub(super) struct Reader {
    pub(super) viewer: Viewer,
    pub(super) theme: Theme,
    /// Path and query of the request.
    pub(super) here: String,
}

impl FromRequestParts<App> for Reader {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let here = parts
            .uri
            .path_and_query()
            .map_or("/", |path| path.as_str())
            .to_owned();
        let theme = Theme::of(&parts.headers);
        // The guard has asked already, and let through whoever may.
        if let Some(viewer) = parts.extensions.get::<Viewer>() {
            return Ok(Self {
                viewer: viewer.clone(),
                theme,
                here,
            });
        }
        if let Some(token) = cookie(&parts.headers, SESSION) {
            let viewer = app.platform.viewer(token, now()).await;
            if let Some(viewer) = viewer.map_err(|error| Problem::from(error).into_response())? {
                return Ok(Self {
                    viewer,
                    theme,
                    here,
                });
            }
        }
        if !wants_page(parts) {
            return Err(StatusCode::UNAUTHORIZED.into_response());
        }
        let next = if here == "/" {
            String::new()
        } else {
            format!("?next={}", encoded(&here))
        };
        Err(Redirect::to(&format!("/sign-in{next}")).into_response())
    }
}

/// Whether a page is asked for, and not what a page asks for.
pub(super) fn wants_page(parts: &Parts) -> bool {
    parts.method == Method::GET
        && parts
            .headers
            .get(header::ACCEPT)
            .and_then(|value| value.to_str().ok())
            .is_none_or(|accept| accept.contains("text/html") || accept.contains("*/*"))
}

/// The session token that a request carries.
pub(super) fn token_of(headers: &HeaderMap) -> Option<String> {
    cookie(headers, SESSION).map(str::to_owned)
}

/// Whether a request carries a session that lives.
pub(super) async fn is_signed_in(app: &App, headers: &HeaderMap) -> Result<bool, Problem> {
    let Some(token) = cookie(headers, SESSION) else {
        return Ok(false);
    };
    Ok(app.platform.viewer(token, now()).await?.is_some())
}

#[derive(Deserialize)]
struct WithToken<T> {
    form_token: Option<String>,
    #[serde(flatten)]
    form: T,
}

/// A form of a page of this session. Who may send it is for the guard to say, and was said.
pub(super) struct Posted<T> {
    pub(super) reader: Reader,
    pub(super) form: T,
}

impl<T: DeserializeOwned> FromRequest<App> for Posted<T> {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let reader = Reader::from_request_parts(&mut parts, app).await?;
        let request = Request::from_parts(parts, body);
        let Form(sent) = Form::<WithToken<T>>::from_request(request, app)
            .await
            .map_err(|error| Problem::BadForm(error.body_text()).into_response())?;
        if sent
            .form_token
            .is_some_and(|token| reader.viewer.owns_form(&token))
        {
            Ok(Self {
                reader,
                form: sent.form,
            })
        } else {
            metrics::counter!("ringfence_dashboard_refused_total", "reason" => "form_token")
                .increment(1);
            Err(Problem::ForeignForm.into_response())
        }
    }
}

/// Light, dark, or as the reader's system has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Theme {
    System,
    Light,
    Dark,
}

impl Theme {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        match cookie(headers, THEME) {
            Some("light") => Self::Light,
            Some("dark") => Self::Dark,
            _ => Self::System,
        }
    }

    /// What `data-theme` says.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

#[derive(Deserialize)]
pub(super) struct ThemeForm {
    theme: String,
    back: Option<String>,
}

/// Keeps the chosen theme for a year.
pub(super) async fn set_theme(State(app): State<App>, posted: Posted<ThemeForm>) -> Response {
    let theme = match posted.form.theme.as_str() {
        "light" => "light",
        "dark" => "dark",
        _ => "system",
    };
    let back = local_path(posted.form.back.as_deref().unwrap_or("/"));
    let mut response = Redirect::to(&back).into_response();
    keep_choice(&mut response, THEME, theme, &app.platform.settings);
    response
}

/// Has the browser keep, for a year, what its reader chose: a word, and nothing secret.
pub(super) fn keep_choice(
    response: &mut Response,
    name: &str,
    choice: &'static str,
    settings: &Settings,
) {
    let secure = secure(settings);
    let text = format!("{name}={choice}; Path=/; Max-Age=31536000; SameSite=Lax{secure}");
    set_cookie(response, &text);
}

/// What a reader chose before.
pub(super) fn choice_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    cookie(headers, name)
}

/// Hands a fresh session to the browser.
pub(super) fn begin(response: &mut Response, signed_in: &SignedIn, settings: &Settings) {
    let (token, life, secure) = (&signed_in.token, SESSION_LIFE.as_secs(), secure(settings));
    let text = format!("{SESSION}={token}; Path=/; Max-Age={life}; HttpOnly; SameSite=Lax{secure}");
    set_cookie(response, &text);
}

/// Hands a sign-in that waits for its code to the browser.
pub(super) fn wait_for_code(response: &mut Response, next: &CodeNext, settings: &Settings) {
    let (token, life, secure) = (&next.token, PENDING_LIFE.as_secs(), secure(settings));
    let text =
        format!("{PENDING}={token}; Path=/sign-in; Max-Age={life}; HttpOnly; SameSite=Lax{secure}");
    set_cookie(response, &text);
}

/// Takes a sign-in that waited from the browser.
pub(super) fn wait_no_longer(response: &mut Response, settings: &Settings) {
    let secure = secure(settings);
    set_cookie(
        response,
        &format!("{PENDING}=; Path=/sign-in; Max-Age=0; HttpOnly; SameSite=Lax{secure}"),
    );
}

/// The token of a sign-in that waits for its code.
pub(super) fn pending_of(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, PENDING)
}

/// Takes the session from the browser.
pub(super) fn end(response: &mut Response, settings: &Settings) {
    let secure = secure(settings);
    set_cookie(
        response,
        &format!("{SESSION}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{secure}"),
    );
}

fn set_cookie(response: &mut Response, text: &str) {
    let value = HeaderValue::from_str(text).expect("cookies are made of plain letters");
    response.headers_mut().append(header::SET_COOKIE, value);
}

fn secure(settings: &Settings) -> &'static str {
    if settings.public_url.starts_with("https:") {
        "; Secure"
    } else {
        ""
    }
}

/// What a browser calls itself.
pub(super) fn browser_of(headers: &HeaderMap) -> &str {
    headers
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("")
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// A path of this server, whatever a form claims: `//evil.example.com` is no path.
pub(super) fn local_path(text: &str) -> String {
    let plain = text.starts_with('/')
        && !text.starts_with("//")
        && text.len() <= 2_048
        && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if plain {
        text.to_owned()
    } else {
        "/".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_server_are_gone_back_to() {
        assert_eq!(local_path("/calls?outcome=missed"), "/calls?outcome=missed");
        for wrong in [
            "//evil.example.com",
            "https://evil.example.com",
            "/\\evil",
            "calls",
            "/a b",
            "",
        ] {
            assert_eq!(local_path(wrong), "/", "{wrong}");
        }
    }

    #[test]
    fn cookies_are_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::COOKIE,
            HeaderValue::from_static("a=1; ringfence_theme=dark; b=2"),
        );
        assert_eq!(Theme::of(&headers), Theme::Dark);
        assert_eq!(cookie(&headers, "c"), None);
    }
}
