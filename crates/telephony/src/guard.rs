//! The guard of trunks that prove themselves by a password: challenges that cost nothing to make, and an end to
//! guessing.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime};

use hmac::{Hmac, Mac};
use parking_lot::Mutex;
use rsipstack::sip::{Header, Request};
use sha2::Sha256;

use crate::digest::{Algorithm, Credentials, hex};
use crate::message;
use crate::trunks::TrunkAccount;

/// How long a nonce may be used, in seconds. It is bound to its address and Call-ID, so that one that was
/// overheard begins no other call.
const NONCE_LIFETIME: u64 = 60;
/// Wrong answers of an address before it is not heard any more.
const MAX_GUESSES: u32 = 10;
/// For how long; the count begins afresh then.
const SILENCE: Duration = Duration::from_mins(5);
/// Addresses that are remembered for guessing; beyond it, those that guessed longest ago are forgotten.
const MAX_GUESSERS: usize = 10_000;
/// The realm that we challenge for, where the account names none.
const REALM: &str = "ringfence";

/// Challenges and judges.
pub(crate) struct Guard {
    secret: [u8; 32],
    guesses: Mutex<HashMap<IpAddr, (u32, Instant)>>,
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
            secret: rand::random(),
            guesses: Mutex::default(),
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
        if self.is_silenced(source) {
            return Proof::Silence;
        }
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let mut stale = false;
        if let Some(credentials) = credentials(request) {
            let account = accounts.iter().find(|a| a.user == credentials.user);
            let proves = account.is_some_and(|account| {
                let method = request.method.to_string();
                credentials.proves(realm(account), &account.password, &method)
            });
            match self.age(&credentials.nonce, source, call_id, now) {
                Some(age) if proves && age <= NONCE_LIFETIME => {
                    self.guesses.lock().remove(&source);
                    return Proof::Good;
                }
                // A nonce of before our last start, or of another call: no guess.
                _ if proves => stale = true,
                _ => self.count_guess(source),
            }
        }
        let Some(account) = accounts.first() else {
            return Proof::Good;
        };
        let nonce = self.nonce(source, call_id, now);
        let algorithms: &[Algorithm] = if account.md5_only {
            &[Algorithm::Md5]
        } else {
            &[Algorithm::Sha256, Algorithm::Md5]
        };
        let challenges = algorithms.iter().map(|algorithm| {
            let stale = if stale { ", stale=true" } else { "" };
            let value = format!(
                "Digest realm=\"{}\", nonce=\"{nonce}\", qop=\"auth\", algorithm={}{stale}",
                realm(account),
                algorithm.name()
            );
            Header::WwwAuthenticate(value.into())
        });
        Proof::Ask(challenges.collect())
    }

    fn is_silenced(&self, source: IpAddr) -> bool {
        let guesses = self.guesses.lock();
        guesses
            .get(&source)
            .is_some_and(|(count, last)| *count >= MAX_GUESSES && last.elapsed() < SILENCE)
    }

    fn count_guess(&self, source: IpAddr) {
        metrics::counter!("ringfence_sip_refused_total", "reason" => "password").increment(1);
        let now = Instant::now();
        let mut guesses = self.guesses.lock();
        if guesses.len() >= MAX_GUESSERS && !guesses.contains_key(&source) {
            guesses.retain(|_, (_, last)| last.elapsed() < SILENCE);
            let oldest = guesses.iter().min_by_key(|(_, (_, last))| *last);
            if let Some(oldest) = oldest.map(|(address, _)| *address)
                && guesses.len() >= MAX_GUESSERS
            {
                guesses.remove(&oldest);
            }
        }
        let (count, last) = guesses.entry(source).or_insert((0, now));
        *count = if last.elapsed() < SILENCE {
            *count + 1
        } else {
            1
        };
        *last = now;
    }

    /// The instant, and a seal over it and what it is for.
    fn nonce(&self, source: IpAddr, call_id: &str, now: u64) -> String {
        let seal = Hmac::<Sha256>::new_from_slice(&self.secret)
            .expect("HMAC takes keys of any length")
            .chain_update(now.to_be_bytes())
            .chain_update(source.to_canonical().to_string())
            .chain_update([0])
            .chain_update(call_id)
            .finalize()
            .into_bytes();
        format!("{now:x}.{}", hex(&seal[..16]))
    }

    /// How old a nonce of ours is, in seconds.
    fn age(&self, nonce: &str, source: IpAddr, call_id: &str, now: u64) -> Option<u64> {
        let (made, _) = nonce.split_once('.')?;
        let made = u64::from_str_radix(made, 16).ok()?;
        let ours = self.nonce(source, call_id, made);
        let same = subtle::ConstantTimeEq::ct_eq(ours.as_bytes(), nonce.as_bytes());
        bool::from(same).then(|| now.saturating_sub(made))
    }
}

/// Whose request it says that it is.
pub(crate) fn credentials(request: &Request) -> Option<Credentials> {
    request.headers.iter().find_map(|header| match header {
        Header::Authorization(value) => Credentials::parse(value.value()),
        _ => None,
    })
}

fn realm(account: &TrunkAccount) -> &str {
    account.realm.as_deref().unwrap_or(REALM)
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
        for _ in 0..MAX_GUESSES {
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
