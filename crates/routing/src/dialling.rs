//! Whether a number may be dialled over a trunk: toll fraud is the classic theft, so what was not opened is closed.

use std::fmt;

use ringfence_model::{Dialling, E164};

/// Why a number may not be dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forbidden {
    /// Its country is not open, and no open beginning fits.
    Country(Option<String>),
    /// A call to it may cost more than a call.
    Premium,
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Country(Some(country)) => write!(
                f,
                "numbers of {country} may not be dialled; add it to `countries` of [dialling], or the number's beginning to `prefixes`"
            ),
            Self::Country(None) => f.write_str(
                "it belongs to no country that may be dialled; add its beginning to `prefixes` of [dialling]",
            ),
            Self::Premium => f.write_str(
                "premium-rate, shared-cost and personal numbers are closed; set `premium = true` in [dialling] to open them",
            ),
        }
    }
}

/// Whether an account whose own country is `home` may dial a number.
///
/// # Errors
/// Why not, and what would open it.
pub fn may_dial(dialling: &Dialling, home: &str, number: &E164) -> Result<(), Forbidden> {
    let country = number.country();
    let open = |open: &str| {
        country
            .as_deref()
            .is_some_and(|country| country.eq_ignore_ascii_case(open))
    };
    let by_country = match &dialling.countries {
        Some(countries) => countries.iter().any(|country| open(country)),
        None => open(home),
    };
    let by_prefix = dialling
        .prefixes
        .iter()
        .any(|prefix| number.as_str().starts_with(prefix.as_str()));
    if !by_country && !by_prefix {
        return Err(Forbidden::Country(country));
    }
    if number.is_premium() && !dialling.premium {
        return Err(Forbidden::Premium);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> E164 {
        text.parse().expect("a number")
    }

    #[test]
    fn only_the_accounts_own_country_is_open_when_nothing_is_said() {
        let nothing = Dialling::default();
        assert_eq!(may_dial(&nothing, "GB", &number("+442079460123")), Ok(()));
        assert_eq!(
            may_dial(&nothing, "GB", &number("+12125550123")),
            Err(Forbidden::Country(Some("US".into())))
        );
    }

    #[test]
    fn what_is_said_takes_the_place_of_the_own_country() {
        let dialling = Dialling {
            countries: Some(vec!["us".into()]),
            prefixes: vec!["+442079".into()],
            ..Dialling::default()
        };
        assert_eq!(may_dial(&dialling, "DE", &number("+12125550123")), Ok(()));
        assert_eq!(may_dial(&dialling, "DE", &number("+442079460123")), Ok(()));
        assert!(may_dial(&dialling, "DE", &number("+441632960123")).is_err());
        assert!(may_dial(&dialling, "DE", &number("+4930123456")).is_err());
        let none = Dialling {
            countries: Some(Vec::new()),
            ..Dialling::default()
        };
        assert!(may_dial(&none, "GB", &number("+442079460123")).is_err());
    }

    #[test]
    fn premium_numbers_are_closed_even_where_their_country_is_open() {
        // Ofcom's premium-rate and personal numbers for drama.
        for text in ["+449098790123", "+447011960123"] {
            let mut dialling = Dialling::default();
            let number = number(text);
            // Without a country that can be told it is closed by that already.
            dialling.prefixes.push("+44".into());
            assert!(number.is_premium(), "{text}");
            assert_eq!(may_dial(&dialling, "GB", &number), Err(Forbidden::Premium));
            dialling.premium = true;
            assert_eq!(may_dial(&dialling, "GB", &number), Ok(()));
        }
    }
}
