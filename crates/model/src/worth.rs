//! What a call was worth: what came of it, its value, words to find it by, and a note.

use std::fmt;

use iso_currency::{Country, Currency};
use serde::{Deserialize, Serialize};

use crate::records::words;
use crate::{Account, AccountId, CallId, Timestamp};

/// Tags of a call at most.
const MOST_TAGS: usize = 20;
/// Characters of a tag at most.
const LONGEST_TAG: usize = 40;
/// Characters of a note at most.
const LONGEST_NOTE: usize = 2_000;

words! {
    /// What came of a call.
    Lead {
        /// Nothing that was sought: a wrong number, an offer, a known customer's question.
        Unqualified = "unqualified",
        /// Somebody who may buy.
        Qualified = "qualified",
        /// Somebody who bought.
        Converted = "converted",
    }
}

/// What somebody or a program said of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worth {
    /// Whose it is.
    pub account: AccountId,
    /// Which call.
    pub call: CallId,
    /// When the call began: reports count by it.
    pub started_at: Timestamp,
    /// What came of it.
    pub lead: Option<Lead>,
    /// In the smallest unit of the account's currency, not negative.
    pub value: Option<i64>,
    /// Words to find it by, in lower case, sorted, each once.
    pub tags: Vec<String>,
    /// In somebody's own words.
    pub note: String,
    /// When that was said last.
    pub changed_at: Timestamp,
}

impl Worth {
    /// Characters of a note at most.
    pub const LONGEST_NOTE: usize = LONGEST_NOTE;

    /// Nothing was said of the call yet.
    pub const fn none(account: AccountId, call: CallId, started_at: Timestamp) -> Self {
        Self {
            account,
            call,
            started_at,
            lead: None,
            value: None,
            tags: Vec::new(),
            note: String::new(),
            changed_at: started_at,
        }
    }

    /// Tags as they are kept: in lower case, without spaces around them, sorted, each once.
    ///
    /// # Errors
    /// [`WorthError::Tag`], [`WorthError::TooManyTags`].
    pub fn tidy_tags<'t>(
        tags: impl IntoIterator<Item = &'t str>,
    ) -> Result<Vec<String>, WorthError> {
        let mut tidy = Vec::new();
        for tag in tags {
            let tag = tag.trim().to_lowercase();
            let is_good = tag.chars().count() <= LONGEST_TAG
                && !tag.contains(|letter: char| letter == ',' || letter.is_control());
            if !is_good {
                return Err(WorthError::Tag(tag.chars().take(60).collect()));
            }
            if !tag.is_empty() {
                tidy.push(tag);
            }
        }
        tidy.sort_unstable();
        tidy.dedup();
        if tidy.len() > MOST_TAGS {
            return Err(WorthError::TooManyTags(tidy.len()));
        }
        Ok(tidy)
    }
}

/// Why something cannot be said of a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorthError {
    /// The value is no amount of money.
    #[error(
        "expected an amount of {currency} from 0 to 999,999,999 with at most {decimals} decimals, such as {example}, got {got:?}"
    )]
    Value {
        /// The account's currency, ISO 4217.
        currency: &'static str,
        /// Its decimals.
        decimals: u32,
        /// How one is written.
        example: String,
        /// What came, shortened.
        got: String,
    },
    /// A tag is too long, or has a comma.
    #[error("expected tags of at most {LONGEST_TAG} characters without commas, got {0:?}")]
    Tag(String),
    /// There are too many.
    #[error("expected at most {MOST_TAGS} tags, got {0}")]
    TooManyTags(usize),
    /// The note is too long.
    #[error("expected a note of at most {LONGEST_NOTE} characters, got {0}")]
    Note(usize),
}

/// The money of an account (ISO 4217): the one that was chosen, or that of its country, or the euro where a country has none
/// of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Money(Currency);

/// Whether people pay with it today.
fn in_use(money: Currency) -> bool {
    !money.is_fund() && !money.is_special() && money.is_superseded().is_none()
}

/// Whole units at most: below what a sum of a million calls could overflow.
const MOST_UNITS: i64 = 999_999_999;

impl Money {
    /// That of an account.
    pub fn of(account: &Account) -> Self {
        account
            .money
            .unwrap_or_else(|| Self::of_country(&account.country))
    }

    /// That of a country (ISO 3166-1 alpha-2).
    pub fn of_country(country: &str) -> Self {
        let country: Option<Country> = country.parse().ok();
        let currencies = country.map(Currency::from_country).unwrap_or_default();
        Self(
            currencies
                .into_iter()
                .find(|money| in_use(*money))
                .unwrap_or(Currency::EUR),
        )
    }

    /// The money of a code in whatever letters; `None` for none that people pay with today.
    pub fn from_code(code: &str) -> Option<Self> {
        Currency::from_code(&code.trim().to_ascii_uppercase())
            .filter(|money| in_use(*money))
            .map(Self)
    }

    /// Its code: `GBP`.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// How many decimals its smallest unit has: 2 for most, 0 for the yen.
    pub fn decimals(self) -> u32 {
        self.0.exponent().map_or(2, u32::from)
    }

    /// An amount in the smallest unit from what people write: `1250`, `1,250.5`, `1250,50`. The last point or comma that
    /// has no more than [`decimals`](Self::decimals) digits after it begins them.
    ///
    /// # Errors
    /// [`WorthError::Value`].
    pub fn parse(self, text: &str) -> Result<i64, WorthError> {
        self.read(text).ok_or_else(|| WorthError::Value {
            currency: self.code(),
            decimals: self.decimals(),
            example: self.plain(10_i64.pow(self.decimals()) * 95),
            got: text.chars().take(40).collect(),
        })
    }

