//! One message handed to a program of an account: checked and pinned like a fetch, and never redirected.

use ringfence_model::Duration;

use crate::ask::{Message, Method};
use crate::fetch::parsed;
use crate::{Outbound, OutboundError};

/// Octets of an answer that are read so that it ends well; what it says is not looked at.
const ANSWER_MAX: usize = 16 * 1024;
/// Who posts, as far as the other side is told.
const USER_AGENT: &str = concat!("Ringfence/", env!("CARGO_PKG_VERSION"), " (webhook)");

/// What a program answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posted {
    /// The HTTP status code.
    pub status: u16,
    /// `Retry-After` in seconds, when it says so (RFC 9110 §10.2.3; a date there is not read).
    pub retry_after: Option<Duration>,
}

impl Outbound {
    /// Whether a message could be posted to a URL, as far as the URL alone tells: https, or http where private
    /// addresses may be reached; and no literal address that may not. Names are looked up only when something is posted.
    ///
    /// # Errors
    /// [`OutboundError::NotAUrl`], [`OutboundError::NotPublic`].
    pub fn check_target(&self, url: &str) -> Result<(), OutboundError> {
        let parsed = parsed(url)?;
        if parsed.scheme() != "https" && !self.policy.allow_private {
            return Err(OutboundError::NotHttps(url.chars().take(80).collect()));
        }
        self.check_literal(&parsed)
    }

    /// Posts JSON with some more headers, within `time`. A redirect is an answer like any other: nothing follows it.
    ///
    /// # Errors
    /// [`OutboundError`] when no answer came; a status of 300 and above is no error.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
        time: Duration,
    ) -> Result<Posted, OutboundError> {
        let posted = self.posted(url, headers, body, time).await;
        let outcome = posted.as_ref().map_or_else(OutboundError::word, |_| "ok");
        metrics::counter!("ringfence_outbound_posts_total", "outcome" => outcome).increment(1);
        posted
    }

    async fn posted(
        &self,
        url: &str,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
        time: Duration,
    ) -> Result<Posted, OutboundError> {
        let message = Message {
            method: Method::Post,
            url,
            headers,
            body: Some(("application/json", body)),
        };
        let answer = self.told(&message, USER_AGENT, time, ANSWER_MAX).await?;
        Ok(Posted {
            status: answer.status,
            retry_after: answer.retry_after,
        })
    }
}
