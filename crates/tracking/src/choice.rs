//! Which pool a visit draws from: its campaign's, then one for its language or country, then the site's own.

use std::fmt;

use ringfence_model::{Confidence, PoolWish, Source, SourceKind};

use crate::Attribution;
use crate::click_ids::CLICK_IDS;
use crate::referrers;

/// What a choice looks at.
#[derive(Debug, Clone, Copy)]
pub struct ChoiceFacts<'a> {
    /// Where the visit came from, as the source rules decided.
    pub source: &'a Source,
    /// The browser's first language (RFC 5646).
    pub language: Option<&'a str>,
    /// The visitor's country (ISO 3166-1 alpha-2), when something better than the language tells it.
    pub country: Option<&'a str>,
}

impl<'a> ChoiceFacts<'a> {
    /// The visitor's country: what is known of it, else the region of the browser's language (`de-AT` is Austria).
    pub fn country(&self) -> Option<&'a str> {
        self.country.or_else(|| region(self.language?))
    }
}

/// Attributes a call to a fixed number whose visit is not known: only visits as these wishes say are shown it. `None` when
/// they do not agree on one source.
pub fn attribute_fixed<'a>(wishes: impl IntoIterator<Item = &'a PoolWish>) -> Option<Attribution> {
    let mut sources = wishes.into_iter().map(source_of);
    let source = sources.next()??;
    sources
        .all(|other| other.as_ref() == Some(&source))
        .then(|| Attribution {
            visit: None,
            confidence: Confidence::Shared,
            reason: format!("only visits of {} are shown the number", source.name),
            source: Some(source),
            runners_up: Vec::new(),
        })
}

/// The source that a wish names.
fn source_of(wish: &PoolWish) -> Option<Source> {
    let name = wish.source.as_ref().or(wish.campaign.as_ref())?;
    let network = CLICK_IDS
        .iter()
        .find(|id| id.network.eq_ignore_ascii_case(name));
    let kind = network
        .map(|network| network.kind)
        .or_else(|| referrers::known_by_name(name).map(|referrer| referrer.kind));
    Some(Source {
        kind: kind.unwrap_or(SourceKind::Campaign),
        name: network.map_or_else(|| name.clone(), |network| network.network.into()),
        campaign: wish.campaign.clone(),
        keyword: None,
    })
}

/// Why a rule does not take a visit: what it wants, and what the visit has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mismatch<'a> {
    what: &'static str,
    wanted: &'a [String],
    got: Option<&'a str>,
}

impl fmt::Display for Mismatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "wants {} {}, the visit has ",
            self.what,
            self.wanted.join(" or ")
        )?;
        match self.got {
            Some(got) => f.write_str(got),
            None => f.write_str("none"),
        }
    }
}

/// What each rule said, in the order in which they were asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChoiceExplanation<'a> {
    /// The rule that took the visit, by its place; `None` leaves the visit to the site's own pool.
    pub chosen: Option<usize>,
    /// Rules that did not take it, by their places.
    pub passed: Vec<(usize, Mismatch<'a>)>,
}

/// The place of the rule that takes the visit: of those that name a campaign or a source the first that fits, then of
/// those that ask for a language or a country. `None` leaves the visit to the site's own pool.
pub fn choose<'a>(
    wishes: impl Iterator<Item = &'a PoolWish> + Clone,
    facts: &ChoiceFacts<'a>,
) -> Option<usize> {
    asked(wishes)
        .find(|(_, wish)| mismatch(wish, facts).is_none())
        .map(|(place, _)| place)
}

/// [`choose`], with its reasons.
pub fn explain_choice<'a>(
    wishes: impl Iterator<Item = &'a PoolWish> + Clone,
    facts: &ChoiceFacts<'a>,
) -> ChoiceExplanation<'a> {
    let mut passed = Vec::new();
    for (place, wish) in asked(wishes) {
        match mismatch(wish, facts) {
            Some(why) => passed.push((place, why)),
            None => {
                return ChoiceExplanation {
                    chosen: Some(place),
                    passed,
                };
            }
        }
    }
    ChoiceExplanation {
        chosen: None,
        passed,
    }
}

