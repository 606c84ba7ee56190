//! One carrier asked: in its own dialect, with its credentials, and what went wrong in words that all share.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringfence_model::{Carrier, CarrierKind, E164, NumberOrder};
use ringfence_outbound::{Answer, Message, Method};
use serde_json::Value;

use super::request::{Body, CarrierFault, Held, Offer, Placed, Request, Search};
use super::{place, telnyx, twilio};
use crate::Platform;
use crate::secrets::SealedError;

/// How long a carrier may take to answer.
const TIME: Duration = Duration::from_secs(20);
/// Octets of an answer: a page of a thousand numbers at Twilio has about two million.
const MOST_OCTETS: usize = 8 * 1024 * 1024;
/// Pages of the list of numbers that are read at once: 40,000 numbers at Twilio, 10,000 at Telnyx.
const MOST_PAGES: usize = 40;
/// What is only asked for is asked again when it fails, so often, after so long at most.
const TRIES: u32 = 3;
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A carrier, ready to be asked.
pub(super) struct Asking<'a> {
    platform: &'a Platform,
    carrier: &'a Carrier,
    secret: String,
}

/// The numbers that an account has at its carrier.
pub(super) struct Everything {
    pub numbers: Vec<Held>,
    /// There are more than are read.
    pub cut: bool,
}

impl<'a> Asking<'a> {
    pub fn of(platform: &'a Platform, carrier: &'a Carrier) -> Result<Self, SealedError> {
        let place = place(carrier.account, carrier.id);
        let secret = platform.keys.secrets.open(place, &carrier.secret)?;
        let secret = String::from_utf8(secret).map_err(|_| SealedError)?;
        Ok(Self {
            platform,
            carrier,
            secret,
        })
    }

    /// Whether the credentials are good.
    pub async fn check(&self) -> Result<(), CarrierFault> {
        let request = match self.carrier.kind {
            CarrierKind::Twilio => twilio::check(&self.carrier.user),
            CarrierKind::Telnyx => telnyx::check(),
        };
        self.patiently(&request).await.map(drop)
    }

    pub async fn search(&self, search: &Search) -> Result<Vec<Offer>, CarrierFault> {
        match self.carrier.kind {
            CarrierKind::Twilio => {
                let request = twilio::search(&self.carrier.user, search);
                twilio::offers(&self.patiently(&request).await?)
            }
            CarrierKind::Telnyx => {
                let request = telnyx::search(search);
                telnyx::offers(&self.patiently(&request).await?)
            }
        }
    }

    /// The number as the account has it at the carrier, when it does.
    pub async fn find(&self, e164: &E164) -> Result<Option<Held>, CarrierFault> {
        let found = match self.carrier.kind {
            CarrierKind::Twilio => {
                twilio::held(&self.ask(&twilio::find(&self.carrier.user, e164)).await?)?
            }
            CarrierKind::Telnyx => telnyx::held(&self.ask(&telnyx::find(e164)).await?)?,
        };
        Ok(found.into_iter().find(|held| held.e164 == *e164))
    }

    /// What came of an order that was placed before. Twilio has none: what it takes is there at once.
    pub async fn placed_before(&self, order: &NumberOrder) -> Result<Placed, CarrierFault> {
        match self.carrier.kind {
            CarrierKind::Twilio => Ok(Placed::Nothing),
            CarrierKind::Telnyx => {
                let answer = self.ask(&telnyx::placed_before(order.id)).await?;
                telnyx::placed(order.id, &answer)
            }
        }
    }

    /// Places an order. It may have been placed also when no answer came.
    pub async fn order(&self, order: &NumberOrder) -> Result<(), CarrierFault> {
        let (e164, trunk) = (&order.e164, self.carrier.trunk.as_str());
        let request = match self.carrier.kind {
            CarrierKind::Twilio => twilio::order(&self.carrier.user, e164, trunk),
            CarrierKind::Telnyx => telnyx::order(order.id, e164, trunk),
        };
        self.ask(&request).await.map(drop)
    }

    /// Has the calls of a number come over our trunk, unless they do or no trunk is known.
    pub async fn set_trunk(&self, held: &Held) -> Result<(), CarrierFault> {
        let trunk = self.carrier.trunk.as_str();
        if trunk.is_empty() || held.trunk.as_deref() == Some(trunk) {
            return Ok(());
        }
        let request = match self.carrier.kind {
            CarrierKind::Twilio => twilio::set_trunk(&self.carrier.user, &held.id, trunk),
            CarrierKind::Telnyx => telnyx::set_trunk(&held.id, trunk),
        };
        self.ask(&request).await.map(drop)
    }

