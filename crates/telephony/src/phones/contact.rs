//! What a REGISTER asks for: its Contact and Expires headers (RFC 3261 §20.10, §20.19, RFC 5626 §4.1). Bounded, and
//! from anybody who has proved a password, so nothing in it is believed.

use rsipstack::sip::{Header, Headers, Uri};

use super::flow::is_sip;
use crate::message;

/// Contacts of one request at most.
const MOST_CONTACTS: usize = 10;
/// Octets of a contact's URI, and of an instance.
const LONGEST: usize = 256;
/// What a malformed expiry is taken for (RFC 3261 §10.2.1.1), in seconds.
const MALFORMED: u32 = 3600;

/// What is to become of a phone's registrations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Nothing: it asks what there is.
    Nothing,
    /// All of them are to go.
    NoneAnyMore,
    /// These are to be there, or to go.
    Contacts(Vec<AskedContact>),
}

/// One contact of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AskedContact {
    /// Its URI, as it was written.
    pub uri: String,
    /// For how long it is to be registered, in seconds; 0 to go.
    pub expires: Option<u32>,
    /// Which device it is, when it says so.
    pub instance: Option<String>,
}

/// What a request asks for, and its Expires header in seconds. `None` when it cannot be understood.
pub(crate) fn asked(headers: &Headers) -> Option<(Asked, Option<u32>)> {
    let expires = headers.iter().find_map(|header| match header {
        Header::Expires(expires) => Some(seconds(expires.value())),
        _ => None,
    });
    let values = headers.iter().filter_map(|header| match header {
        Header::Contact(contact) => Some(contact.value()),
        _ => None,
    });
    let mut contacts = Vec::new();
    let mut everything = false;
    for value in values {
        for one in parts(value, ',')? {
            match one.trim() {
                "*" => everything = true,
                one => contacts.push(contact(one)?),
            }
            if contacts.len() > MOST_CONTACTS {
                return None;
            }
        }
    }
    // RFC 3261 §10.2.2: alone, and with an Expires of zero.
    let asked = match (everything, contacts.is_empty()) {
        (true, true) if expires == Some(0) => Asked::NoneAnyMore,
        (true, _) => return None,
        (false, true) => Asked::Nothing,
        (false, false) => Asked::Contacts(contacts),
    };
    Some((asked, expires))
}

/// One `name-addr` or `addr-spec` with its parameters.
fn contact(text: &str) -> Option<AskedContact> {
    let (uri, parameters) = match find(text, '<') {
        Some(start) => {
            let end = start + text[start..].find('>')?;
            (&text[start + 1..end], &text[end + 1..])
        }
        None => text.split_at(text.find(';').unwrap_or(text.len())),
    };
    let uri = uri.trim();
    let is_one = uri.len() <= LONGEST
        && !uri.contains(|character: char| {
            character.is_whitespace()
                || character.is_control()
                || matches!(character, '<' | '>' | '"')
        })
        && Uri::try_from(uri).is_ok_and(|uri| is_sip(&uri));
    if !is_one {
        return None;
    }
    let mut contact = AskedContact {
        uri: uri.to_owned(),
        expires: None,
        instance: None,
    };
    for parameter in parts(parameters, ';')? {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "expires" => contact.expires = Some(seconds(value)),
            "+sip.instance" => {
                let value = value.trim_matches('"');
                contact.instance = (!value.is_empty() && value.len() <= LONGEST)
                    .then(|| value.chars().filter(|c| !c.is_control()).collect());
            }
            _ => {}
        }
    }
    Some(contact)
}

/// Seconds (RFC 3261 §25.1, `delta-seconds`); more than there is room for is the most, nonsense an hour.
fn seconds(text: &str) -> u32 {
    let text = text.trim().trim_matches('"');
    if text.is_empty() || !text.bytes().all(|octet| octet.is_ascii_digit()) {
        return MALFORMED;
    }
    text.parse().unwrap_or(u32::MAX)
}

/// What stands between separators that are neither in quotes nor in angle brackets; `None` when those do not close.
fn parts(text: &str, separator: char) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut place = Place::default();
    for (index, character) in text.char_indices() {
        if character == separator && place.is_outside() {
            parts.push(&text[start..index]);
            start = index + character.len_utf8();
        }
        place.pass(character);
    }
    parts.push(&text[start..]);
    place.is_outside().then_some(parts)
}

/// The first of this character that is not in quotes.
pub(super) fn find(text: &str, wanted: char) -> Option<usize> {
    let mut place = Place::default();
    text.char_indices().find_map(|(index, character)| {
        let found = character == wanted && place.is_outside();
        place.pass(character);
        found.then_some(index)
    })
}

