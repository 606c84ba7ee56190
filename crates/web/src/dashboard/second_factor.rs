//! Your second factor: set up with an app, recovery codes, turned off.

use std::fmt;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use qrcodegen::{QrCode, QrCodeEcc};
use ringfence_platform::accounts::AccountError;
use ringfence_platform::accounts::second_factor::{FactorError, FactorStanding};
use ringfence_platform::now;
use serde::Deserialize;

use super::App;
use super::page::{Problem, Shell, render, unprocessable, zone};
use super::people::Nothing;
use super::session::{Posted, Reader};
use super::words::{Moment, Show, capital, counted};

/// What the page says of a factor that is on; the page You says it too.
pub(super) struct On {
    pub(super) since: Moment,
    pub(super) codes_left: String,
    /// Recovery codes run out.
    pub(super) few: bool,
    pub(super) refused: Option<String>,
}

impl On {
    pub(super) fn of(standing: &FactorStanding, reader: &Reader) -> Option<Self> {
        let FactorStanding::On {
            since,
            recovery_codes,
            refused,
            refused_at,
        } = standing
        else {
            return None;
        };
        let zone = zone(reader);
        let refused = refused_at.map(|at| {
            format!(
                "{} refused since your last one was right, the last on {}. If that was not you, somebody knows your password: change it.",
                counted(refused.unsigned_abs(), "code was", "codes were"),
                Moment::new(at, &zone, Show::Ago).text()
            )
        });
        Some(Self {
            since: Moment::new(*since, &zone, Show::Moment),
            codes_left: counted(*recovery_codes, "recovery code", "recovery codes"),
            few: *recovery_codes < 3,
            refused,
        })
    }
}

/// What an app is told.
struct ForApp {
    qr: Qr,
    secret: String,
}

#[derive(Template)]
#[template(path = "second_factor.html")]
struct FactorPage {
    shell: Shell,
    email: String,
    notice: Option<&'static str>,
    owed: bool,
    required: bool,
    on: Option<On>,
    for_app: Option<ForApp>,
    /// Shown this once.
    made: Vec<String>,
    code_wrong: Option<String>,
    proof_wrong: Option<String>,
}

/// What a form that was sent leaves on the page.
#[derive(Default)]
struct Outcome {
    notice: Option<&'static str>,
    made: Vec<String>,
    code_wrong: Option<String>,
    proof_wrong: Option<String>,
}

#[derive(Default, Deserialize)]
pub(super) struct Asked {
    done: Option<String>,
}

pub(super) async fn show(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    reader: Reader,
) -> Result<Response, Problem> {
    let notice = match asked.done.as_deref() {
        Some("off") => Some("Your second factor is off. The password alone signs you in."),
        _ => None,
    };
    let outcome = Outcome {
        notice,
        ..Outcome::default()
    };
    page(&app, &reader, outcome).await
}

/// Draws a secret; the page shows it until its first code was right.
pub(super) async fn draw(
    State(app): State<App>,
    posted: Posted<Nothing>,
) -> Result<Response, Problem> {
    let Posted {
        reader,
        form: Nothing {},
    } = posted;
    let drawn = app.platform.draw_second_factor(&reader.viewer, now()).await;
    match drawn {
        // Somebody set it up in another window: the page says so.
        Ok(()) | Err(FactorError::Changed) => {
            Ok(Redirect::to("/you/second-factor#code").into_response())
        }
        Err(error) => Err(Problem::BadForm(said(error)?)),
    }
}

#[derive(Deserialize)]
pub(super) struct FirstCode {
    code: String,
}

