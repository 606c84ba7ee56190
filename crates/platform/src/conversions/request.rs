//! What platforms are told and what they answer, in words that all of them share. Pure: nothing is sent here.

use std::time::Duration;

use ringfence_model::{Call, ConversionRule, E164, Money, Timestamp, Visit};
use ringfence_tracking::ToldForConversions;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::fence::hexadecimal;

/// Where platforms are told, without a slash at the end: their own addresses, or what stands before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversionUrls {
    /// Google Analytics' Measurement Protocol.
    pub google_analytics: String,
    /// Google's Data Manager API.
    pub google_ads: String,
    /// Where Google gives out access tokens.
    pub google_tokens: String,
    /// Meta's Graph API.
    pub meta: String,
}

impl Default for ConversionUrls {
    fn default() -> Self {
        Self {
            google_analytics: "https://www.google-analytics.com".into(),
            google_ads: "https://datamanager.googleapis.com".into(),
            google_tokens: "https://oauth2.googleapis.com".into(),
            meta: "https://graph.facebook.com".into(),
        }
    }
}

/// What proves to a platform that we may tell it something. Kept sealed.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// Google Analytics' API secret, Meta's access token, the secret of Google's OAuth client.
    pub secret: String,
    /// Google's OAuth client; empty elsewhere.
    #[serde(default)]
    pub client: String,
    /// The refresh token that Google's OAuth client was given; empty elsewhere.
    #[serde(default)]
    pub refresh_token: String,
}

/// A call that counts, as platforms are told of it.
#[derive(Debug, Clone, Copy)]
pub struct Counted<'a> {
    /// The call.
    pub call: &'a Call,
    /// Its visit.
    pub visit: &'a Visit,
    /// What the page told of the visit.
    pub told: &'a ToldForConversions,
    /// What it was worth, in the smallest unit of the account's money.
    pub value: Option<i64>,
    /// The account's money.
    pub money: Money,
    /// What the destination's owner wants.
    pub rule: &'a ConversionRule,
}

impl Counted<'_> {
    /// The click id of a parameter, when the visit came with it.
    pub fn click_id(&self, parameter: &str) -> Option<&str> {
        let click = self.visit.click_id.as_ref();
        let click = click.filter(|click| click.parameter == parameter);
        click.map(|click| click.value.as_str())
    }

    /// What it was worth as a number of whole units.
    pub fn amount(&self) -> Option<f64> {
        self.money.plain(self.value?).parse().ok()
    }

    /// The caller's number, when it may be told and is known.
    pub fn caller(&self) -> Option<&E164> {
        let caller = self.call.caller.as_ref();
        caller.filter(|_| self.rule.hashed_caller)
    }

    /// How old the call is in whole days, over which a platform takes it no more.
    pub fn older_than(&self, limit: Duration, now: Timestamp) -> Result<(), NotSent> {
        if now.since(self.call.started_at) > limit {
            return Err(NotSent::TooOld(limit.as_secs() / 86_400));
        }
        Ok(())
    }
}

/// Why a call that counts cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// Nothing says whose click it was.
    #[error("The visit came with no {0}.")]
    NoClick(&'static str),
    /// The platform takes nothing that old.
    #[error("The platform takes calls of the last {0} days.")]
    TooOld(u64),
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It was taken.
    Taken(String),
    /// It may be taken later, not before this time from now.
    Later(String, Option<Duration>),
    /// It will not be taken.
    Refused(String),
}

impl Verdict {
    /// What was said, for people.
    pub fn said(&self) -> &str {
        match self {
            Self::Taken(said) | Self::Later(said, _) | Self::Refused(said) => said,
        }
    }

    /// What a status says by itself, where the answer's own words are `said`.
    pub fn of_status(status: u16, wait: Option<Duration>, said: Option<String>) -> Self {
        let said = said.unwrap_or_else(|| format!("it answered {status}"));
        match status {
            200..300 => Self::Taken(said),
            300..=399 => Self::Refused("a redirect, which is not followed".into()),
            // Who owns the destination can mend it, and then it is taken.
            401 | 403 => Self::Later(format!("refused the credentials: {said}"), wait),
            408 | 429 | 500.. => Self::Later(said, wait),
            _ => Self::Refused(said),
        }
    }
}

/// SHA-256 in hexadecimal, as platforms match what they must not read.
pub fn hashed(text: &str) -> String {
    hexadecimal(&Sha256::digest(text))
}

/// A text of an answer, short and in one line; empty counts as none.
pub fn text(answer: &Value, name: &str) -> Option<String> {
    let words = answer.get(name)?.as_str()?.split_whitespace();
    let words: Vec<&str> = words.collect();
    let text: String = words.join(" ").chars().take(300).collect();
    (!text.is_empty()).then_some(text)
}

/// Puts a value into an object, when there is one.
pub fn put(object: &mut Value, name: &str, value: Option<impl Serialize>) {
    if let Some(value) = value {
        object[name] = json!(value);
    }
}
