//! Digest authentication (RFC 3261 §22, RFC 7616, RFC 8760): answers to challenges, and challenges of our own.
//!
//! Of several challenges the first that we understand is answered (RFC 8760 §2.4). The stack's own digest writes
//! `SHA256` where the RFC says `SHA-256`, so nobody would understand it.

use std::fmt::Write as _;

use md5::Digest as _;
use rsipstack::sip::Header;
use rsipstack::transaction::random_text;
use sha2::Digest as _;

/// The realm that we challenge for, where nobody named another.
pub(crate) const REALM: &str = "ringfence";

/// What stands for a password in our own realm: H(A1) of each algorithm (RFC 7616 §3.4.2). Whoever has it can register,
/// and nothing else: it does not say the password.
#[derive(Clone, PartialEq, Eq)]
pub struct PhoneSecret {
    sha256: [u8; 32],
    md5: [u8; 16],
}

impl PhoneSecret {
    /// Of a user's password.
    pub fn new(user: &str, password: &str) -> Self {
        let text = format!("{user}:{REALM}:{password}");
        Self {
            sha256: sha2::Sha256::digest(&text).into(),
            md5: md5::Md5::digest(&text).into(),
        }
    }

    /// As it is kept: 48 octets.
    pub fn to_octets(&self) -> Vec<u8> {
        [self.sha256.as_slice(), &self.md5].concat()
    }

    /// As it was kept; `None` for anything but 48 octets.
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        let (sha256, md5) = octets.split_at_checked(32)?;
        Some(Self {
            sha256: sha256.try_into().ok()?,
            md5: md5.try_into().ok()?,
        })
    }

    fn of(&self, algorithm: Algorithm) -> String {
        match algorithm {
            Algorithm::Sha256 => hex(&self.sha256),
            Algorithm::Md5 => hex(&self.md5),
        }
    }
}

/// Stays out of logs.
impl std::fmt::Debug for PhoneSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PhoneSecret(…)")
    }
}

/// The challenges that ask for a password, the best first (RFC 8760 §2.4).
pub(crate) fn challenges(realm: &str, nonce: &str, stale: bool, md5_only: bool) -> Vec<Header> {
    let algorithms: &[Algorithm] = if md5_only {
        &[Algorithm::Md5]
    } else {
        &[Algorithm::Sha256, Algorithm::Md5]
    };
    let challenge = |algorithm: &Algorithm| {
        let stale = if stale { ", stale=true" } else { "" };
        let name = algorithm.name();
        let value = format!(
            "Digest realm=\"{realm}\", nonce=\"{nonce}\", qop=\"auth\", algorithm={name}{stale}"
        );
        Header::WwwAuthenticate(value.into())
    };
    algorithms.iter().map(challenge).collect()
}

/// What a hash is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Sha256,
    Md5,
}

impl Algorithm {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA-256",
            Self::Md5 => "MD5",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Sha256, Self::Md5]
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    fn hash(self, text: &str) -> String {
        match self {
            Self::Sha256 => hex(&sha2::Sha256::digest(text)),
            Self::Md5 => hex(&md5::Md5::digest(text)),
        }
    }
}

pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// A `WWW-Authenticate` or `Proxy-Authenticate` that can be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    pub realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Option<Algorithm>,
    qop: bool,
    /// The password was right, the nonce was old.
    pub stale: bool,
}

impl Challenge {
    /// Reads a header's value; `None` when it is of another scheme, of an algorithm or protection that we do not
    /// know, or no challenge at all.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let parameters = Parameters::parse(value)?;
        let algorithm = match parameters.find("algorithm") {
            None => None,
            Some(name) => Some(Algorithm::from_name(name)?),
        };
        let qop = match parameters.find("qop") {
            None => false,
            Some(kinds) => {
                let auth = |kind: &str| kind.trim().eq_ignore_ascii_case("auth");
                if !kinds.split(',').any(auth) {
                    return None;
                }
                true
            }
        };
        Some(Self {
            realm: parameters.find("realm")?.to_owned(),
            nonce: parameters.find("nonce")?.to_owned(),
            opaque: parameters.find("opaque").map(ToOwned::to_owned),
            algorithm,
            qop,
            stale: parameters
                .find("stale")
                .is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }

    /// The value of the header that answers it, for the `count`th request under its nonce.
    pub(crate) fn answer(
        &self,
        user: &str,
        password: &str,
        method: &str,
        uri: &str,
        count: u32,
    ) -> String {
        let Self {
            realm,
            nonce,
            opaque,
            algorithm,
            qop,
            stale: _,
        } = self;
        let hash = algorithm.unwrap_or(Algorithm::Md5);
        let protection = qop.then(|| (random_text(16), format!("{count:08x}")));
        let protection = protection
            .as_ref()
            .map(|(own, count)| (own.as_str(), count.as_str()));
        let secret = hash.hash(&format!("{user}:{realm}:{password}"));
        let response = response(hash, &secret, nonce, method, uri, protection);
        let (user, realm) = (escaped(user), escaped(realm));
        let mut value = format!(
            "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{}\", uri=\"{uri}\", response=\"{response}\"",
            escaped(nonce)
        );
        // Writing into a String cannot fail.
        if let Some(algorithm) = algorithm {
            let _ = write!(value, ", algorithm={}", algorithm.name());
        }
        if let Some((own, count)) = protection {
            let _ = write!(value, ", qop=auth, nc={count}, cnonce=\"{own}\"");
        }
        if let Some(opaque) = opaque {
            let _ = write!(value, ", opaque=\"{}\"", escaped(opaque));
        }
        value
    }
}

/// An `Authorization` that somebody sends us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub user: String,
    realm: String,
    pub nonce: String,
    uri: String,
    response: String,
    algorithm: Algorithm,
    own_nonce: String,
    count: String,
}

