//! How a ring behaves: to whom its servers show what, and who asks for numbers.

use std::time::Duration;

use ringfence_fence::{DESKTOP_AGENT, PHONE_AGENT, Visitor};
use serde::Serialize;
use url::Url;

use crate::random::Random;

/// A browser that the platform does not use.
const OTHER_AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0";
/// The campaign that a ring's own advertisement names.
const CAMPAIGN: &str = "a7";

/// What a ring does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// The lock page for everybody.
    LocksEverybody,
    /// For one browser only.
    CloaksByAgent,
    /// For one language only.
    CloaksByLanguage,
    /// For those who come from a search engine only.
    CloaksByReferrer,
    /// For those who come by its own advertisement only.
    CloaksByParameter,
    /// A shop first, the lock page some minutes later.
    TurnsHostile,
    /// The lock page for everybody, by an account that is no new one.
    UsesAnOldAccount,
    /// Another host of its site every ten minutes.
    RotatesHosts,
    /// Another account every ten minutes; the first visitor of each sees a shop.
    RotatesAccounts,
    /// A shop is declared; the kit's server asks, without a token.
    AsksFromAServer,
    /// The kit's server asks with the tokens of browsers that saw the declared shop.
    ReplaysTokens,
    /// The kit's server fetches a token for each request, as a browser would, for a shop that it declares.
    PlaysABrowser,
    /// A shop for the platform's own address, the lock page for everybody else.
    KnowsThePlatform,
}

impl Behaviour {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::LocksEverybody,
        Self::CloaksByAgent,
        Self::CloaksByLanguage,
        Self::CloaksByReferrer,
        Self::CloaksByParameter,
        Self::TurnsHostile,
        Self::UsesAnOldAccount,
        Self::RotatesHosts,
        Self::RotatesAccounts,
        Self::AsksFromAServer,
        Self::ReplaysTokens,
        Self::PlaysABrowser,
        Self::KnowsThePlatform,
    ];

    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::LocksEverybody => "locks everybody",
            Self::CloaksByAgent => "cloaks by browser, a harmless visitor first",
            Self::CloaksByLanguage => "cloaks by language, a harmless visitor first",
            Self::CloaksByReferrer => "cloaks by referrer, a harmless visitor first",
            Self::CloaksByParameter => {
                "cloaks by its advertisement's parameter, a harmless visitor first"
            }
            Self::TurnsHostile => "is a shop first and turns after 3 to 60 min",
            Self::UsesAnOldAccount => "locks everybody, from an account of 31 days",
            Self::RotatesHosts => "takes another host of its site every 10 min",
            Self::RotatesAccounts => "takes another account every 10 min, a harmless visitor first",
            Self::AsksFromAServer => "asks from its server, without a token",
            Self::ReplaysTokens => "asks from its server, with browsers' tokens",
            Self::PlaysABrowser => "asks from its server as a browser would, for a declared shop",
            Self::KnowsThePlatform => "knows the platform's address and shows it a shop",
        }
    }

    /// Its kit asks for numbers, and not the page's browser.
    pub(super) const fn asks_from_a_server(self) -> bool {
        matches!(
            self,
            Self::AsksFromAServer | Self::ReplaysTokens | Self::PlaysABrowser
        )
    }

    /// It sends somebody before who is shown the shop.
    pub(super) const fn sends_a_scout(self) -> bool {
        matches!(
            self,
            Self::CloaksByAgent
                | Self::CloaksByLanguage
                | Self::CloaksByReferrer
                | Self::CloaksByParameter
                | Self::RotatesAccounts
        )
    }

    /// Whom its server shows the lock page, `after` its lure began; `turns` is when a page turns hostile.
    pub(super) fn locks(self, asker: &Asker<'_>, after: Duration, turns: Duration) -> bool {
        match self {
            Self::CloaksByAgent => asker.user_agent == OTHER_AGENT,
            Self::CloaksByLanguage => asker.language.is_some_and(|told| told.starts_with("nl")),
            Self::CloaksByReferrer => {
                let from = |told: &str| told.starts_with("https://www.google.");
                asker.referrer.is_some_and(from)
            }
            Self::CloaksByParameter => {
                let mut query = asker.url.query_pairs();
                query.any(|(name, value)| name == "utm_campaign" && value == CAMPAIGN)
            }
            Self::TurnsHostile => after >= turns,
            Self::RotatesAccounts => !after.is_zero(),
            Self::KnowsThePlatform => !asker.is_the_platform,
            // What is declared is a shop; the lock page is on another host.
            _ => !self.asks_from_a_server(),
        }
    }

    /// Somebody who is meant to see the lock page, and the address that he opens.
    pub(super) fn victim(self, host: &str, random: &mut Random) -> (Visitor, Url) {
        let agents = [OTHER_AGENT, OTHER_AGENT, DESKTOP_AGENT, PHONE_AGENT];
        let languages = ["en-US", "nl-NL", "de-DE", "ja-JP"];
        let language = match self {
            Self::CloaksByLanguage => "nl-NL",
            _ => random.one_of(&languages),
        };
        let visitor = Visitor {
            user_agent: match self {
                Self::CloaksByAgent => OTHER_AGENT.into(),
                _ => (*random.one_of(&agents)).into(),
            },
            language: Some(language.to_owned()),
            referrer: Some("https://www.google.com/".into()),
        };
        let click = random.bits();
        (
            visitor,
            page(host, &format!("?utm_campaign={CAMPAIGN}&gclid={click:x}")),
        )
    }

    /// Somebody whom the ring sends first: he is shown the shop.
    pub(super) fn scout(host: &str) -> (Visitor, Url) {
        let visitor = Visitor {
            user_agent: DESKTOP_AGENT.into(),
            language: Some("en-US".into()),
            referrer: None,
        };
        (visitor, page(host, ""))
    }
}

/// Who asks a server for a page.
pub(super) struct Asker<'a> {
    pub(super) user_agent: &'a str,
    pub(super) language: Option<&'a str>,
    pub(super) referrer: Option<&'a str>,
    pub(super) url: &'a Url,
    pub(super) is_the_platform: bool,
}

pub(super) fn page(host: &str, query: &str) -> Url {
    Url::parse(&format!("https://{host}/{query}")).expect("it is a page's URL")
}
