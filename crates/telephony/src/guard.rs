//! The guard of trunks that prove themselves by a password: challenges that cost nothing to make, and an end to
//! guessing.

use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime};

use rsipstack::sip::{Header, Request};

use crate::digest::{self, Credentials};
use crate::guesses::{Guesses, Patience};
use crate::message;
use crate::nonces::Nonces;
use crate::trunks::TrunkAccount;

/// How long a nonce may be used, in seconds. It is bound to its address and Call-ID, so that one that was
/// overheard begins no other call.
const NONCE_LIFETIME: u64 = 60;
/// Wrong answers of an address before it is not heard any more, and for how long.
const PATIENCE: Patience = Patience {
    most: 10,
    window: Duration::from_mins(5),
    remembered: 10_000,
};
/// Challenges and judges.
pub(crate) struct Guard {
    nonces: Nonces,
    guesses: Guesses<IpAddr>,
}

/// What a request's credentials are worth.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// They prove the account.
    Good,
    /// There are none, or they are old: ask with these headers.
    Ask(Vec<Header>),
    /// Too many wrong ones came from there.
    Silence,
}

impl Guard {
    pub(crate) fn new() -> Self {
        Self {
            nonces: Nonces::new(),
            guesses: Guesses::new(PATIENCE),
        }
    }

    /// Judges a request of an address at which these accounts must prove themselves.
    pub(crate) fn judge(
        &self,
        request: &Request,
        source: IpAddr,
        accounts: &[TrunkAccount],
    ) -> Proof {
        let call_id = message::call_id(request).unwrap_or_default();
        if self.guesses.is_banned(&source, Instant::now()) {
            return Proof::Silence;
        }
        let now = seconds();
        let mut stale = false;
        if let Some(credentials) = credentials(request) {
            let account = accounts.iter().find(|a| a.user == credentials.user);
            let proves = account.is_some_and(|account| {
                let method = request.method.to_string();
                credentials.proves_password(realm(account), &account.password, &method)
            });
            match self.nonces.age(&credentials.nonce, source, call_id, now) {
                Some(age) if proves && age <= NONCE_LIFETIME => {
                    self.guesses.forget(&source);
                    return Proof::Good;
                }
                // A nonce of before our last start, or of another call: no guess.
                _ if proves => stale = true,
                _ => {
                    metrics::counter!("ringfence_sip_refused_total", "reason" => "password")
                        .increment(1);
                    self.guesses.count(&source, Instant::now());
                }
            }
        }
        let Some(account) = accounts.first() else {
            return Proof::Good;
        };
        let nonce = self.nonces.make(source, call_id, now);
        let challenges = digest::challenges(realm(account), &nonce, stale, account.md5_only);
        Proof::Ask(challenges)
    }
}

/// The seconds of the system's clock, for nonces.
pub(crate) fn seconds() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Whose request it says that it is.
pub(crate) fn credentials(request: &Request) -> Option<Credentials> {
    request.headers.iter().find_map(|header| match header {
        Header::Authorization(value) => Credentials::parse(value.value()),
        _ => None,
    })
}

fn realm(account: &TrunkAccount) -> &str {
    account.realm.as_deref().unwrap_or(digest::REALM)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Challenge;
    use ringfence_model::{Timestamp, TrunkId};
    use rsipstack::sip::SipMessage;

    fn account() -> TrunkAccount {
        TrunkAccount {
            trunk: TrunkId::new(Timestamp::from_micros(0), 1),
            host: "sip.example.com".into(),
            user: "trunk".into(),
            password: "secret".into(),
            realm: None,
            challenge: true,
            md5_only: false,
        }
    }

    fn request(call_id: &str, authorization: Option<&str>) -> Request {
        let authorization =
            authorization.map_or_else(String::new, |value| format!("Authorization: {value}\r\n"));
        let text = format!(
            "INVITE sip:a@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx\r\n\
             From: <sip:b@example.com>;tag=abc\r\nTo: <sip:a@192.0.2.1>\r\nCall-ID: {call_id}\r\n\
             CSeq: 1 INVITE\r\n{authorization}Content-Length: 0\r\n\r\n"
        );
        match SipMessage::try_from(text.as_bytes()).expect("it is sound") {
            SipMessage::Request(request) => request,
            SipMessage::Response(_) => panic!("it is a request"),
        }
    }

    fn challenge(proof: Proof) -> Challenge {
        let Proof::Ask(headers) = proof else {
            panic!("expected a challenge, got {proof:?}");
        };
        assert_eq!(headers.len(), 2, "one for each algorithm");
        let Header::WwwAuthenticate(value) = &headers[0] else {
            panic!("expected WWW-Authenticate");
        };
        Challenge::parse(value.value()).expect("it can be answered")
    }

    #[test]
    fn a_password_lets_one_call_in_from_one_address() {
        let guard = Guard::new();
        let (here, there) = ([192, 0, 2, 9].into(), [192, 0, 2, 10].into());
        let accounts = [account()];
        let asked = challenge(guard.judge(&request("c1", None), here, &accounts));
        let answer = asked.answer("trunk", "secret", "INVITE", "sip:a@192.0.2.1", 1);
        let judge = |call, from| guard.judge(&request(call, Some(&answer)), from, &accounts);
        assert_eq!(judge("c1", here), Proof::Good);
        assert!(
            challenge(judge("c2", here)).stale,
            "a nonce of another call"
        );
        assert!(
            challenge(judge("c1", there)).stale,
            "a nonce of another address"
        );
    }

    #[test]
    fn who_guesses_is_not_heard_any_more() {
        let guard = Guard::new();
        let here = [192, 0, 2, 9].into();
        let accounts = [account()];
        for _ in 0..PATIENCE.most {
            let asked = challenge(guard.judge(&request("c", None), here, &accounts));
            let wrong = asked.answer("trunk", "guess", "INVITE", "sip:a@192.0.2.1", 1);
            let proof = guard.judge(&request("c", Some(&wrong)), here, &accounts);
            assert!(!challenge(proof).stale);
        }
        assert_eq!(
            guard.judge(&request("c", None), here, &accounts),
            Proof::Silence
        );
        let other = [192, 0, 2, 10].into();
        assert!(matches!(
            guard.judge(&request("c", None), other, &accounts),
            Proof::Ask(_)
        ));
    }
}