/// Shows the recovery codes, this once: there is no address to come back to.
pub(super) async fn confirm(
    State(app): State<App>,
    posted: Posted<FirstCode>,
) -> Result<Response, Problem> {
    let Posted { mut reader, form } = posted;
    let confirmed = app
        .platform
        .confirm_second_factor(&reader.viewer, &form.code, now());
    match confirmed.await {
        Ok(made) => {
            reader.viewer.owes_second_factor = false;
            let outcome = Outcome {
                notice: Some(
                    "Your second factor is on. You are asked for a code at every sign-in.",
                ),
                made,
                ..Outcome::default()
            };
            page(&app, &reader, outcome).await
        }
        Err(error) => {
            let outcome = Outcome {
                code_wrong: Some(said(error)?),
                ..Outcome::default()
            };
            Ok(unprocessable(page(&app, &reader, outcome).await?))
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Proof {
    proof: String,
}

pub(super) async fn renew_codes(
    State(app): State<App>,
    posted: Posted<Proof>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let renewed = app
        .platform
        .renew_recovery_codes(&reader.viewer, &form.proof, now());
    match renewed.await {
        Ok(made) => {
            let outcome = Outcome {
                notice: Some("These recovery codes replace those that you had."),
                made,
                ..Outcome::default()
            };
            page(&app, &reader, outcome).await
        }
        Err(error) => unproved(&app, &reader, error).await,
    }
}

pub(super) async fn turn_off(
    State(app): State<App>,
    posted: Posted<Proof>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let off = app
        .platform
        .turn_off_second_factor(&reader.viewer, &form.proof, now());
    match off.await {
        Ok(()) => Ok(Redirect::to("/you/second-factor?done=off").into_response()),
        Err(error) => unproved(&app, &reader, error).await,
    }
}

async fn unproved(app: &App, reader: &Reader, error: FactorError) -> Result<Response, Problem> {
    let outcome = Outcome {
        proof_wrong: Some(said(error)?),
        ..Outcome::default()
    };
    Ok(unprocessable(page(app, reader, outcome).await?))
}

/// What is said beside a form, or the page for what cannot be.
fn said(error: FactorError) -> Result<String, Problem> {
    match error {
        FactorError::Store(error) | FactorError::Account(AccountError::Store(error)) => {
            Err(error.into())
        }
        FactorError::Account(AccountError::Hash(reason)) => Err(Problem::Broken(reason)),
        FactorError::Sealed(error) => Err(Problem::Broken(error.to_string())),
        error => Ok(format!("{}.", capital(&error.to_string()))),
    }
}

async fn page(app: &App, reader: &Reader, outcome: Outcome) -> Result<Response, Problem> {
    let viewer = &reader.viewer;
    let standing = match app.platform.own_second_factor(viewer).await {
        Ok(standing) => standing,
        // A drawn secret that does not open is drawn anew.
        Err(FactorError::Sealed(_)) => FactorStanding::Off,
        Err(error) => return Err(Problem::BadForm(said(error)?)),
    };
    let required = app
        .platform
        .second_factor_required_since(viewer.account.id)
        .await?;
    render(&FactorPage {
        shell: Shell::of_list(app, reader, "you", "/you/second-factor"),
        email: viewer.user.email.clone(),
        notice: outcome.notice,
        owed: viewer.owes_second_factor,
        required: required.is_some(),
        on: On::of(&standing, reader),
        for_app: match standing {
            FactorStanding::Waiting { secret, uri } => Some(ForApp {
                qr: Qr::of(&uri)?,
                secret: grouped(&secret),
            }),
            FactorStanding::Off | FactorStanding::On { .. } => None,
        },
        made: outcome.made,
        code_wrong: outcome.code_wrong,
        proof_wrong: outcome.proof_wrong,
    })
}

/// `GEZD GNBV …`, for typing.
fn grouped(secret: &str) -> String {
    let letters: Vec<char> = secret.chars().collect();
    let groups = letters.chunks(4).map(|group| group.iter().collect());
    groups.collect::<Vec<String>>().join(" ")
}

/// A QR code as inline SVG, dark on light in both themes, since cameras want it so.
struct Qr(QrCode);

/// Light modules around the code (ISO/IEC 18004, section 6.3.8).
const QUIET: i32 = 4;

impl Qr {
    fn of(text: &str) -> Result<Self, Problem> {
        // What is on a screen is neither torn nor dirty.
        QrCode::encode_text(text, QrCodeEcc::Low)
            .map(Self)
            .map_err(|error| Problem::Broken(error.to_string()))
    }
}

impl askama::filters::HtmlSafe for Qr {}

impl fmt::Display for Qr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = self.0.size();
        let whole = side + 2 * QUIET;
        write!(
            f,
            r##"<svg class="qr" viewBox="0 0 {whole} {whole}" role="img" aria-label="QR code with the secret below" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{whole}v{whole}H0z"/><path fill="#000" d=""##
        )?;
        for y in 0..side {
            for x in (0..side).filter(|x| self.0.get_module(*x, y)) {
                write!(f, "M{} {}h1v1h-1z", x + QUIET, y + QUIET)?;
            }
        }
        f.write_str(r#""/></svg>"#)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_grouped_for_typing() {
        assert_eq!(grouped("GEZDGNBVGY3T"), "GEZD GNBV GY3T");
        assert_eq!(grouped("GEZDGN"), "GEZD GN");
    }

    #[test]
    fn a_qr_code_has_its_three_corners_and_light_around_it() {
        let drawn = Qr::of("otpauth://totp/Ringfence:ann%40example.com?secret=GEZDGNBVGY3TQOJQ")
            .map_err(|problem| problem.to_string())
            .unwrap()
            .to_string();
        assert!(drawn.starts_with("<svg") && drawn.ends_with("</svg>"));
        assert!(drawn.contains("M4 4h1v1h-1zM5 4h1v1h-1z"), "{drawn}");
        assert!(!drawn.contains("M3 ") && !drawn.contains("style="));
        let whole: i32 = drawn
            .split("viewBox=\"0 0 ")
            .nth(1)
            .and_then(|rest| rest.split(' ').next())
            .and_then(|side| side.parse().ok())
            .unwrap();
        let (near, far) = (QUIET, whole - QUIET - 1);
        for (x, y) in [(near, near), (far, near), (near, far)] {
            assert!(drawn.contains(&format!("M{x} {y}h1v1h-1z")), "{x} {y}");
        }
    }
}
