//! Phone numbers as E.164 (ITU-T Rec. E.164): a plus sign and at most fifteen digits.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, PhoneNumberType};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A text that is no phone number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// Neither digits with a country code nor a national number of the given region.
    #[error("expected a phone number such as +442079460123, got {0:?}")]
    NotANumber(String),
    /// The digits are too few or too many for their country.
    #[error("expected a number of a possible length for its country, got {0:?}")]
    ImpossibleLength(String),
}

/// A phone number with its country code, `+` and digits only.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct E164(String);

impl E164 {
    /// Reads a number as people write it. Without a leading `+`, it is read as a national number of
    /// `region` (ISO 3166-1 alpha-2, e.g. `GB`), then as digits that begin with a country code.
    ///
    /// # Errors
    /// [`NumberError`] when the text is no number or its length is impossible in its country.
    pub fn parse(text: &str, region: Option<&str>) -> Result<Self, NumberError> {
        let shown = || text.chars().take(40).collect::<String>();
        if text.len() > 64 {
            return Err(NumberError::NotANumber(shown()));
        }
        let with_plus = || PHONE_NUMBER_UTIL.parse(format!("+{}", text.trim()), None);
        let region = region.and_then(|code| code.parse().ok());
        let parsed = match (text.trim().starts_with('+'), region) {
            (true, _) => PHONE_NUMBER_UTIL.parse(text.trim(), None),
            (false, Some(region)) => PHONE_NUMBER_UTIL
                .parse(text.trim(), Some(region))
                .or_else(|_| with_plus()),
            (false, None) => with_plus(),
        }
        .map_err(|_| NumberError::NotANumber(shown()))?;
        if parsed.is_possible_with_reason().is_err() {
            return Err(NumberError::ImpossibleLength(shown()));
        }
        Ok(Self(parsed.format_as(PhoneNumberFormat::E164).into_owned()))
    }

    /// Whether national numbers of `region` can be read: a country of two capital letters (ISO 3166-1 alpha-2), or one of
    /// the few other places with a number plan of their own.
    pub fn knows_country(region: &str) -> bool {
        PHONE_NUMBER_UTIL
            .get_supported_regions()
            .any(|known| known.as_region_str().to_string() == region)
    }

    /// `+442079460123`
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As people of its country write it: `020 7946 0123`.
    pub fn national(&self) -> String {
        self.format(PhoneNumberFormat::National)
    }

    /// As people abroad write it: `+44 20 7946 0123`.
    pub fn international(&self) -> String {
        self.format(PhoneNumberFormat::International)
    }

    /// The ISO 3166-1 alpha-2 code of its country, when one can be told.
    pub fn country(&self) -> Option<String> {
        self.parsed()?
            .get_region_code()
            .map(|region| region.as_region_str().to_string())
    }

    /// Whether a call to it may cost more than a call: premium-rate, shared-cost and personal numbers, pagers.
    pub fn is_premium(&self) -> bool {
        self.parsed().is_some_and(|number| {
            matches!(
                number.get_type(),
                PhoneNumberType::PremiumRate
                    | PhoneNumberType::SharedCost
                    | PhoneNumberType::PersonalNumber
                    | PhoneNumberType::Pager
            )
        })
    }

    /// For logs: country code and last two digits only.
    pub fn masked(&self) -> String {
        masked(&self.0)
    }

    fn format(&self, format: PhoneNumberFormat) -> String {
        self.parsed()
            .map_or_else(|| self.0.clone(), |n| n.format_as(format).into_owned())
    }

    fn parsed(&self) -> Option<PhoneNumber> {
        self.0.parse().ok()
    }
}

/// Whatever a caller claims to be, without its middle: `+44********23`, `an********us`.
pub fn masked(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    if characters.len() < 6 {
        return "*".repeat(characters.len());
    }
    let keep_front = if characters[0] == '+' { 3 } else { 2 };
    let hidden = characters.len() - keep_front - 2;
    characters[..keep_front].iter().collect::<String>()
        + &"*".repeat(hidden)
        + &characters[characters.len() - 2..]
            .iter()
            .collect::<String>()
}

impl FromStr for E164 {
    type Err = NumberError;
    fn from_str(text: &str) -> Result<Self, NumberError> {
        Self::parse(text, None)
    }
}

impl TryFrom<String> for E164 {
    type Error = NumberError;
    /// Accepts the canonical form without asking the number plan again: that is how rows are read.
    fn try_from(text: String) -> Result<Self, NumberError> {
        let digits = text.strip_prefix('+').unwrap_or("");
        if (3..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text))
        } else {
            Self::parse(&text, None)
        }
    }
}

impl From<E164> for String {
    fn from(number: E164) -> Self {
        number.0
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Masked, so that a number never reaches a log through `{:?}`.
impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_number_in_many_hands() {
        for text in [
            "+44 20 7946 0123",
            "+442079460123",
            "442079460123",
            "+44 (0)20 7946-0123",
        ] {
            assert_eq!(
                E164::parse(text, None).unwrap().as_str(),
                "+442079460123",
                "{text}"
            );
        }
        assert_eq!(
            E164::parse("020 7946 0123", Some("GB")).unwrap().as_str(),
            "+442079460123"
        );
        assert_eq!(
            E164::parse("(212) 555-0123", Some("US")).unwrap().as_str(),
            "+12125550123"
        );
    }

    #[test]
    fn a_number_is_written_as_its_readers_do() {
        let number: E164 = "+442079460123".parse().unwrap();
        assert_eq!(number.national(), "020 7946 0123");
        assert_eq!(number.international(), "+44 20 7946 0123");
        assert_eq!(number.country().as_deref(), Some("GB"));
    }

    #[test]
    fn countries_are_two_capital_letters_with_a_number_plan() {
        assert!(["GB", "US", "DE"].into_iter().all(E164::knows_country));
        for none in ["", "gb", "ZZ", "GBR", "44"] {
            assert!(!E164::knows_country(none), "{none}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "anonymous",
            "+44",
            "+4420794601231234567",
            &"1".repeat(1000),
        ] {
            assert!(E164::parse(text, Some("GB")).is_err(), "{text}");
        }
    }

    #[test]
    fn logs_never_show_the_whole_number() {
        let number: E164 = "+442079460123".parse().unwrap();
        assert_eq!(format!("{number:?}"), "+44********23");
        assert_eq!(masked("abc"), "***");
    }
}
