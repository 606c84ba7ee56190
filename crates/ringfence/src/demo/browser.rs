//! A visitor's browser as far as the server sees it: the page, its script, a token, and the request for a number.

use std::time::Duration;

use anyhow::Context as _;
use ringfence_model::{E164, LeaseId};
use serde::Deserialize;
use serde_json::json;

/// Browsers, with the language that each asks in.
const BROWSERS: [(&str, &str); 4] = [
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Safari/537.36",
        "en-GB",
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1",
        "en-GB",
    ),
    (
        "Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Mobile Safari/537.36",
        "de-DE",
    ),
    (
        "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0",
        "fr-FR",
    ),
];

/// Networks that are kept for documentation (RFC 5737): where visitors pretend to be.
const NETWORKS: [&str; 3] = ["192.0.2", "198.51.100", "203.0.113"];

/// Opens pages as browsers do.
pub struct Browsers {
    http: reqwest::Client,
    /// The server that the tag comes from, such as `http://localhost:8080`.
    server: String,
}

/// A page that carries the tag.
#[derive(Debug, Clone, Copy)]
pub struct Tagged<'a> {
    /// Such as `http://localhost:8081`.
    pub origin: &'a str,
    /// The site's key.
    pub site_key: &'a str,
}

/// What the server answered.
#[derive(Debug, Deserialize)]
pub struct Answer {
    /// The number to show.
    pub number: Option<Number>,
    /// What beats of this visit carry.
    #[serde(default)]
    visit: Option<String>,
    /// Why there is none.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A number, leased.
#[derive(Debug, Deserialize)]
pub struct Number {
    /// The number.
    pub e164: E164,
    /// Its lease.
    pub lease: LeaseId,
}

#[derive(Debug, Deserialize)]
struct TokenAnswer {
    token: Option<String>,
}

impl Browsers {
    /// Browsers of a server's visitors.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn of(server: String) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .build()
            .context("making a client for the visitors")?;
        Ok(Self { http, server })
    }

    /// Opens a page, its script too, and asks for a number as the script would. `query` begins with `?` or is empty.
    ///
    /// # Errors
    /// When the page or the server does not answer as it should.
    pub async fn ask(
        &self,
        index: usize,
        tagged: Tagged<'_>,
        query: &str,
        referrer: &str,
    ) -> anyhow::Result<Answer> {
        let Tagged { origin, site_key } = tagged;
        let (browser, language) = BROWSERS[index % BROWSERS.len()];
        let address = address_of(index);
        let page = format!("{origin}/{query}");
        let get = |url: String| {
            self.http
                .get(url)
                .header("User-Agent", browser)
                .header("Accept-Language", language)
                .header("X-Forwarded-For", &address)
        };
        get(page.clone())
            .send()
            .await?
            .error_for_status()?
            .bytes()
            .await?;
        let script = get(format!("{}/tag.js", self.server))
            .header("Referer", &page)
            .send()
            .await?;
        script.error_for_status()?.bytes().await?;
        let token: TokenAnswer = get(format!("{}/t/token?site={site_key}", self.server))
            .header("Origin", origin)
            .header("Referer", &page)
            .send()
            .await?
            .json()
            .await
            .context("reading the token")?;
        let body = json!({
            "site": site_key, "token": token.token, "page": page, "referrer": referrer, "language": language,
            "first": {"page": page, "referrer": referrer}, "campaign": null, "tags": {},
        });
        self.http
            .post(format!("{}/t/number", self.server))
            .header("User-Agent", browser)
            .header("X-Forwarded-For", &address)
            .header("Origin", origin)
            .header("Referer", &page)
            .header("Content-Type", "text/plain")
            .body(body.to_string())
            .send()
            .await?
            .json()
            .await
            .context("reading the number")
    }

    /// Gives the sign of life of a page that shows a number.
    ///
    /// # Errors
    /// When the server does not take it.
    pub async fn beat(
        &self,
        index: usize,
        tagged: Tagged<'_>,
        answer: &Answer,
    ) -> anyhow::Result<()> {
        let Tagged { origin, site_key } = tagged;
        let (browser, _) = BROWSERS[index % BROWSERS.len()];
        let lease = answer.number.as_ref().map(|number| number.lease);
        let body = json!({"site": site_key, "visit": answer.visit, "lease": lease});
        self.http
            .post(format!("{}/t/beat", self.server))
            .header("User-Agent", browser)
            .header("X-Forwarded-For", address_of(index))
            .header("Origin", origin)
            .header("Content-Type", "text/plain")
            .body(body.to_string())
            .send()
            .await?
            .error_for_status()
            .context("giving a sign of life")?;
        Ok(())
    }
}

/// Where a visitor pretends to be.
fn address_of(index: usize) -> String {
    format!("{}.{}", NETWORKS[index % NETWORKS.len()], index % 250 + 1)
}
