//! Whose REGISTER, and which phone's INVITE, is looked at further: before there is a transaction, and without telling who is known here.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use metrics::counter;
use parking_lot::Mutex;
use rsipstack::sip::{Header, Request};
use tracing::warn;

use super::directory::PhoneDirectory;
use super::flow::Flow;
use crate::digest::{self, Credentials, PhoneSecret};
use crate::gate::Bucket;
use crate::guard::{credentials, seconds};
use crate::guesses::{Guesses, Patience, neighbourhood};
use crate::message;
use crate::nonces::Nonces;

/// How long a nonce may be used, in seconds: a refresh or two.
const NONCE_LIFETIME: u64 = 300;
/// Wrong passwords of an address.
const OF_ADDRESS: Patience = Patience {
    most: 10,
    window: Duration::from_mins(15),
    remembered: 10_000,
};
/// Wrong passwords for a user, from wherever they come.
const OF_USER: Patience = Patience {
    most: 50,
    window: Duration::from_mins(15),
    remembered: 10_000,
};
/// REGISTERs a second of an address, and of all together.
const RATE_OF_ADDRESS: u32 = 20;
const RATE_OF_ALL: u32 = 500;
/// Addresses whose rate is remembered; beyond it those of the last second are forgotten.
const RATES: usize = 10_000;
/// Nonces in use that are remembered with their counts.
const COUNTED: usize = 20_000;
/// A user that is longer is nobody's.
const LONGEST_USER: usize = 64;

/// What a REGISTER or a phone's INVITE is worth.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It proves its phone's password.
    Good,
    /// There is nothing to prove it by, or it is wrong or old: ask with these headers.
    Ask(Vec<Header>),
    /// No answer, for this reason.
    Silence(&'static str),
}

/// Judges REGISTERs.
pub(crate) struct Door {
    phones: PhoneDirectory,
    nonces: Nonces,
    counts: Mutex<NonceCounts>,
    addresses: Guesses<IpAddr>,
    users: Guesses<String>,
    rates: Mutex<Rates>,
    /// What nobody's password is compared with, so that an unknown user takes as long as a known one.
    nobody: PhoneSecret,
    md5_only: bool,
}

impl Door {
    pub(crate) fn new(phones: PhoneDirectory, md5_only: bool) -> Self {
        let nothing: [u8; 16] = rand::random();
        Self {
            phones,
            nonces: Nonces::new(),
            counts: Mutex::default(),
            addresses: Guesses::new(OF_ADDRESS),
            users: Guesses::new(OF_USER),
            rates: Mutex::new(Rates::new()),
            nobody: PhoneSecret::new("", &digest::hex(&nothing)),
            md5_only,
        }
    }

    /// Whether an address has guessed too often.
    pub(crate) fn is_banned(&self, address: IpAddr) -> bool {
        self.addresses
            .is_banned(&neighbourhood(address), Instant::now())
    }

    /// Judges a REGISTER, or a phone's INVITE, that came this way.
    pub(crate) fn judge(&self, request: &Request, flow: Flow) -> Admission {
        self.judge_at(request, flow, Instant::now())
    }

    fn judge_at(&self, request: &Request, flow: Flow, now: Instant) -> Admission {
        let source = flow.address.ip();
        let party = neighbourhood(source);
        let credentials = credentials(request);
        let user = credentials.as_ref().map_or("", |found| found.user.as_str());
        // Who is in stays in: others behind the same address may be the ones who guess.
        let is_in = self.phones.is_on(user, flow);
        if !is_in && self.addresses.is_banned(&party, now) {
            return Admission::Silence("banned");
        }
        if !self.rates.lock().take(party, now) {
            return Admission::Silence("register_rate");
        }
        let call_id = message::call_id(request).unwrap_or_default();
        let time = seconds();
        let ask = |stale| {
            let nonce = self.nonces.make(source, call_id, time);
            Admission::Ask(digest::challenges(
                digest::REALM,
                &nonce,
                stale,
                self.md5_only,
            ))
        };
        let Some(credentials) = &credentials else {
            return ask(false);
        };
        // Nothing is said of a password under a nonce that is not ours and fresh: whoever guesses has to ask first.
        let age = self.nonces.age(&credentials.nonce, source, call_id, time);
        let Some(age) = age.filter(|age| *age <= NONCE_LIFETIME) else {
            return ask(true);
        };
        if user.len() > LONGEST_USER || (!is_in && self.users.is_banned(&user.to_owned(), now)) {
            counter!("ringfence_sip_refused_total", "reason" => "user_locked").increment(1);
            return ask(false);
        }
        if !self.proves(credentials, request) {
            self.count_guess(party, user, now);
            return ask(false);
        }
        if !self.counts.lock().takes(credentials, time - age, time) {
            return ask(true);
        }
        Admission::Good
    }