#[derive(Default)]
struct Place {
    quoted: bool,
    escaped: bool,
    bracketed: bool,
}

impl Place {
    const fn is_outside(&self) -> bool {
        !self.quoted && !self.bracketed
    }

    const fn pass(&mut self, character: char) {
        if self.escaped {
            self.escaped = false;
            return;
        }
        match character {
            '\\' if self.quoted => self.escaped = true,
            '"' if !self.bracketed => self.quoted = !self.quoted,
            '<' if !self.quoted => self.bracketed = true,
            '>' if !self.quoted => self.bracketed = false,
            _ => {}
        }
    }
}

/// What a phone's program calls itself, in at most 64 characters.
pub(super) fn agent(headers: &Headers) -> Option<String> {
    let value = message::header(headers, "User-Agent", None).map(ToOwned::to_owned);
    let value = value.or_else(|| {
        headers.iter().find_map(|header| match header {
            Header::UserAgent(agent) => Some(agent.value().to_owned()),
            _ => None,
        })
    })?;
    let text: String = value
        .chars()
        .filter(|character| !character.is_control())
        .take(64)
        .collect();
    (!text.trim().is_empty()).then(|| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(contacts: &[&str], expires: Option<&str>) -> Option<(Asked, Option<u32>)> {
        let contacts = contacts
            .iter()
            .map(|value| Header::Contact((*value).to_owned().into()));
        let expires = expires.map(|value| Header::Expires(value.to_owned().into()));
        asked(&Headers::from(
            contacts.chain(expires).collect::<Vec<Header>>(),
        ))
    }

    fn one(uri: &str, expires: Option<u32>, instance: Option<&str>) -> AskedContact {
        AskedContact {
            uri: uri.into(),
            expires,
            instance: instance.map(Into::into),
        }
    }

    #[test]
    fn contacts_are_read_in_every_dress() {
        let got = read(
            &[
                "\"Ann, \\\"of <Sales>\" <sip:ann@192.0.2.9:5060;line=a,b>;expires=60 ; +sip.instance=\"<urn:uuid:1;2>\"",
                "sip:ann@192.0.2.10;expires=0, <sips:ann@example.com>;q=0.5",
            ],
            Some(" 120 "),
        );
        let expected = vec![
            one(
                "sip:ann@192.0.2.9:5060;line=a,b",
                Some(60),
                Some("<urn:uuid:1;2>"),
            ),
            one("sip:ann@192.0.2.10", Some(0), None),
            one("sips:ann@example.com", None, None),
        ];
        assert_eq!(got, Some((Asked::Contacts(expected), Some(120))));
        assert_eq!(read(&[], None), Some((Asked::Nothing, None)));
    }

    #[test]
    fn a_star_takes_all_away_and_stands_alone_with_an_expiry_of_zero() {
        assert_eq!(read(&["*"], Some("0")), Some((Asked::NoneAnyMore, Some(0))));
        assert_eq!(read(&["*"], None), None);
        assert_eq!(read(&["*"], Some("60")), None);
        assert_eq!(read(&["*, <sip:a@192.0.2.9>"], Some("0")), None);
    }

    #[test]
    fn what_is_no_contact_of_ours_is_refused() {
        for value in [
            "<sip:a@b",
            "\"Ann <sip:a@b>",
            "<tel:+442079460001>",
            "<http://example.com>",
            "<sip:a b@example.com>",
            "sip:a>b@example.com",
            "",
            ",",
        ] {
            assert_eq!(read(&[value], None), None, "{value}");
        }
        let long = format!("<sip:{}@example.com>", "a".repeat(LONGEST));
        assert_eq!(read(&[&long], None), None);
        assert_eq!(read(&["<sip:a@192.0.2.9>"; 11], None), None);
    }

    #[test]
    fn an_expiry_is_seconds_the_most_or_an_hour() {
        for (text, expected) in [
            ("0", 0),
            ("99999999999", u32::MAX),
            ("soon", 3600),
            ("-1", 3600),
            ("", 3600),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_value_whatever_breaks_it(
            contacts in proptest::collection::vec("[\"<>\\\\;,=* a-z:@.0-9]{0,60}|.{0,60}", 0..4),
            expires in proptest::option::of(".{0,20}"),
        ) {
            let contacts: Vec<&str> = contacts.iter().map(String::as_str).collect();
            if let Some((Asked::Contacts(found), _)) = read(&contacts, expires.as_deref()) {
                prop_assert!(found.len() <= MOST_CONTACTS);
                for contact in found {
                    prop_assert!(contact.uri.len() <= LONGEST);
                    prop_assert!(!contact.uri.contains(['\r', '\n']));
                }
            }
        }
    }
}
