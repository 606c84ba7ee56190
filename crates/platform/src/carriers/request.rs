//! What carriers are asked and what they answer, in words that all of them share. Pure: nothing is sent here.

use std::time::Duration;

use ringfence_model::E164;
use ringfence_outbound::Method;
use serde_json::Value;

/// Numbers that are offered at one search.
pub const MOST_OFFERS: usize = 30;

/// Digits and letters that a search may ask for.
const LONGEST_DIGITS: usize = 15;

/// What sort of number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OfferKind {
    /// Of a town or area.
    #[default]
    Local,
    /// Of mobile phones.
    Mobile,
    /// Free for who calls.
    TollFree,
}

impl OfferKind {
    /// Every sort.
    pub const ALL: [Self; 3] = [Self::Local, Self::Mobile, Self::TollFree];

    /// The word that forms carry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Mobile => "mobile",
            Self::TollFree => "toll_free",
        }
    }

    /// The value that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Which numbers are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// ISO 3166-1 alpha-2, in capitals.
    pub country: String,
    /// What sort.
    pub kind: OfferKind,
    /// Digits that stand in the number, in this order; may be empty.
    pub digits: String,
}

/// Digits as a telephone's keys have them (ITU-T E.161): `TAXI` is 8294. Blanks and signs between are passed over.
///
/// # Errors
/// The first letter that stands on no key; or too many.
pub fn keyed(text: &str) -> Result<String, String> {
    let mut digits = String::new();
    for letter in text.chars() {
        digits.push(match letter.to_ascii_lowercase() {
            '0'..='9' => letter,
            'a'..='c' => '2',
            'd'..='f' => '3',
            'g'..='i' => '4',
            'j'..='l' => '5',
            'm'..='o' => '6',
            'p'..='s' => '7',
            't'..='v' => '8',
            'w'..='z' => '9',
            ' ' | '-' | '(' | ')' | '.' | '/' | '+' => continue,
            other => {
                return Err(format!(
                    "expected digits and letters from A to Z, got {other:?}"
                ));
            }
        });
    }
    if digits.len() > LONGEST_DIGITS {
        return Err(format!(
            "expected at most {LONGEST_DIGITS} digits, got {}",
            digits.len()
        ));
    }
    Ok(digits)
}

/// A number that can be ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The number.
    pub e164: E164,
    /// Where it belongs to, as the carrier writes it; may be empty.
    pub place: String,
    /// What it costs a month, such as `1.00 USD`, where the carrier says so.
    pub monthly: Option<String>,
    /// What the carrier asks for before it gives this number, in a sentence.
    pub needs: Option<String>,
}

/// A number that the account has at its carrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The number.
    pub e164: E164,
    /// The carrier's own identifier of it.
    pub id: String,
    /// The carrier's identifier of the trunk that its calls come over.
    pub trunk: Option<String>,
    /// Whether it works.
    pub standing: Standing,
}

/// Whether a number at a carrier works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Active,
    /// The carrier is still about it.
    Pending,
    /// The carrier did not get it.
    Failed,
}

/// What came of an order that was placed before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    /// There is none.
    Nothing,
    /// The carrier is about it; perhaps with what it waits for.
    Pending(Option<String>),
    /// The carrier refused it.
    Failed,
}

/// A request to a carrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is asked for.
    pub method: Method,
    /// The path, with its query.
    pub path: String,
    /// The body.
    pub body: Option<Body>,
}

/// What a request carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// `application/x-www-form-urlencoded`
    Form(String),
    /// `application/json`
    Json(Value),
}

impl Request {
    /// To be told something.
    pub fn get(path: String) -> Self {
        Self {
            method: Method::Get,
            path,
            body: None,
        }
    }

    /// To have something taken away.
    pub fn delete(path: String) -> Self {
        Self {
            method: Method::Delete,
            path,
            body: None,
        }
    }
}

/// A query or form of these fields, encoded.
pub fn encoded(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

/// Why a carrier did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CarrierFault {
    /// It does not know us.
    #[error(
        "the carrier refused the credentials ({0}): remove it here and add it again with those of an account whose API may be used"
    )]
    Credentials(u16),
    /// It will not.
    #[error("the carrier refused: {0}")]
    Refused(String),
    /// It was asked too often.
    #[error("the carrier was asked too often and wants to be left alone for a while")]
    Limited(Option<Duration>),
    /// It could not be reached, or is in trouble itself.
    #[error("the carrier did not answer as it should: {0}")]
    Away(String),
    /// Its answer is not what its documentation says.
    #[error("expected {0} in the carrier's answer, which had none")]
    Unreadable(&'static str),
}

impl CarrierFault {
    /// For counting.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Credentials(_) => "credentials",
            Self::Refused(_) => "refused",
            Self::Limited(_) => "limited",
            Self::Away(_) => "away",
            Self::Unreadable(_) => "unreadable",
        }
    }
}

/// A list of an answer, or that there is none.
pub fn list<'a>(answer: &'a Value, name: &'static str) -> Result<&'a Vec<Value>, CarrierFault> {
    answer
        .get(name)
        .and_then(Value::as_array)
        .ok_or(CarrierFault::Unreadable(name))
}

/// A text of an answer; empty counts as none.
pub fn text<'a>(answer: &'a Value, name: &str) -> Option<&'a str> {
    let text = answer.get(name).and_then(Value::as_str);
    text.filter(|text| !text.is_empty())
}

/// An identifier of an answer that can stand in a path.
pub fn identifier(answer: &Value, name: &str) -> Option<String> {
    let id = text(answer, name)?;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    (id.len() <= 64 && id.chars().all(plain)).then(|| id.to_owned())
}

/// What a carrier says is shown: short, and in one line.
pub fn said(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_the_digits_of_their_keys() {
        assert_eq!(keyed("800 PLUMBER").as_deref(), Ok("8007586237"));
        assert_eq!(keyed(" (020) 79-46 ").as_deref(), Ok("0207946"));
        assert_eq!(keyed("").as_deref(), Ok(""));
        assert!(keyed("12*").unwrap_err().contains('*'));
        assert!(
            keyed("1234567890123456")
                .unwrap_err()
                .contains("at most 15")
        );
    }

    #[test]
    fn what_a_carrier_says_stays_short() {
        assert_eq!(said("  not\n  available "), "not available");
        assert_eq!(said(&"x".repeat(1_000)).len(), 300);
    }
}
