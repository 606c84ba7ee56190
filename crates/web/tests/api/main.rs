//! The API as a program sees it: a real server over a real database of each engine.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod calls;
mod conversions;
mod erasures;
mod keys;
mod parts;
mod repeats;
mod saved_reports;
mod setup;
mod sites;
mod strangers;
mod transfers;
mod webhooks;
#[path = "../world/mod.rs"]
mod world;
mod worth;

use reqwest::{Client, Method, RequestBuilder};
use ringfence_model::{AccountId, KeyScope};
use ringfence_platform::now;
use serde_json::Value;
use world::World;

/// A program with a key.
pub(crate) struct Program {
    client: Client,
    base: String,
    key: String,
}

impl Program {
    pub(crate) async fn of(world: &World, account: AccountId, scope: KeyScope) -> Self {
        let added = world
            .platform
            .add_api_key(account, "Warehouse", scope, None, now())
            .await;
        Self::with_key(world, &added.unwrap().1)
    }

    pub(crate) fn with_key(world: &World, key: &str) -> Self {
        // Another test of this process may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            client: Client::builder().no_proxy().build().unwrap(),
            base: world.url(""),
            key: key.into(),
        }
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.key)
    }

    /// The status and the body of an answer.
    pub(crate) async fn answer(request: RequestBuilder) -> (u16, Value) {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        if status >= 400 {
            assert_eq!(
                response.headers()["content-type"],
                "application/problem+json"
            );
        }
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = Self::answer(self.ask(Method::GET, path)).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// The status, the `ETag` and the body of an answer to what is sent with `headers`.
    pub(crate) async fn sent(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> (u16, String, Value) {
        let mut request = self.ask(method, path).body(body.to_string());
        request = request.header("Content-Type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let tag = response.headers().get("etag");
        let tag = tag.map_or("", |tag| tag.to_str().unwrap()).to_owned();
        let text = response.text().await.unwrap();
        (
            status,
            tag,
            serde_json::from_str(&text).unwrap_or(Value::Null),
        )
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.ask(Method::POST, path);
        Self::answer(
            request
                .header("Content-Type", "application/json")
                .body(body.to_string()),
        )
        .await
    }
}
