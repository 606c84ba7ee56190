//! What a source rule found in a visit, in words that a person can check against the URL.

use std::fmt;

/// What a source rule found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding<'a> {
    /// A network's mark on the link.
    ClickId {
        /// The URL's parameter.
        parameter: &'static str,
        /// Whose mark it is.
        network: &'static str,
    },
    /// A mark that says less than the UTM parameters beside it.
    ClickIdGivesWay {
        /// The URL's parameter.
        parameter: &'static str,
    },
    /// No mark that is known.
    NoClickId,
    /// UTM parameters.
    Utm {
        /// The parameter that names the source.
        parameter: &'static str,
        /// Its value.
        value: &'a str,
        /// What `utm_medium` says.
        medium: Option<&'a str>,
    },
    /// None of `utm_source`, `utm_campaign` and `utm_medium`.
    NoUtm,
    /// A page of a site that is known.
    KnownReferrer {
        /// The referrer's host.
        host: String,
        /// What it is called.
        name: &'static str,
    },
    /// A page of any other site.
    OtherReferrer {
        /// The referrer's host.
        host: String,
    },
    /// A page of the same site.
    OwnReferrer {
        /// The referrer's host.
        host: String,
    },
    /// A referrer that is no page's URL.
    UnreadableReferrer,
    /// The browser gave none.
    NoReferrer,
}

impl fmt::Display for Finding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClickId { parameter, network } => {
                write!(f, "{parameter} is present: a mark of {network}")
            }
            Self::ClickIdGivesWay { parameter } => write!(
                f,
                "{parameter} is present, but links that are not paid carry it too, and the UTM parameters say more"
            ),
            Self::NoClickId => f.write_str("no click id is present"),
            Self::Utm {
                parameter,
                value,
                medium,
            } => {
                write!(f, "{parameter} is {value:?}")?;
                match medium {
                    Some(medium) if *parameter != "utm_medium" => {
                        write!(f, ", utm_medium is {medium:?}")
                    }
                    _ => Ok(()),
                }
            }
            Self::NoUtm => f.write_str("no UTM parameter is present"),
            Self::KnownReferrer { host, name } => write!(f, "the referrer {host} is {name}"),
            Self::OtherReferrer { host } => write!(f, "the referrer is a page of {host}"),
            Self::OwnReferrer { host } => write!(
                f,
                "the referrer {host} is the site itself, which says nothing"
            ),
            Self::UnreadableReferrer => f.write_str("the referrer is no page's URL"),
            Self::NoReferrer => f.write_str("there is no referrer"),
        }
    }
}
