//! We register at trunks that want it (RFC 3261 §10.2): one REGISTER with what it takes to be let in. When to ask again,
//! and whom, is decided above.
//!
//! An answer counts when it comes from the address that was asked, for the transaction that asked.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use parking_lot::Mutex;
use ringfence_model::TrunkId;
use rsipstack::sip::{Header, Method, Response, SipMessage, Uri};
use rsipstack::transaction::Transaction;

use crate::RegistrarAddress;
use crate::dialog::Dialog;
use crate::digest::Challenge;
use crate::message;
use crate::phones::{Asked, Flow, asked};
use crate::registered::address_of;
use crate::server::Shared;

/// How long one REGISTER is sent again before its registrar counts as silent: five times over UDP.
const PATIENCE: Duration = Duration::from_secs(10);
/// REGISTERs of one attempt at most: plain, proved, for longer, and proved anew.
const MAX_AGAIN: u8 = 4;
/// The longest time that a registrar may insist on, in seconds.
const LONGEST: u32 = 7 * 86_400;

/// As whom we register at a trunk, and with what that is proved.
#[derive(Clone, PartialEq, Eq)]
pub struct TrunkIdentity {
    /// The trunk.
    pub trunk: TrunkId,
    /// The user of our address there, unescaped.
    pub user: String,
    /// Its host, as the registrar knows it.
    pub domain: String,
    /// The user of our Contact: letters and digits, of no other trunk, the same after a restart.
    pub contact: String,
    /// Who we are when a password is asked for (RFC 3261 §22).
    pub login: String,
    /// The password.
    pub password: String,
    /// The only realm that is answered.
    pub realm: Option<String>,
}

/// The password stays out of logs.
impl std::fmt::Debug for TrunkIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrunkIdentity")
            .field("trunk", &self.trunk)
            .field("domain", &self.domain)
            .finish_non_exhaustive()
    }
}

/// Why a registrar does not know us.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegisterFailure {
    /// Nothing could be sent, or nothing came back; in words.
    #[error("{0}")]
    Silence(String),
    /// The password is wrong, or the challenge is one that is not answered.
    #[error("the password is not taken ({code} {phrase})")]
    Password {
        /// The SIP status code.
        code: u16,
        /// The words beside it.
        phrase: String,
    },
    /// It refuses.
    #[error("it refuses with {code} {phrase}")]
    Refused {
        /// The SIP status code.
        code: u16,
        /// The words beside it.
        phrase: String,
        /// When to ask again, where it says so (RFC 3261 §20.33).
        retry_after: Option<Duration>,
    },
}

/// What registers us at one trunk: its requests share a Call-ID and are numbered (RFC 3261 §10.2).
pub struct Binding {
    shared: Arc<Shared>,
    identity: TrunkIdentity,
    requests: Option<Dialog>,
    /// The least that the registrar takes, in seconds, once it said so.
    at_least: u32,
}

impl std::fmt::Debug for Binding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Binding")
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

impl Binding {
    pub(crate) fn new(shared: Arc<Shared>, identity: TrunkIdentity) -> Self {
        let registrar = Uri::try_from(format!("sip:{}", identity.domain)).ok();
        let own = address_of(&identity.user, &identity.domain);
        Self {
            requests: registrar.map(|registrar| Dialog::registering(registrar, &own)),
            shared,
            identity,
            at_least: 0,
        }
    }