fn asked<'a>(
    wishes: impl Iterator<Item = &'a PoolWish> + Clone,
) -> impl Iterator<Item = (usize, &'a PoolWish)> {
    let others = wishes.clone().enumerate();
    wishes
        .enumerate()
        .filter(|(_, wish)| wish.names_a_campaign())
        .chain(others.filter(|(_, wish)| !wish.names_a_campaign()))
}

fn mismatch<'a>(wish: &'a PoolWish, facts: &ChoiceFacts<'a>) -> Option<Mismatch<'a>> {
    let source = facts.source;
    let alike = |wanted: &'a Option<String>, got: Option<&'a str>, what| {
        let wanted = wanted.as_ref()?;
        let same = got.is_some_and(|got| got.to_lowercase() == wanted.to_lowercase());
        (!same).then(|| Mismatch {
            what,
            wanted: std::slice::from_ref(wanted),
            got,
        })
    };
    let one_of =
        |wanted: &'a [String], got: Option<&'a str>, what, fits: fn(&str, &str) -> bool| {
            let fitting = got.is_some_and(|got| wanted.iter().any(|wanted| fits(wanted, got)));
            (!wanted.is_empty() && !fitting).then_some(Mismatch { what, wanted, got })
        };
    alike(&wish.campaign, source.campaign.as_deref(), "campaign")
        .or_else(|| alike(&wish.source, Some(&source.name), "source"))
        .or_else(|| one_of(&wish.language, facts.language, "language", takes))
        .or_else(|| {
            one_of(
                &wish.country,
                facts.country(),
                "country",
                str::eq_ignore_ascii_case,
            )
        })
}

/// Whether a tag (RFC 5646) falls into a range by basic filtering (RFC 4647 §3.3.1).
fn takes(range: &str, tag: &str) -> bool {
    let mut parts = tag.split('-');
    range == "*"
        || range.split('-').all(|wanted| {
            parts
                .next()
                .is_some_and(|part| part.eq_ignore_ascii_case(wanted))
        })
}

