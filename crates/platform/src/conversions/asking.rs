//! One platform told: with its credentials, and what came of it in words that all share.

use ringfence_model::{ConversionDestination, ConversionPlatform, Timestamp};
use ringfence_outbound::{Answer, Message, Method, OutboundError};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::request::{Counted, Credentials, NotSent, Verdict};
use super::{google_ads, google_analytics, meta, place};
use crate::Platform;
use crate::outbox::ATTEMPT_TIME;
use crate::secrets::SealedError;

/// Octets of an answer that are read.
const MOST_OCTETS: usize = 256 * 1024;

/// A destination, ready to be told. One access token serves as long as this does.
pub(super) struct Asking<'a> {
    platform: &'a Platform,
    destination: &'a ConversionDestination,
    credentials: Credentials,
    token: OnceCell<String>,
}

/// What came of a request.
pub(super) struct Told {
    /// The HTTP status code, when one came.
    pub status: Option<u16>,
    /// What it means.
    pub verdict: Verdict,
}

impl<'a> Asking<'a> {
    pub fn of(
        platform: &'a Platform,
        destination: &'a ConversionDestination,
    ) -> Result<Self, SealedError> {
        let place = place(destination.account, destination.id);
        let secret = platform.keys.secrets.open(place, &destination.secret)?;
        Ok(Self {
            platform,
            destination,
            credentials: serde_json::from_slice(&secret).map_err(|_| SealedError)?,
            token: OnceCell::new(),
        })
    }

    /// What is told of a call.
    pub fn body(&self, counted: &Counted<'_>, now: Timestamp) -> Result<Value, NotSent> {
        let (target, event) = (&self.destination.target, &self.destination.event);
        match self.destination.platform {
            ConversionPlatform::GoogleAnalytics => google_analytics::body(event, counted, now),
            ConversionPlatform::GoogleAds => google_ads::body(target, event, counted, now),
            ConversionPlatform::Meta => meta::body(event, counted, now),
        }
    }

    pub async fn tell(&self, body: String) -> Told {
        let urls = &self.platform.settings.conversions;
        let (target, credentials) = (&self.destination.target, &self.credentials);
        match self.destination.platform {
            ConversionPlatform::GoogleAnalytics => {
                let path = google_analytics::path(target, credentials, false);
                let answered = self.post(&urls.google_analytics, &path, body, None).await;
                let lost = |error: &OutboundError| {
                    let twice = !google_analytics::is_counted_once(&self.destination.event);
                    (twice && error.may_have_arrived()).then(|| {
                        Verdict::Refused(format!(
                            "{error}; it may have arrived and would be counted twice, so it is not sent again by itself"
                        ))
                    })
                };
                told(answered, lost, |status, answer, _| {
                    Verdict::of_status(status, answer.retry_after, None)
                })
            }
            ConversionPlatform::GoogleAds => self.tell_google_ads(body).await,
            ConversionPlatform::Meta => {
                let path = meta::path(target, credentials);
                let answered = self.post(&urls.meta, &path, body, None).await;
                told(
                    answered,
                    |_| None,
                    |status, answer, json| meta::read(status, answer.retry_after, json),
                )
            }
        }
    }

    /// Tells the platform of nobody, in the way that it has for trials. `code` is Meta's code for trials.
    pub async fn try_out(&self, code: &str, now: Timestamp) -> Told {
        let (target, event) = (&self.destination.target, &self.destination.event);
        match self.destination.platform {
            ConversionPlatform::GoogleAnalytics => {
                let path = google_analytics::path(target, &self.credentials, true);
                let body = google_analytics::trial(event, now).to_string();
                let base = &self.platform.settings.conversions.google_analytics;
                let answered = self.post(base, &path, body, None).await;
                told(
                    answered,
                    |_| None,
                    |status, answer, json| match status {
                        200..300 => google_analytics::read_trial(json),
                        _ => Verdict::of_status(status, answer.retry_after, None),
                    },
                )
            }
            ConversionPlatform::GoogleAds => {
                let body = google_ads::trial(target, event, now).to_string();
                self.tell_google_ads(body).await
            }
            ConversionPlatform::Meta => self.tell(meta::trial(event, code, now).to_string()).await,
        }
    }

    async fn tell_google_ads(&self, body: String) -> Told {
        let token = match self.token.get_or_try_init(|| self.fresh_token()).await {
            Ok(token) => format!("Bearer {token}"),
            Err(told) => return told,
        };
        let base = &self.platform.settings.conversions.google_ads;
        let answered = self.post(base, google_ads::PATH, body, Some(token)).await;
        told(
            answered,
            |_| None,
            |status, answer, json| google_ads::read(status, answer.retry_after, json),
        )
    }

    async fn fresh_token(&self) -> Result<String, Told> {
        let base = &self.platform.settings.conversions.google_tokens;
        let url = format!("{base}{}", google_ads::TOKEN_PATH);
        let form = google_ads::token_form(&self.credentials).into_bytes();
        let message = Message {
            method: Method::Post,
            url: &url,
            headers: &[("accept", "application/json".into())],
            body: Some(("application/x-www-form-urlencoded", form)),
        };
        let asked = self
            .platform
            .outbound
            .ask(&message, ATTEMPT_TIME, MOST_OCTETS);
        let mut got = None;
        // What goes wrong here has told nothing to anybody yet.
        let told = told(
            asked.await,
            |_| None,
            |status, answer, json| match google_ads::token(status, answer.retry_after, json) {
                Ok(token) => {
                    got = Some(token);
                    Verdict::Taken(String::new())
                }
                Err(verdict) => verdict,
            },
        );
        got.ok_or(told)
    }

    async fn post(
        &self,
        base: &str,
        path: &str,
        body: String,
        authorization: Option<String>,
    ) -> Result<Answer, OutboundError> {
        let mut headers = vec![("accept", "application/json".to_owned())];
        headers.extend(authorization.map(|value| ("authorization", value)));
        let message = Message {
            method: Method::Post,
            url: &format!("{}{path}", base.trim_end_matches('/')),
            headers: &headers,
            body: Some(("application/json", body.into_bytes())),
        };
        let outbound = &self.platform.outbound;
        outbound.ask(&message, ATTEMPT_TIME, MOST_OCTETS).await
    }
}

/// What an answer, or none, means: `lost` may say so of an answer that did not come, which is tried again otherwise.
fn told(
    answered: Result<Answer, OutboundError>,
    lost: impl FnOnce(&OutboundError) -> Option<Verdict>,
    read: impl FnOnce(u16, &Answer, &Value) -> Verdict,
) -> Told {
    match answered {
        Ok(answer) => {
            let json = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
            Told {
                status: Some(answer.status),
                verdict: read(answer.status, &answer, &json),
            }
        }
        Err(error) => Told {
            status: None,
            verdict: lost(&error).unwrap_or_else(|| Verdict::Later(error.to_string(), None)),
        },
    }
}
