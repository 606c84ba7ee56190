//! Whether a page may be shown a number now, and whether it is looked at; and as what address it is looked at.

use ringfence_model::{Duration, Timestamp};
use url::Url;

/// Tries that may fail before a page counts as one that cannot be seen.
pub const FAILURES_MAX: u32 = 3;

/// How long after a failed try the next one comes, by the tries that failed in a row; the last holds for all later ones.
const RETRY: [Duration; FAILURES_MAX as usize] = [
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_mins(10),
];

/// The second look at a page of a new account comes after this time; the time to each later one doubles.
const SECOND_LOOK: Duration = Duration::from_mins(1);

/// A look that is this far ahead was made before the clock was set back.
const SET_BACK: Duration = Duration::from_mins(1);

/// What is known of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PageFacts {
    /// How often it was seen.
    pub looks: u32,
    /// Tries that failed since.
    pub failures: u32,
    /// When it was tried last.
    pub tried_at: Option<Timestamp>,
}

/// What the operator set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GatePolicy {
    /// A page whose last look is older is looked at again.
    pub again_after: Duration,
    /// A page that cannot be looked at is shown numbers all the same, once that was tried three times.
    pub show_unseen: bool,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate {
    /// It may be shown a number now.
    pub shows: bool,
    /// It is to be looked at now.
    pub look: bool,
}

/// Whether a page may be shown a number, and is to be looked at. Pages of a new account are seen before they show one.
pub fn gate(page: &PageFacts, account_is_new: bool, policy: GatePolicy, now: Timestamp) -> Gate {
    let given_up = policy.show_unseen && page.failures >= FAILURES_MAX;
    let pause = match (page.failures, page.looks) {
        (0, looks) if account_is_new => {
            let doubled = SECOND_LOOK * (1 << looks.saturating_sub(1).min(20));
            doubled.min(policy.again_after)
        }
        (0, _) => policy.again_after,
        (failures, _) => RETRY[(failures as usize).min(RETRY.len()) - 1],
    };
    Gate {
        shows: !account_is_new || page.looks > 0 || given_up,
        // A clock that was set back must not put looks off; a request that came before the look's end is no such.
        look: page
            .tried_at
            .is_none_or(|tried| now.since(tried) >= pause || tried.since(now) > SET_BACK),
    }
}

/// Octets of what a page is called.
const PAGE_MAX: usize = 1024;
/// Parameters by which pages are told apart.
const NAMES_MAX: usize = 8;
/// The longest name of a parameter that is sent on, in octets.
const NAME_MAX: usize = 32;
/// The longest value that is sent on, in octets: what opens a door is longer.
const VALUE_MAX: usize = 24;
/// The longest value of a parameter of advertisements, in octets.
const AD_VALUE_MAX: usize = 300;

/// Parameters of advertisements: they do not tell pages apart, and are sent on whatever their length.
const ADS: [&str; 15] = [
    "gclid",
    "gbraid",
    "wbraid",
    "dclid",
    "gad_source",
    "gad_campaignid",
    "msclkid",
    "fbclid",
    "ttclid",
    "twclid",
    "li_fat_id",
    "igshid",
    "yclid",
    "rdt_cid",
    "epik",
];

/// In the names of parameters that may carry a secret of the visitor.
const SECRETS: [&str; 18] = [
    "token", "code", "otp", "pin", "key", "auth", "session", "sid", "mail", "pass", "pwd", "reset",
    "confirm", "verify", "secret", "sig", "invite", "unsub",
];

fn of_advert(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("utm_") || ADS.contains(&name.as_str())
}

/// Whether a parameter may be sent to the page's own server once more. A visitor's address may hold what opens an account
/// or works once only; a lock page's number, or the word on which it locks, is short.
fn may_be_sent(name: &str, value: &str) -> bool {
    if of_advert(name) {
        return value.len() <= AD_VALUE_MAX;
    }
    let folded = name.to_ascii_lowercase();
    name.len() <= NAME_MAX
        && value.len() <= VALUE_MAX
        && !value.contains('@')
        && !SECRETS.iter().any(|secret| folded.contains(secret))
}

/// What a page is called: its address, and the names of the parameters that may make it another one, without values.
pub fn page_name(url: &Url) -> String {
    let mut names: Vec<String> = url
        .query_pairs()
        .filter(|(name, value)| !of_advert(name) && may_be_sent(name, value))
        .map(|(name, _)| name.into_owned())
        .collect();
    names.sort();
    names.dedup();
    names.truncate(NAMES_MAX);
    let mut address = bare(url);
    if !names.is_empty() {
        let mut query = address.query_pairs_mut();
        for name in &names {
            query.append_key_only(name);
        }
        drop(query);
    }
    let mut text = String::from(address);
    // An address is ASCII once it is parsed.
    text.truncate(PAGE_MAX);
    text
}

/// A page's address without query and fragment.
pub fn bare(url: &Url) -> Url {
    let mut bare = url.clone();
    bare.set_query(None);
    bare.set_fragment(None);
    // A page that the browser shows has none; ours must not show any either.
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    bare
}