/// The region of a language tag: its first part of two letters after the language, before private use (RFC 5646 §2.2.4).
fn region(tag: &str) -> Option<&str> {
    tag.split('-')
        .skip(1)
        .take_while(|part| part.len() > 1)
        .find(|part| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_alphabetic()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_model::SourceKind;

    fn of_campaign(campaign: &str) -> PoolWish {
        PoolWish {
            campaign: Some(campaign.into()),
            ..PoolWish::default()
        }
    }

    fn of_language(language: &[&str]) -> PoolWish {
        PoolWish {
            language: language.iter().map(ToString::to_string).collect(),
            ..PoolWish::default()
        }
    }

    fn of_country(country: &[&str]) -> PoolWish {
        PoolWish {
            country: country.iter().map(ToString::to_string).collect(),
            ..PoolWish::default()
        }
    }

    fn source(campaign: Option<&str>) -> Source {
        Source {
            kind: SourceKind::Paid,
            name: "Google Ads".into(),
            campaign: campaign.map(Into::into),
            keyword: None,
        }
    }

    fn chosen(
        wishes: &[PoolWish],
        campaign: Option<&str>,
        language: Option<&str>,
        country: Option<&str>,
    ) -> Option<usize> {
        let source = source(campaign);
        let facts = ChoiceFacts {
            source: &source,
            language,
            country,
        };
        let chosen = choose(wishes.iter(), &facts);
        assert_eq!(chosen, explain_choice(wishes.iter(), &facts).chosen);
        chosen
    }

    #[test]
    fn a_campaign_comes_before_a_language_wherever_it_stands() {
        let wishes = [of_language(&["de"]), of_campaign("Radio")];
        assert_eq!(chosen(&wishes, Some("RADIO"), Some("de-AT"), None), Some(1));
        assert_eq!(chosen(&wishes, Some("Sale"), Some("de-AT"), None), Some(0));
        assert_eq!(chosen(&wishes, None, Some("en-GB"), None), None);
    }

    #[test]
    fn all_that_a_rule_says_must_hold() {
        let both = PoolWish {
            source: Some("google ads".into()),
            language: vec!["de".into()],
            ..of_campaign("Sale")
        };
        let wishes = [both];
        assert_eq!(chosen(&wishes, Some("Sale"), Some("de"), None), Some(0));
        assert_eq!(chosen(&wishes, Some("Sale"), Some("en"), None), None);
        assert_eq!(chosen(&wishes, None, Some("de"), None), None);
    }

    #[test]
    fn a_language_takes_its_dialects_and_nothing_that_only_begins_alike() {
        for (range, tag, fits) in [
            ("de", "de", true),
            ("DE", "de-AT", true),
            ("*", "fr", true),
            ("de", "den", false),
            ("de-AT", "de", false),
            ("zh-Hant", "zh-Hant-TW", true),
        ] {
            let wishes = [of_language(&["ga", range])];
            assert_eq!(
                chosen(&wishes, None, Some(tag), None).is_some(),
                fits,
                "{range} {tag}"
            );
        }
        assert_eq!(chosen(&[of_language(&["*"])], None, None, None), None);
    }

    #[test]
    fn the_country_is_what_is_known_of_it_and_else_the_languages_region() {
        let austria = [of_country(&["CH", "AT"])];
        assert_eq!(chosen(&austria, None, Some("de-AT"), None), Some(0));
        assert_eq!(chosen(&austria, None, Some("de-Latn-at"), None), Some(0));
        assert_eq!(chosen(&austria, None, Some("de-AT"), Some("DE")), None);
        assert_eq!(chosen(&austria, None, Some("en-GB"), Some("at")), Some(0));
        assert_eq!(chosen(&austria, None, Some("de-x-at"), None), None);
        assert_eq!(chosen(&austria, None, Some("de"), None), None);
    }

    #[test]
    fn a_call_to_a_fixed_number_is_its_campaigns_when_its_rules_agree() {
        let radio = of_campaign("Radio");
        let found = attribute_fixed([&radio, &radio]).unwrap();
        let source = found.source.unwrap();
        assert_eq!(
            (
                source.kind,
                source.name.as_str(),
                source.campaign.as_deref()
            ),
            (SourceKind::Campaign, "Radio", Some("Radio"))
        );
        assert_eq!((found.visit, found.confidence), (None, Confidence::Shared));
        let paid = PoolWish {
            source: Some("google ads".into()),
            ..of_campaign("Sale")
        };
        let source = attribute_fixed([&paid]).unwrap().source.unwrap();
        assert_eq!(
            (
                source.kind,
                source.name.as_str(),
                source.campaign.as_deref()
            ),
            (SourceKind::Paid, "Google Ads", Some("Sale"))
        );
        assert_eq!(attribute_fixed([&radio, &paid]), None);
        assert_eq!(attribute_fixed([&of_language(&["de"])]), None);
        assert_eq!(attribute_fixed([]), None);
    }

    #[test]
    fn a_rule_that_asks_nothing_takes_what_is_left() {
        let wishes = [PoolWish::default(), of_campaign("Radio")];
        assert_eq!(chosen(&wishes, Some("Radio"), None, None), Some(1));
        assert_eq!(chosen(&wishes, None, None, None), Some(0));
    }

    #[test]
    fn the_reasons_say_what_was_wanted_and_what_there_was() {
        let wishes = [
            of_country(&["DE", "AT"]),
            of_campaign("Radio"),
            of_language(&["fr"]),
        ];
        let source = source(Some("Sale"));
        let facts = ChoiceFacts {
            source: &source,
            language: Some("fr"),
            country: None,
        };
        let explanation = explain_choice(wishes.iter(), &facts);
        assert_eq!(explanation.chosen, Some(2));
        let passed: Vec<(usize, String)> = explanation
            .passed
            .iter()
            .map(|(place, why)| (*place, why.to_string()))
            .collect();
        assert_eq!(
            passed,
            [
                (1, "wants campaign Radio, the visit has Sale".to_string()),
                (0, "wants country DE or AT, the visit has none".to_string()),
            ]
        );
    }
}