impl Credentials {
    /// Reads a header's value; without `qop=auth`, which we ask for, it is none.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let parameters = Parameters::parse(value)?;
        let find = |name| parameters.find(name).map(ToOwned::to_owned);
        if !parameters.find("qop")?.eq_ignore_ascii_case("auth") {
            return None;
        }
        Some(Self {
            user: find("username")?,
            realm: find("realm")?,
            nonce: find("nonce")?,
            uri: find("uri")?,
            response: find("response")?,
            algorithm: match parameters.find("algorithm") {
                None => Algorithm::Md5,
                Some(name) => Algorithm::from_name(name)?,
            },
            own_nonce: find("cnonce")?,
            count: find("nc")?,
        })
    }

    /// Whether it proves that its sender knows the password.
    pub(crate) fn proves_password(&self, realm: &str, password: &str, method: &str) -> bool {
        let secret = self
            .algorithm
            .hash(&format!("{}:{realm}:{password}", self.user));
        self.proves(realm, &secret, method)
    }

    /// Whether it proves that its sender knows a phone's password.
    pub(crate) fn proves_phone(&self, secret: &PhoneSecret, method: &str) -> bool {
        self.proves(REALM, &secret.of(self.algorithm), method)
    }

    /// How often the nonce was used, this time included.
    pub(crate) fn count(&self) -> Option<u32> {
        u32::from_str_radix(&self.count, 16).ok()
    }

    /// `secret` is H(A1).
    fn proves(&self, realm: &str, secret: &str, method: &str) -> bool {
        let expected = response(
            self.algorithm,
            secret,
            &self.nonce,
            method,
            &self.uri,
            Some((&self.own_nonce, &self.count)),
        );
        let same = subtle::ConstantTimeEq::ct_eq(expected.as_bytes(), self.response.as_bytes());
        self.realm == realm && bool::from(same)
    }
}

