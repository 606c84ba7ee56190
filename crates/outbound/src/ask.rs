//! One request to a program of others, such as a carrier's: checked and pinned like a fetch, never redirected, its answer
//! read as far as a limit.

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use ringfence_model::Duration;
use tokio::time::{Instant, timeout_at};

use crate::fetch::{failed, parsed};
use crate::{Outbound, OutboundError};

/// Who asks, as far as the other side is told.
const USER_AGENT: &str = concat!("Ringfence/", env!("CARGO_PKG_VERSION"));

/// What is asked for (RFC 9110 §9.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// To be told something.
    Get,
    /// To have something made or done.
    Post,
    /// To have a part of something changed (RFC 5789).
    Patch,
    /// To have something taken away.
    Delete,
}

impl Method {
    /// As requests have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// A request.
#[derive(Debug)]
pub struct Message<'a> {
    /// What is asked for.
    pub method: Method,
    /// Of what: https, or http where private addresses may be reached.
    pub url: &'a str,
    /// More headers.
    pub headers: &'a [(&'static str, String)],
    /// Its body and what that is.
    pub body: Option<(&'static str, Vec<u8>)>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u16,
    /// `Retry-After` in seconds, when it says so (RFC 9110 §10.2.3; a date there is not read).
    pub retry_after: Option<Duration>,
    /// Its body, as far as it came in time and was not too long.
    pub body: Vec<u8>,
    /// The body was longer, or ended too early.
    pub cut: bool,
}

impl Outbound {
    /// Asks a program, within `time`, and reads at most `most` octets of what it says. A redirect is an answer like any
    /// other: nothing follows it.
    ///
    /// # Errors
    /// [`OutboundError`] when no answer came; a status of 300 and above is no error.
    pub async fn ask(
        &self,
        message: &Message<'_>,
        time: Duration,
        most: usize,
    ) -> Result<Answer, OutboundError> {
        let answer = self.told(message, USER_AGENT, time, most).await;
        let outcome = answer.as_ref().map_or_else(OutboundError::word, |_| "ok");
        metrics::counter!("ringfence_outbound_requests_total", "outcome" => outcome).increment(1);
        answer
    }

    pub(crate) async fn told(
        &self,
        message: &Message<'_>,
        user_agent: &str,
        time: Duration,
        most: usize,
    ) -> Result<Answer, OutboundError> {
        self.check_target(message.url)?;
        let deadline = Instant::now() + time;
        let url = parsed(message.url)?;
        let answered = timeout_at(deadline, async {
            let client = self.client(&url, user_agent, false, time).await?;
            let mut request = match message.method {
                Method::Get => client.get(url.clone()),
                Method::Post => client.post(url.clone()),
                Method::Patch => client.patch(url.clone()),
                Method::Delete => client.delete(url.clone()),
            };
            if let Some((kind, body)) = &message.body {
                request = request.header(CONTENT_TYPE, *kind).body(body.clone());
            }
            for (name, value) in message.headers {
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
        let mut body = Vec::new();
        // Its status counts, however its body ends.
        let cut = loop {
            match timeout_at(deadline, response.chunk()).await {
                Ok(Ok(Some(chunk))) => {
                    let room = most - body.len();
                    body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                    if chunk.len() > room {
                        break true;
                    }
                }
                Ok(Ok(None)) => break false,
                Ok(Err(_)) | Err(_) => break true,
            }
        };
        Ok(Answer {
            status: response.status().as_u16(),
            retry_after,
            body,
            cut,
        })
    }
}