/// The address as the visitor's browser asked for it, without what may be a secret of his.
pub fn as_asked(url: &Url) -> Url {
    let mut asked = bare(url);
    let sent: Vec<_> = url
        .query_pairs()
        .filter(|(name, value)| may_be_sent(name, value))
        .collect();
    if !sent.is_empty() {
        asked.query_pairs_mut().extend_pairs(sent);
    }
    asked
}

/// The address as somebody asks for it who clicked an advertisement: many pages show their other face to those only.
pub fn as_from_an_advert(url: &Url) -> Url {
    let mut asked = as_asked(url);
    if !asked.query_pairs().any(|(name, _)| of_advert(&name)) {
        asked
            .query_pairs_mut()
            .append_pair("utm_source", "google")
            .append_pair("utm_medium", "cpc")
            .append_pair("gclid", "CjwKCAjw_page-check_AvD_BwE");
    }
    asked
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: GatePolicy = GatePolicy {
        again_after: Duration::from_hours(6),
        show_unseen: true,
    };

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_micros(1_800_000_000_000_000) + Duration::from_secs(seconds)
    }

    fn seen(looks: u32) -> PageFacts {
        PageFacts {
            looks,
            failures: 0,
            tried_at: Some(at(0)),
        }
    }

    fn failed(failures: u32) -> PageFacts {
        PageFacts {
            looks: 0,
            failures,
            tried_at: Some(at(0)),
        }
    }

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_new_accounts_page_is_seen_before_it_shows_a_number() {
        let unknown = PageFacts::default();
        let answer = gate(&unknown, true, POLICY, at(0));
        assert_eq!((answer.shows, answer.look), (false, true));
        let answer = gate(&unknown, false, POLICY, at(0));
        assert_eq!((answer.shows, answer.look), (true, true));
        let answer = gate(&seen(1), true, POLICY, at(1));
        assert_eq!((answer.shows, answer.look), (true, false));
    }

    #[test]
    fn a_new_accounts_pages_are_looked_at_often_and_then_less_so() {
        for (looks, pause) in [(1, 60), (2, 120), (3, 240), (40, 6 * 3600)] {
            let early = gate(&seen(looks), true, POLICY, at(pause - 1));
            let due = gate(&seen(looks), true, POLICY, at(pause));
            assert_eq!((early.look, due.look), (false, true), "{looks}");
        }
        assert!(!gate(&seen(1), false, POLICY, at(3600)).look);
        assert!(gate(&seen(1), false, POLICY, at(6 * 3600)).look);
    }

    #[test]
    fn a_page_that_cannot_be_seen_gets_its_number_after_three_tries_unless_the_operator_forbids_it()
    {
        for (failures, pause) in [(1, 10), (2, 30), (3, 600), (9, 600)] {
            let early = gate(&failed(failures), true, POLICY, at(pause - 1));
            let due = gate(&failed(failures), true, POLICY, at(pause));
            assert_eq!((early.look, due.look), (false, true), "{failures}");
            assert_eq!(early.shows, failures >= 3, "{failures}");
        }
        let strict = GatePolicy {
            show_unseen: false,
            ..POLICY
        };
        assert!(!gate(&failed(9), true, strict, at(0)).shows);
        assert!(gate(&failed(9), false, strict, at(0)).shows);
    }

    #[test]
    fn a_clock_that_was_set_back_puts_no_look_off() {
        let ahead = |seconds| PageFacts {
            tried_at: Some(at(seconds)),
            ..seen(9)
        };
        assert!(gate(&ahead(61), false, POLICY, at(0)).look);
        assert!(!gate(&ahead(59), false, POLICY, at(0)).look);
    }

    #[test]
    fn what_may_be_a_secret_is_not_sent_on() {
        let asked = as_asked(&url(
            "https://u:p@shop.test/a?phone=18885550123&x=1&token=abc&Reset_Code=1&to=ann@example.com\
             &long=0123456789012345678901234&gclid=0123456789012345678901234567#top",
        ));
        assert_eq!(
            asked.as_str(),
            "https://shop.test/a?phone=18885550123&x=1&gclid=0123456789012345678901234567"
        );
        assert_eq!(
            as_asked(&url("https://shop.test/?token=a")).as_str(),
            "https://shop.test/"
        );
    }

    #[test]
    fn pages_are_told_apart_by_what_may_make_them_another_one() {
        let name = |text| page_name(&url(text));
        let plain = "https://shop.test/a";
        assert_eq!(name("https://shop.test/a?utm_source=x&gclid=y#z"), plain);
        assert_eq!(name("https://shop.test/a?token=y"), plain);
        let with = name("https://shop.test/a?z=1&phone=2&z=3");
        assert_eq!(with, "https://shop.test/a?phone&z");
        assert_eq!(name("https://shop.test/a?phone=9&z="), with);
        let long = format!("https://shop.test/{}", "a".repeat(5000));
        assert_eq!(name(&long).len(), 1024);
    }

    #[test]
    fn an_advertisement_is_made_up_where_none_is_named() {
        let asked = as_from_an_advert(&url("https://shop.test/?x=1"));
        assert!(asked.as_str().contains("x=1") && asked.as_str().contains("gclid="));
        let asked = as_from_an_advert(&url("https://shop.test/?utm_source=mail"));
        assert_eq!(asked.as_str(), "https://shop.test/?utm_source=mail");
    }
}