    fn proves(&self, credentials: &Credentials, request: &Request) -> bool {
        let entry = self.phones.find(&credentials.user);
        let secret = entry
            .as_ref()
            .map_or(&self.nobody, |entry| &entry.phone.secret);
        credentials.proves_phone(secret, &request.method.to_string()) && entry.is_some()
    }

    fn count_guess(&self, party: IpAddr, user: &str, now: Instant) {
        counter!("ringfence_sip_refused_total", "reason" => "phone_password").increment(1);
        if self.addresses.count(&party, now) {
            counter!("ringfence_sip_bans_total", "of" => "address").increment(1);
            warn!(address = %party, "too many wrong passwords of phones: it is not heard for a while");
        }
        if self.users.count(&user.to_owned(), now) {
            counter!("ringfence_sip_bans_total", "of" => "user").increment(1);
            warn!(
                "too many wrong passwords for one phone: it cannot register from elsewhere for a while"
            );
        }
    }
}

/// How often each nonce was used: one that is used again with the same count is a replay (RFC 7616 §3.4).
#[derive(Default)]
struct NonceCounts {
    /// The last count, and when the nonce was made, in seconds.
    last: HashMap<String, (u32, u64)>,
    /// So many were in use that those which were made by then are not known any more, in seconds.
    forgotten: Option<u64>,
}

impl NonceCounts {
    fn takes(&mut self, credentials: &Credentials, made: u64, now: u64) -> bool {
        let Some(count) = credentials.count() else {
            return false;
        };
        if self.forgotten.is_some_and(|until| made <= until) {
            return false;
        }
        if let Some((last, _)) = self.last.get_mut(&credentials.nonce) {
            let is_new = count > *last;
            *last = count.max(*last);
            return is_new;
        }
        if self.last.len() >= COUNTED {
            self.last
                .retain(|_, (_, made)| now.saturating_sub(*made) <= NONCE_LIFETIME);
            if self.last.len() >= COUNTED {
                self.last.clear();
                self.forgotten = Some(now);
                return false;
            }
        }
        self.last.insert(credentials.nonce.clone(), (count, made));
        true
    }
}

/// How many REGISTERs come.
struct Rates {
    of: HashMap<IpAddr, Bucket>,
    all: Bucket,
}

impl Rates {
    fn new() -> Self {
        Self {
            of: HashMap::new(),
            all: Bucket::new(RATE_OF_ALL, Instant::now()),
        }
    }

