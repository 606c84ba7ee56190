//! A browser without a screen.

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode};

use crate::world::{PASSWORD, World};

/// A browser that follows no redirect by itself and keeps one cookie.
pub struct Browser {
    client: Client,
    base: String,
    pub cookie: String,
}

impl Browser {
    pub fn new(world: &World) -> Self {
        // Another test of this process may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Self {
            client,
            base: world.url(""),
            cookie: String::new(),
        }
    }

    pub async fn signed_in(world: &World, email: &str) -> Self {
        let mut browser = Self::new(world);
        let answer = browser.sign_in(email, PASSWORD).await;
        assert_eq!(
            answer.status(),
            StatusCode::SEE_OTHER,
            "{email} should get in"
        );
        browser.cookie = session_of(&answer);
        browser
    }

    pub async fn sign_in(&self, email: &str, password: &str) -> Response {
        self.post("/sign-in", &[("email", email), ("password", password)])
            .send()
            .await
            .unwrap()
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.client
            .get(format!("{}{path}", self.base))
            .header(COOKIE, &self.cookie)
    }

    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        self.client
            .post(format!("{}{path}", self.base))
            .header(COOKIE, &self.cookie)
            .form(fields)
    }

    /// A request of a program that shows `key`.
    pub fn api(&self, method: reqwest::Method, path: &str, key: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(key)
            .header(reqwest::header::CONTENT_TYPE, "application/json")
    }

    pub async fn page(&self, path: &str) -> String {
        let answer = self.get(path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.text().await.unwrap()
    }

    pub async fn status(&self, path: &str) -> StatusCode {
        self.get(path).send().await.unwrap().status()
    }

    pub async fn form_token(&self) -> String {
        self.token_on("/sites").await
    }

    /// The token of this session's forms, from a page.
    pub async fn token_on(&self, path: &str) -> String {
        let page = self.page(path).await;
        let (_, rest) = page.split_once("name=\"form_token\" value=\"").unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    }
}

pub fn session_of(answer: &Response) -> String {
    let cookies = answer.headers().get_all(SET_COOKIE);
    let cookie = cookies
        .iter()
        .find(|cookie| cookie.to_str().unwrap().starts_with("ringfence_session="));
    let cookie = cookie.unwrap().to_str().unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
    cookie.split(';').next().unwrap().to_owned()
}

pub fn location(answer: &Response) -> &str {
    answer.headers()[LOCATION].to_str().unwrap()
}

pub const PAGES: [&str; 25] = [
    "/",
    "/?period=1h",
    "/?period=24h",
    "/?period=7d",
    "/?period=30d",
    "/agent",
    "/live",
    "/calls",
    "/calls?outcome=missed&period=7d&source=Google+Ads&recorded=1&q=020",
    "/calls?source=%00&q=%00&tag=%00",
    "/numbers?state=assigned&q=7946",
    "/pools",
    "/carriers",
    "/first-steps",
    "/targets",
    "/plans",
    "/sites",
    "/people",
    "/api-keys",
    "/webhooks",
    "/conversions",
    "/audit",
    "/audit?action=user.add",
    "/you",
    "/you/second-factor",
];

/// The answer to a form of a page of this session.
pub async fn send(browser: &Browser, path: &str, fields: &[(&str, &str)]) -> (StatusCode, String) {
    let token = browser.token_on("/you").await;
    let mut all = vec![("form_token", token.as_str())];
    all.extend_from_slice(fields);
    let answer = browser.post(path, &all).send().await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}