    pub async fn give_back(&self, held: &Held) -> Result<(), CarrierFault> {
        let request = match self.carrier.kind {
            CarrierKind::Twilio => twilio::give_back(&self.carrier.user, &held.id),
            CarrierKind::Telnyx => telnyx::give_back(&held.id),
        };
        self.ask(&request).await.map(drop)
    }

    pub async fn everything(&self) -> Result<Everything, CarrierFault> {
        let mut numbers = Vec::new();
        let mut request = Some(match self.carrier.kind {
            CarrierKind::Twilio => twilio::all(&self.carrier.user),
            CarrierKind::Telnyx => telnyx::all(1),
        });
        for _ in 0..MOST_PAGES {
            let Some(page) = request else { break };
            let answer = self.patiently(&page).await?;
            request = match self.carrier.kind {
                CarrierKind::Twilio => {
                    numbers.extend(twilio::held(&answer)?);
                    twilio::next(&self.carrier.user, &answer)
                }
                CarrierKind::Telnyx => {
                    numbers.extend(telnyx::held(&answer)?);
                    telnyx::next(&answer)
                }
            };
        }
        let cut = request.is_some();
        Ok(Everything { numbers, cut })
    }

    /// What is only asked for, again when it failed in a way that may pass soon.
    async fn patiently(&self, request: &Request) -> Result<Value, CarrierFault> {
        let mut tries = 1;
        loop {
            let pause = match self.ask(request).await {
                Err(CarrierFault::Limited(wish)) if tries < TRIES => wish.unwrap_or_default(),
                Err(CarrierFault::Away(_)) if tries < TRIES => Duration::ZERO,
                answered => return answered,
            };
            if pause > LONGEST_PAUSE {
                return Err(CarrierFault::Limited(Some(pause)));
            }
            tokio::time::sleep(pause.max(Duration::from_millis(200) * tries)).await;
            tries += 1;
        }
    }

    async fn ask(&self, request: &Request) -> Result<Value, CarrierFault> {
        let urls = &self.platform.settings.carriers;
        let (base, authorization) = match self.carrier.kind {
            CarrierKind::Twilio => {
                let pair = format!("{}:{}", self.carrier.user, self.secret);
                (&urls.twilio, format!("Basic {}", STANDARD.encode(pair)))
            }
            CarrierKind::Telnyx => (&urls.telnyx, format!("Bearer {}", self.secret)),
        };
        let body = request.body.as_ref().map(|body| match body {
            Body::Form(form) => (
                "application/x-www-form-urlencoded",
                form.clone().into_bytes(),
            ),
            Body::Json(json) => ("application/json", json.to_string().into_bytes()),
        });
        let url = format!("{}{}", base.trim_end_matches('/'), request.path);
        let message = Message {
            method: request.method,
            url: &url,
            headers: &[
                ("authorization", authorization),
                ("accept", "application/json".into()),
            ],
            body,
        };
        let answered = self
            .platform
            .outbound
            .ask(&message, TIME, MOST_OCTETS)
            .await;
        let read = match answered {
            Ok(answer) => self.read(request.method, &answer),
            Err(error) => Err(CarrierFault::Away(error.to_string())),
        };
        let outcome = read.as_ref().map_or_else(CarrierFault::word, |_| "ok");
        metrics::counter!(
            "ringfence_carrier_requests_total",
            "carrier" => self.carrier.kind.as_str(), "outcome" => outcome
        )
        .increment(1);
        read
    }

    fn read(&self, method: Method, answer: &Answer) -> Result<Value, CarrierFault> {
        let json = serde_json::from_slice::<Value>(&answer.body).ok();
        let error = json.as_ref().and_then(|json| match self.carrier.kind {
            CarrierKind::Twilio => twilio::error(json),
            CarrierKind::Telnyx => telnyx::error(json),
        });
        match answer.status {
            200..300 => match json {
                Some(json) => Ok(json),
                // What was taken away says nothing.
                None if method == Method::Delete => Ok(Value::Null),
                None => Err(CarrierFault::Unreadable("JSON")),
            },
            401 | 403 => Err(CarrierFault::Credentials(answer.status)),
            429 => Err(CarrierFault::Limited(answer.retry_after)),
            408 | 500.. => Err(CarrierFault::Away(format!("it answered {}", answer.status))),
            // What is gone cannot be taken away again.
            404 if method == Method::Delete => Ok(Value::Null),
            status => Err(CarrierFault::Refused(
                error.unwrap_or_else(|| format!("it answered {status}")),
            )),
        }
    }
}