    fn take(&mut self, party: IpAddr, now: Instant) -> bool {
        if self.of.len() >= RATES && !self.of.contains_key(&party) {
            self.of.clear();
        }
        let of_party = self
            .of
            .entry(party)
            .or_insert_with(|| Bucket::new(RATE_OF_ADDRESS, now));
        of_party.take(now) && self.all.take(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Challenge;
    use crate::phones::Phone;
    use ringfence_model::{Registration, SipTransport, TargetId, Timestamp};
    use rsipstack::sip::SipMessage;

    const URI: &str = "sip:192.0.2.1";

    fn flow(host: u8) -> Flow {
        Flow {
            transport: SipTransport::Udp,
            address: ([192, 0, 2, host], 5060).into(),
        }
    }

    fn door() -> Door {
        let phones = PhoneDirectory::default();
        phones.replace(vec![Phone {
            target: TargetId::new(Timestamp::from_micros(0), 1),
            user: "ann".into(),
            secret: PhoneSecret::new("ann", "correct horse"),
        }]);
        Door::new(phones, false)
    }

    fn request(authorization: Option<&str>) -> Request {
        let authorization =
            authorization.map_or_else(String::new, |value| format!("Authorization: {value}\r\n"));
        let text = format!(
            "REGISTER {URI} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx\r\n\
             From: <sip:ann@192.0.2.1>;tag=abc\r\nTo: <sip:ann@192.0.2.1>\r\nCall-ID: c\r\n\
             CSeq: 1 REGISTER\r\n{authorization}Content-Length: 0\r\n\r\n"
        );
        match SipMessage::try_from(text.as_bytes()).expect("it is sound") {
            SipMessage::Request(request) => request,
            SipMessage::Response(_) => panic!("it is a request"),
        }
    }

    fn challenge(admission: Admission) -> Challenge {
        let Admission::Ask(headers) = admission else {
            panic!("expected a challenge, got {admission:?}");
        };
        let Some(Header::WwwAuthenticate(value)) = headers.first() else {
            panic!("expected WWW-Authenticate");
        };
        Challenge::parse(value.value()).expect("it can be answered")
    }

    fn guess(door: &Door, from: Flow, user: &str, password: &str) -> Admission {
        let asked = challenge(door.judge(&request(None), from));
        let answer = asked.answer(user, password, "REGISTER", URI, 1);
        door.judge(&request(Some(&answer)), from)
    }

    #[test]
    fn a_password_lets_a_phone_in_and_each_count_of_a_nonce_once() {
        let door = door();
        let asked = challenge(door.judge(&request(None), flow(9)));
        let answer = |count| asked.answer("ann", "correct horse", "REGISTER", URI, count);
        let judge = |answer: &str, from| door.judge(&request(Some(answer)), flow(from));
        let first = answer(1);
        assert_eq!(judge(&first, 9), Admission::Good);
        assert!(challenge(judge(&first, 9)).stale, "a replay");
        assert_eq!(judge(&answer(2), 9), Admission::Good);
        assert!(challenge(judge(&answer(2), 9)).stale, "a replay");
        assert!(challenge(judge(&answer(3), 10)).stale, "another address's");
    }

    #[test]
    fn the_counts_of_nonces_are_bounded_and_what_is_forgotten_serves_no_more() {
        let mut counts = NonceCounts::default();
        let asked = challenge(door().judge(&request(None), flow(9)));
        let answer = asked.answer("ann", "x", "REGISTER", URI, 1);
        let credentials = Credentials::parse(&answer).expect("it is complete");
        assert!(counts.takes(&credentials, 100, 100));
        for n in counts.last.len()..COUNTED {
            counts.last.insert(n.to_string(), (1, 100));
        }
        let mut other = credentials.clone();
        other.nonce = "another".into();
        assert!(!counts.takes(&other, 110, 110), "there is no room");
        assert!(!counts.takes(&credentials, 100, 111), "a replay");
        assert!(counts.takes(&other, 111, 111), "made since");
        assert_eq!(counts.last.len(), 1);
    }

    #[test]
    fn a_known_user_and_an_unknown_one_get_the_same_answer() {
        let door = door();
        let shape = |admission| {
            let Admission::Ask(headers) = admission else {
                panic!("expected a challenge, got {admission:?}");
            };
            let texts = headers.iter().map(|header| {
                let text = header.value().to_owned();
                let (before, rest) = text.split_once("nonce=\"").expect("a nonce");
                let (nonce, after) = rest.split_once('"').expect("it ends");
                (before.to_owned(), nonce.len(), after.to_owned())
            });
            texts.collect::<Vec<_>>()
        };
        let known = shape(guess(&door, flow(9), "ann", "guess"));
        assert_eq!(shape(guess(&door, flow(9), "nobody", "guess")), known);
        let long = "x".repeat(LONGEST_USER + 1);
        assert_eq!(shape(guess(&door, flow(9), &long, "guess")), known);
    }

    #[test]
    fn an_address_that_guesses_is_not_heard_any_more_and_another_is() {
        let door = door();
        for _ in 0..OF_ADDRESS.most {
            assert!(!challenge(guess(&door, flow(9), "nobody", "guess")).stale);
        }
        assert_eq!(
            door.judge(&request(None), flow(9)),
            Admission::Silence("banned")
        );
        assert!(door.is_banned(flow(9).address.ip()) && !door.is_banned(flow(10).address.ip()));
        assert_eq!(
            guess(&door, flow(10), "ann", "correct horse"),
            Admission::Good
        );
    }

    #[test]
    fn a_user_whose_password_is_guessed_from_everywhere_registers_only_where_it_is() {
        let door = door();
        let now = Timestamp::from(std::time::SystemTime::now());
        door.phones.restore(vec![Registration {
            target: TargetId::new(Timestamp::from_micros(0), 1),
            contact: "sip:ann@192.0.2.200".into(),
            instance: None,
            transport: SipTransport::Udp,
            address: flow(200).address,
            call_id: "c".into(),
            sequence: 1,
            agent: None,
            registered_at: now,
            expires_at: now + Duration::from_mins(1),
        }]);
        for host in 1..=10 {
            for _ in 0..5 {
                guess(&door, flow(host), "ann", "guess");
            }
        }
        let elsewhere = guess(&door, flow(100), "ann", "correct horse");
        assert!(!challenge(elsewhere).stale, "it is locked");
        assert_eq!(
            guess(&door, flow(200), "ann", "correct horse"),
            Admission::Good
        );
    }

    #[test]
    fn guesses_under_nonces_that_were_not_asked_for_say_nothing() {
        let door = door();
        let foreign = Challenge::parse(
            "Digest realm=\"ringfence\", nonce=\"1.00\", qop=\"auth\", algorithm=MD5",
        )
        .expect("it can be answered");
        for password in ["guess", "correct horse"] {
            let answer = foreign.answer("ann", password, "REGISTER", URI, 1);
            let judged = door.judge(&request(Some(&answer)), flow(9));
            assert!(challenge(judged).stale);
        }
    }

    #[test]
    fn an_address_may_send_so_many_a_second() {
        let door = door();
        let now = Instant::now();
        let is_asked = |host| {
            let judged = door.judge_at(&request(None), flow(host), now);
            matches!(judged, Admission::Ask(_))
        };
        assert_eq!((0..100).filter(|_| is_asked(9)).count(), 20);
        assert!(is_asked(10));
    }
}
