//! Advertising platforms: one server that speaks the documented shapes of Google's and Meta's over real connections, and that
//! fails as they do.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use parking_lot::Mutex;
use serde_json::{Value, json};

/// What the next request meets instead of an answer.
#[derive(Debug, Clone)]
pub enum Fault {
    /// This status, with these words.
    Status(u16, Value),
    /// It is taken, and the answer lost.
    Lost,
    /// To be left alone for so many seconds.
    Busy(u32),
}

#[derive(Debug, Clone)]
pub struct Request {
    pub path: String,
    pub query: String,
    pub authorization: Option<String>,
    pub body: Value,
}

#[derive(Default)]
struct Books {
    asked: Vec<Request>,
    faults: VecDeque<Fault>,
    tokens: usize,
}

#[derive(Clone, Default)]
pub struct Ground(Arc<Mutex<Books>>);

impl Ground {
    pub async fn open(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        url
    }

    pub fn fails(&self, fault: Fault) {
        self.0.lock().faults.push_back(fault);
    }

    /// What it was told, without requests for tokens.
    pub fn told(&self) -> Vec<Request> {
        self.0.lock().asked.clone()
    }

    pub fn tokens(&self) -> usize {
        self.0.lock().tokens
    }
}

async fn answer(
    State(ground): State<Ground>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if uri.path() == "/token" {
        return token(&ground, &body);
    }
    let authorization = headers.get("authorization");
    let request = Request {
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        authorization: authorization.map(|value| value.to_str().unwrap().to_owned()),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    };
    let fault = {
        let mut books = ground.0.lock();
        books.asked.push(request.clone());
        books.faults.pop_front()
    };
    match fault {
        Some(Fault::Status(status, words)) => {
            (StatusCode::from_u16(status).unwrap(), words.to_string()).into_response()
        }
        Some(Fault::Busy(seconds)) => {
            let header = [("retry-after", seconds.to_string())];
            (StatusCode::TOO_MANY_REQUESTS, header).into_response()
        }
        // A connection that ends before its answer's head is whole.
        Some(Fault::Lost) => panic!("the answer is lost, as it should be"),
        None => taken(&request),
    }
}

fn token(ground: &Ground, body: &[u8]) -> Response {
    ground.0.lock().tokens += 1;
    let form = String::from_utf8(body.to_vec()).unwrap();
    if form.contains("refresh_token=1%2F%2Fgone") {
        let words = json!({
            "error": "invalid_grant", "error_description": "Token has been expired or revoked."
        });
        return (StatusCode::BAD_REQUEST, words.to_string()).into_response();
    }
    assert!(form.contains("grant_type=refresh_token"), "{form}");
    let words = json!({"access_token": "ya29.fresh", "expires_in": 3599, "token_type": "Bearer"});
    words.to_string().into_response()
}

fn taken(request: &Request) -> Response {
    let words = match request.path.as_str() {
        "/mp/collect" => return StatusCode::NO_CONTENT.into_response(),
        "/debug/mp/collect" => json!({"validationMessages": []}),
        "/v1/events:ingest" => json!({"requestId": "126365e1-16d0-4c81-9de9-f362711e250a"}),
        path if path.ends_with("/events") => {
            json!({"events_received": 1, "messages": [], "fbtrace_id": "AbC"})
        }
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    words.to_string().into_response()
}