    /// Asks a registrar to know us for `seconds`, 0 to forget us. For how long it does, and never longer than asked.
    ///
    /// # Errors
    /// [`RegisterFailure`].
    pub fn ask(
        &mut self,
        registrar: RegistrarAddress,
        seconds: u32,
    ) -> BoxFuture<'_, Result<Duration, RegisterFailure>> {
        Box::pin(async move {
            let transport = registrar.stack_transport();
            let objection = self.shared.identity.objection(transport, registrar.address);
            if let Some(objection) = objection {
                return Err(RegisterFailure::Silence(objection));
            }
            let mut proved = false;
            for _ in 0..MAX_AGAIN {
                let wanted = match seconds {
                    0 => 0,
                    seconds => seconds.max(self.at_least),
                };
                let response = self.exchange(registrar, wanted).await?;
                let code = response.status_code.code();
                match code {
                    200..300 => return self.granted(&response, wanted),
                    401 | 407 => {
                        proved = self.prove(&response, proved)?;
                    }
                    423 if self.raise(&response, wanted) => {}
                    _ => return Err(refused(&response)),
                }
            }
            Err(RegisterFailure::Silence(
                "it goes on asking for other REGISTERs".to_owned(),
            ))
        })
    }

    /// One REGISTER and its final response.
    async fn exchange(
        &mut self,
        registrar: RegistrarAddress,
        seconds: u32,
    ) -> Result<Response, RegisterFailure> {
        let silent = |why: &str| RegisterFailure::Silence(why.to_owned());
        let shared = &self.shared;
        let transport = registrar.stack_transport();
        let requests = self
            .requests
            .as_mut()
            .ok_or_else(|| silent("its domain is no host"))?;
        requests.travel_by(transport);
        let contact = shared
            .identity
            .contact_of(&self.identity.contact, transport);
        let headers = vec![
            Header::Contact(format!("{contact};expires={seconds}").into()),
            Header::Expires(seconds.to_string().into()),
        ];
        let request = requests.request(Method::Register, &shared.identity, headers, Vec::new());
        let transaction = requests.transaction(request, &shared.endpoint);
        let mut transaction =
            transaction.ok_or_else(|| silent("its REGISTER could not be made"))?;
        transaction.destination = Some(registrar.into());
        let _expected = shared.registrars.expect(&requests.call_id, registrar);
        let response = tokio::time::timeout(PATIENCE, final_response(transaction))
            .await
            .map_err(|_| silent("nothing came back from its address"))?
            .ok_or_else(|| silent("its address takes no connection"))?;
        if message::is_local(&response) {
            return Err(silent(match response.status_code.code() {
                408 => "nothing came back from its address",
                _ => "its address takes no connection",
            }));
        }
        Ok(response)
    }

    /// Takes the challenge of a response for the next request; whether it was taken, which it must be once more only
    /// when a nonce was too old (RFC 7616 §3.3).
    fn prove(&mut self, response: &Response, proved: bool) -> Result<bool, RegisterFailure> {
        let code = response.status_code.code();
        let not_taken = || RegisterFailure::Password {
            code,
            phrase: message::phrase(response),
        };
        let by_proxy = code == 407;
        let mut challenges = response.headers.iter().filter_map(|header| match header {
            Header::WwwAuthenticate(value) if !by_proxy => Challenge::parse(value.value()),
            Header::ProxyAuthenticate(value) if by_proxy => Challenge::parse(value.value()),
            _ => None,
        });
        let named = self.identity.realm.as_ref();
        let challenge = challenges
            .find(|challenge| named.is_none_or(|realm| *realm == challenge.realm))
            .filter(|challenge| !proved || challenge.stale)
            .ok_or_else(not_taken)?;
        let requests = self.requests.as_mut().ok_or_else(not_taken)?;
        // What an earlier REGISTER was proved with says nothing about this one.
        requests.forget_proof();
        let TrunkIdentity {
            login, password, ..
        } = self.identity.clone();
        Ok(requests.challenged(challenge, by_proxy, login, password))
    }

    /// The registrar takes no registration as short as ours (RFC 3261 §10.2.8); whether it is asked for a longer one.
    fn raise(&mut self, response: &Response, wanted: u32) -> bool {
        let minimum = response.headers.iter().find_map(|header| match header {
            Header::MinExpires(minimum) => minimum.value().trim().parse().ok(),
            _ => None,
        });
        match minimum {
            Some(minimum) if minimum > wanted && minimum <= LONGEST && wanted > 0 => {
                self.at_least = minimum;
                true
            }
            _ => false,
        }
    }

    /// For how long a 200 says that we are known (RFC 3261 §10.2.4).
    fn granted(&self, response: &Response, wanted: u32) -> Result<Duration, RegisterFailure> {
        let (listed, header) = asked(&response.headers).unwrap_or((Asked::Nothing, None));
        let own = match listed {
            Asked::Contacts(contacts) => contacts.into_iter().find_map(|contact| {
                let user = message::user_part(&format!("<{}>", contact.uri));
                (user.as_deref() == Some(&self.identity.contact)).then_some(contact.expires)
            }),
            _ => None,
        };
        let granted = own.flatten().or(header).unwrap_or(wanted).min(wanted);
        if granted == 0 && wanted > 0 {
            return Err(refused(response));
        }
        Ok(Duration::from_secs(granted.into()))
    }
}