/// RFC 7616 §3.4.1. `protection` is the client's nonce and count, with `qop=auth`.
fn response(
    algorithm: Algorithm,
    secret: &str,
    nonce: &str,
    method: &str,
    uri: &str,
    protection: Option<(&str, &str)>,
) -> String {
    let request = algorithm.hash(&format!("{method}:{uri}"));
    algorithm.hash(&match protection {
        None => format!("{secret}:{nonce}:{request}"),
        Some((own, count)) => format!("{secret}:{nonce}:{count}:{own}:auth:{request}"),
    })
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// The parameters of a `Digest` value, unquoted.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// More than any server sends.
    const MOST: usize = 24;

    fn parse(value: &str) -> Option<Self> {
        let value = value.trim_start();
        let (scheme, mut rest) = value.split_once(char::is_whitespace)?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let mut parameters = Vec::new();
        while parameters.len() < Self::MOST {
            rest = rest.trim_start_matches([',', ' ', '\t', '\r', '\n']);
            if rest.is_empty() {
                break;
            }
            let (name, after) = rest.split_once('=')?;
            let after = after.trim_start();
            let (value, left) = if let Some(quoted) = after.strip_prefix('"') {
                unquoted(quoted)?
            } else {
                let end = after.find(',').unwrap_or(after.len());
                (after[..end].trim().to_owned(), &after[end..])
            };
            parameters.push((name.trim().to_ascii_lowercase(), value));
            rest = left;
        }
        Some(Self(parameters))
    }

    fn find(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// A quoted string after its first quote, and what comes after the last.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[index + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 7616 §3.9.1.
    #[test]
    fn the_responses_are_those_of_the_rfc() {
        let nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
        let own = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        for (algorithm, expected) in [
            (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
            (
                Algorithm::Sha256,
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
        ] {
            let secret = algorithm.hash("Mufasa:http-auth@example.org:Circle of Life");
            let uri = "/dir/index.html";
            let protection = Some((own, "00000001"));
            let got = response(algorithm, &secret, nonce, "GET", uri, protection);
            assert_eq!(got, expected);
        }
    }

    #[test]
    fn what_we_answer_proves_the_password_and_nothing_else_does() {
        for algorithm in ["SHA-256", "MD5"] {
            let challenge = format!(
                "Digest realm=\"a \\\"realm\\\"\", nonce=\"n,=1\",qop=\"auth-int,auth\", algorithm={algorithm}, opaque=\"\""
            );
            let challenge = Challenge::parse(&challenge).expect("it can be answered");
            let answer = challenge.answer("us\"er", "secret", "INVITE", "sip:a@example.com", 1);
            let credentials = Credentials::parse(&answer).expect("it is complete");
            assert_eq!(credentials.user, "us\"er");
            let realm = "a \"realm\"";
            assert!(credentials.proves_password(realm, "secret", "INVITE"));
            assert!(!credentials.proves_password(realm, "Secret", "INVITE"));
            assert!(!credentials.proves_password(realm, "secret", "BYE"));
            assert!(!credentials.proves_password("other", "secret", "INVITE"));
        }
    }

    #[test]
    fn a_phones_secret_proves_what_its_password_does_and_comes_back_as_it_was_kept() {
        let secret = PhoneSecret::new("ann", "correct horse");
        let kept = secret.to_octets();
        assert_eq!(PhoneSecret::from_octets(&kept), Some(secret.clone()));
        assert_eq!(PhoneSecret::from_octets(&kept[1..]), None);
        assert_eq!(format!("{secret:?}"), "PhoneSecret(…)");
        for challenge in challenges(REALM, "n", true, false) {
            let Header::WwwAuthenticate(value) = challenge else {
                panic!("expected a challenge");
            };
            let asked = Challenge::parse(value.value()).expect("it can be answered");
            assert!(asked.stale);
            let uri = "sip:example.com";
            let right = asked.answer("ann", "correct horse", "REGISTER", uri, 2);
            let right = Credentials::parse(&right).expect("it is complete");
            assert_eq!(right.count(), Some(2));
            assert!(right.proves_phone(&secret, "REGISTER"));
            assert!(!right.proves_phone(&secret, "INVITE"));
            let other = PhoneSecret::new("bob", "correct horse");
            assert!(!right.proves_phone(&other, "REGISTER"));
        }
        assert_eq!(challenges(REALM, "n", false, true).len(), 1);
    }

    #[test]
    fn a_challenge_that_we_do_not_understand_is_none() {
        for value in [
            "Basic realm=\"x\"",
            "Digest realm=\"x\", nonce=\"y\", algorithm=SHA-512-256",
            "Digest realm=\"x\", nonce=\"y\", qop=\"auth-int\"",
            "Digest nonce=\"y\"",
            "Digest realm=\"x",
            "Digest",
            "",
        ] {
            assert_eq!(Challenge::parse(value), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_value_whatever_breaks_it(value in "(Digest )?.{0,200}") {
            let _ = Challenge::parse(&value);
            let _ = Credentials::parse(&value);
        }

        /// Most texts are no parameters at all; these are, in every dress.
        #[test]
        fn no_parameters_whatever_break_it(
            value in "Digest +(((user|realm|nonce|uri|response|qop|nc|cnonce|algorithm|x) ?= ?(\"([^\"\\\\]|\\\\.){0,12}\"?|[a-zA-Z0-9-]{0,8}))[, ]{0,3}){0,30}",
        ) {
            let _ = Challenge::parse(&value);
            let _ = Credentials::parse(&value);
        }

        #[test]
        fn what_is_answered_is_read_as_it_was_meant(
            user in ".{0,20}", realm in ".{0,20}", nonce in "[!-~]{1,20}", password in ".{0,20}",
        ) {
            let challenge = format!(
                "Digest realm=\"{}\", nonce=\"{}\", qop=\"auth\"", escaped(&realm), escaped(&nonce)
            );
            let challenge = Challenge::parse(&challenge).expect("it can be answered");
            prop_assert_eq!(&challenge.realm, &realm);
            let answer = challenge.answer(&user, &password, "REGISTER", "sip:example.com", 1);
            let credentials = Credentials::parse(&answer).expect("it is complete");
            prop_assert_eq!(&credentials.user, &user);
            prop_assert_eq!(&credentials.nonce, &nonce);
            prop_assert!(credentials.proves_password(&realm, &password, "REGISTER"));
        }
    }
}
