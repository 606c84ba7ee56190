//! One message handed to a program of an account: checked and pinned like a fetch, and never redirected.

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use ringfence_model::Duration;
use tokio::time::{Instant, timeout_at};

use crate::fetch::{failed, parsed};
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
        self.check_target(url)?;
        let deadline = Instant::now() + time;
        let url = parsed(url)?;
        let answered = timeout_at(deadline, async {
            let client = self.client(&url, USER_AGENT, false, time).await?;
            let mut request = client
                .post(url.clone())
                .header(CONTENT_TYPE, "application/json")
                .body(body);
            for (name, value) in headers {
                request = request.header(*name, value);
            }
            request.send().await.map_err(|error| failed(&url, &error))
        });
        let mut response = answered
            .await
            .map_err(|_| OutboundError::TimedOut(time))??;
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        let mut read = 0;
        // Its status counts, however its body ends.
        while let Ok(Ok(Some(chunk))) = timeout_at(deadline, response.chunk()).await {
            read += chunk.len();
            if read > ANSWER_MAX {
                break;
            }
        }
        Ok(Posted {
            status: response.status().as_u16(),
            retry_after,
        })
    }
}