    fn read(self, text: &str) -> Option<i64> {
        let text = text.trim();
        let decimals = self.decimals() as usize;
        let (whole, part) = match text.rfind(['.', ',']) {
            Some(at) if text.len() - at - 1 <= decimals => (&text[..at], &text[at + 1..]),
            _ => (text, ""),
        };
        // Whatever stands between thousands stands before each three digits.
        let groups: Vec<&str> = whole.split([',', '.', ' ', '\'', '\u{a0}']).collect();
        let is_digits = |part: &str| part.bytes().all(|octet| octet.is_ascii_digit());
        let grouped = groups.len() == 1 || groups[1..].iter().all(|group| group.len() == 3);
        let digits = groups.concat();
        if !grouped || digits.is_empty() || !is_digits(&digits) || !is_digits(part) {
            return None;
        }
        let whole: i64 = digits.parse().ok().filter(|whole| *whole <= MOST_UNITS)?;
        let part: i64 = format!("{part:0<decimals$}0").parse().ok()?;
        Some(whole * 10_i64.pow(self.decimals()) + part / 10)
    }

    /// An amount as machines write it: `1250.50`.
    pub fn plain(self, amount: i64) -> String {
        let decimals = self.decimals() as usize;
        let digits = format!("{:0>width$}", amount.unsigned_abs(), width = decimals + 1);
        let (whole, part) = digits.split_at(digits.len() - decimals);
        let sign = if amount < 0 { "-" } else { "" };
        if part.is_empty() {
            format!("{sign}{whole}")
        } else {
            format!("{sign}{whole}.{part}")
        }
    }

    /// An amount as people read it: `1,250 GBP`, `1,250.50 GBP`.
    pub fn shown(self, amount: i64) -> impl fmt::Display {
        let plain = self.plain(amount);
        let (whole, part) = plain.split_once('.').unwrap_or((&plain, ""));
        let mut text = String::new();
        for (nth, digit) in whole.chars().enumerate() {
            let left = whole.len() - nth;
            if nth > 0 && left.is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        if part.bytes().any(|digit| digit != b'0') {
            text.push('.');
            text.push_str(part);
        }
        format!("{text} {}", self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(country: &str) -> Money {
        Money::of(&account(country))
    }

    fn account(country: &str) -> Account {
        let at = Timestamp::from_micros(0);
        Account {
            id: AccountId::new(at, 1),
            name: "A".into(),
            country: country.into(),
            time_zone: "Europe/London".into(),
            money: None,
            created_at: at,
        }
    }

    #[test]
    fn a_money_that_was_chosen_goes_before_the_countrys() {
        let account = Account {
            money: Money::from_code(" chf "),
            ..account("GB")
        };
        assert_eq!(Money::of(&account).code(), "CHF");
        for none in ["", "GB", "XAU", "XXX", "ZZZ", "DEM"] {
            assert_eq!(Money::from_code(none), None, "{none}");
        }
    }

    #[test]
    fn an_accounts_money_is_that_of_its_country() {
        for (country, code) in [
            ("GB", "GBP"),
            ("DE", "EUR"),
            ("US", "USD"),
            ("CH", "CHF"),
            ("JP", "JPY"),
            ("AQ", "EUR"),
            ("??", "EUR"),
        ] {
            assert_eq!(money(country).code(), code, "{country}");
        }
    }

    #[test]
    fn amounts_are_read_as_people_write_them() {
        let pounds = money("GB");
        for (text, amount) in [
            ("0", 0),
            ("95", 9_500),
            (" 95.5 ", 9_550),
            ("95,50", 9_550),
            ("1,250", 125_000),
            ("1.250", 125_000),
            ("1,250.50", 125_050),
            ("1.250,50", 125_050),
            ("1 250 000,00", 125_000_000),
            ("999999999.99", 99_999_999_999),
        ] {
            assert_eq!(pounds.parse(text), Ok(amount), "{text}");
        }
        for text in ["", "-1", "12a", "1,2,3", "1000000000", "£5", "1.2345", "."] {
            assert!(pounds.parse(text).is_err(), "{text}");
        }
        let yen = money("JP");
        assert_eq!(yen.parse("1,250"), Ok(1_250));
        assert!(yen.parse("1.5").is_err());
    }

    #[test]
    fn amounts_are_written_for_machines_and_for_people() {
        let pounds = money("GB");
        assert_eq!(pounds.plain(125_050), "1250.50");
        assert_eq!(pounds.plain(5), "0.05");
        assert_eq!(pounds.shown(125_050).to_string(), "1,250.50 GBP");
        assert_eq!(pounds.shown(125_000_000).to_string(), "1,250,000 GBP");
        assert_eq!(pounds.shown(0).to_string(), "0 GBP");
        assert_eq!(money("JP").shown(1_250).to_string(), "1,250 JPY");
    }

    #[test]
    fn tags_are_kept_tidy() {
        let tags = Worth::tidy_tags([" Quote", "vip", "quote", ""]).unwrap();
        assert_eq!(tags, ["quote", "vip"]);
        assert!(matches!(Worth::tidy_tags(["a,b"]), Err(WorthError::Tag(_))));
        let long = "x".repeat(41);
        assert!(Worth::tidy_tags([long.as_str()]).is_err());
        let many: Vec<String> = (0..21).map(|nth| nth.to_string()).collect();
        let many = Worth::tidy_tags(many.iter().map(String::as_str));
        assert_eq!(many, Err(WorthError::TooManyTags(21)));
    }
}