fn refused(response: &Response) -> RegisterFailure {
    let retry_after = response.headers.iter().find_map(|header| match header {
        // `18000;duration=3600`, or with a comment in brackets.
        Header::RetryAfter(after) => {
            let value = after.value().trim();
            let end = value.find(|c: char| !c.is_ascii_digit());
            value[..end.unwrap_or(value.len())].parse().ok()
        }
        _ => None,
    });
    RegisterFailure::Refused {
        code: response.status_code.code(),
        phrase: message::phrase(response),
        retry_after: retry_after.map(Duration::from_secs),
    }
}

async fn final_response(mut transaction: Transaction) -> Option<Response> {
    transaction.send().await.ok()?;
    transaction.connection.as_ref()?;
    loop {
        match transaction.receive().await? {
            SipMessage::Response(response) if response.status_code.code() >= 200 => {
                return Some(response);
            }
            _ => {}
        }
    }
}

/// The registrars that have been asked and have not answered yet, by the Call-ID. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Registrars {
    asked: Arc<Mutex<HashMap<String, RegistrarAddress>>>,
}

impl Registrars {
    /// Takes answers of this one until the guard is dropped.
    fn expect(&self, call_id: &str, registrar: RegistrarAddress) -> Expected {
        self.asked.lock().insert(call_id.to_owned(), registrar);
        Expected {
            registrars: self.clone(),
            call_id: call_id.to_owned(),
        }
    }

    /// Whether a response to a REGISTER came from whom that was sent to.
    pub(crate) fn may_answer(&self, response: &Response, way: Flow) -> bool {
        let asked = self.asked.lock();
        let registrar = message::call_id(response).and_then(|call_id| asked.get(call_id));
        registrar.is_some_and(|registrar| registrar.is(way))
    }
}

struct Expected {
    registrars: Registrars,
    call_id: String,
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.registrars.asked.lock().remove(&self.call_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_model::SipTransport;

    #[test]
    fn only_the_registrar_that_was_asked_may_answer() {
        let address = |text: &str| text.parse().expect("an address");
        let way = |transport, text| Flow {
            transport,
            address: address(text),
        };
        let registrar = |transport| RegistrarAddress {
            transport,
            address: address("192.0.2.1:5060"),
        };
        let udp = registrar(SipTransport::Udp);
        assert!(udp.is(way(SipTransport::Udp, "192.0.2.1:5060")));
        assert!(udp.is(way(SipTransport::Udp, "[::ffff:192.0.2.1]:5060")));
        assert!(!udp.is(way(SipTransport::Udp, "192.0.2.1:5061")));
        assert!(!udp.is(way(SipTransport::Udp, "192.0.2.2:5060")));
        assert!(!udp.is(way(SipTransport::Tcp, "192.0.2.1:5060")));
        let tcp = registrar(SipTransport::Tcp);
        assert!(tcp.is(way(SipTransport::Tcp, "192.0.2.1:40000")));
    }
}
