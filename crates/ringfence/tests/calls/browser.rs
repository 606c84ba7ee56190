//! The business's page, and a browser that shows it: the owner's and every visitor's.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::routing::get;
use reqwest::header::{COOKIE, ORIGIN, SET_COOKIE, USER_AGENT};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::World;

const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0";

/// The business's own web server: all that is asked of it is the file that proves it.
pub async fn pages() -> (Arc<OnceLock<String>>, SocketAddr, JoinHandle<()>) {
    let challenge = Arc::new(OnceLock::<String>::new());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let file = {
        let challenge = Arc::clone(&challenge);
        move || async move { challenge.get().cloned().unwrap_or_default() }
    };
    // Whatever its path, a page that is looked at before it is shown a number.
    let page =
        || async { axum::response::Html("<!doctype html><title>Plumber</title><p>Open daily") };
    let router = Router::new()
        .route("/.well-known/ringfence.txt", get(file))
        .fallback(get(page));
    let pages = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (challenge, address, pages)
}

/// The owner's, and every visitor's.
pub struct Browser {
    client: reqwest::Client,
    server: String,
    origin: String,
}

impl Browser {
    pub fn new(world: &World, page: SocketAddr) -> Self {
        Self {
            client: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .build()
                .unwrap(),
            server: format!("http://{}", world.http),
            origin: format!("http://localhost:{}", page.port()),
        }
    }

    /// Signs in and presses the button that has the host looked at.
    pub async fn prove(&self, password: &str, check: &str) {
        let fields = [("email", "owner@example.com"), ("password", password)];
        let signed_in = self.submit("/sign-in", "", &fields).await;
        let session = signed_in.headers()[SET_COOKIE].to_str().unwrap();
        let session = session.split(';').next().unwrap().to_owned();
        let sites = self.client.get(format!("{}/sites", self.server));
        let sites = sites.header(COOKIE, &session).send().await.unwrap();
        let sites = sites.text().await.unwrap();
        let (_, token) = sites.split_once("name=\"form_token\" value=\"").unwrap();
        let (token, _) = token.split_once('"').unwrap();
        let checked = self.submit(check, &session, &[("form_token", token)]).await;
        assert!(checked.status().is_redirection(), "{checked:?}");
    }

    async fn submit(
        &self,
        path: &str,
        session: &str,
        fields: &[(&str, &str)],
    ) -> reqwest::Response {
        let form = reqwest::Url::parse_with_params("http://localhost/", fields).unwrap();
        self.client
            .post(format!("{}{path}", self.server))
            .header(COOKIE, session)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(form.query().unwrap().to_owned())
            .send()
            .await
            .unwrap()
    }

    /// A visitor who came by this source asks for a number: the status, and the answer.
    pub async fn ask(&self, key: &str, source: &str) -> (u16, Value) {
        self.ask_as(key, &format!("utm_source={source}"), "en-GB")
            .await
    }

    /// A visitor whose browser speaks this language came by this query.
    pub async fn ask_as(&self, key: &str, query: &str, language: &str) -> (u16, Value) {
        let token = self
            .client
            .get(format!("{}/t/token?site={key}", self.server));
        let (_, token) = self.answer(token).await;
        let page = format!("{}/?{query}", self.origin);
        let body = json!({
            "site": key, "token": token["token"], "page": page, "referrer": "",
            "language": language, "campaign": null, "tags": {},
        });
        let asked = self.client.post(format!("{}/t/number", self.server));
        self.answer(asked.body(body.to_string())).await
    }

    /// A visitor's page that was answered like this gives a sign of life, with what its tag counted.
    #[allow(dead_code, reason = "two of three tests ask for numbers alone")]
    pub async fn beat(&self, key: &str, answer: &Value, calls: Value) -> (u16, Value) {
        let body = json!({
            "site": key, "visit": answer["visit"], "lease": answer["number"]["lease"],
            "page": format!("{}/", self.origin), "calls": calls,
        });
        let beat = self.client.post(format!("{}/t/beat", self.server));
        self.answer(beat.body(body.to_string())).await
    }

    /// What `/readyz` says.
    pub async fn readiness(&self) -> u16 {
        let asked = self.client.get(format!("{}/readyz", self.server));
        asked.send().await.unwrap().status().as_u16()
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let request = request
            .header(USER_AGENT, BROWSER)
            .header(ORIGIN, &self.origin);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}
