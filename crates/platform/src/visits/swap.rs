//! Numbers on the page that are replaced, as the tag is told of them.

use std::sync::Arc;

use ringfence_model::{Account, E164, Site};

/// The targets of a site.
pub(super) fn targets_of(site: &Site, account: Option<&Account>) -> Arc<[String]> {
    let country = account.map(|account| account.country.as_str());
    let targets = site.swap_targets.iter();
    targets.map(|target| abroad(target, country)).collect()
}

/// A number as it is written abroad, so that the page can tell its country from that of the number which is shown. Letters stay,
/// for the page may write them too.
fn abroad(target: &str, country: Option<&str>) -> String {
    let in_letters = target.contains(|letter: char| letter.is_ascii_alphabetic());
    match E164::parse(target, country) {
        Ok(number) if !in_letters => number.international(),
        _ => target.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::abroad;

    #[test]
    fn targets_name_their_country_and_keep_their_letters() {
        for (target, expected) in [
            ("020 7946 0000", "+44 20 7946 0000"),
            ("+44 (0)20 7946 0000", "+44 20 7946 0000"),
            ("+1 (212) 555-0100", "+1 212-555-0100"),
            ("1-800-555-RING", "1-800-555-RING"),
            ("no number", "no number"),
        ] {
            assert_eq!(abroad(target, Some("GB")), expected);
        }
        assert_eq!(abroad("020 7946 0000", None), "020 7946 0000");
    }
}
