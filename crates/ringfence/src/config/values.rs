//! Values of the configuration that are checked as they are read, so that an error names their line.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use ringfence_live::{BadUrl, Valkey};
use ringfence_platform::retention::Keep;
use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

/// Reads and writes a value as the text that people write.
macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = String;
            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    )*};
}
as_text!(
    DatabaseUrl,
    LiveUrl,
    MailPassword,
    PublicUrl,
    Network,
    PortRange,
    Level,
    KeepFor,
    ServerName
);

/// What a server is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServerName(String);

impl FromStr for ServerName {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let fits = (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.'));
        if fits {
            Ok(Self(text.into()))
        } else {
            Err(format!(
                "expected 1 to 64 letters, digits, `-`, `_` and `.`, got {text:?}"
            ))
        }
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Seconds between signs of life of a call's sides; 0 for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct SessionInterval(pub u32);

impl TryFrom<u32> for SessionInterval {
    type Error = String;
    /// RFC 4028 §4 sets the least; a day is the most that telephony takes.
    fn try_from(seconds: u32) -> Result<Self, String> {
        match seconds {
            0 | 90..=86_400 => Ok(Self(seconds)),
            _ => Err(format!("expected 0, or 90 to 86400 seconds, got {seconds}")),
        }
    }
}

impl From<SessionInterval> for u32 {
    fn from(interval: SessionInterval) -> Self {
        interval.0
    }
}

/// How long something is kept: `750 days`, or `forever`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeepFor(pub Option<u32>);

impl KeepFor {
    /// Ten years.
    const DAYS_MAX: u32 = 3650;
}

impl FromStr for KeepFor {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "forever" {
            return Ok(Self(None));
        }
        let days = text
            .strip_suffix(" days")
            .or_else(|| text.strip_suffix(" day"))
            .and_then(|number| number.parse().ok());
        match days {
            Some(days @ 1..=Self::DAYS_MAX) => Ok(Self(Some(days))),
            _ => Err(format!(
                "expected \"1 day\" to \"{} days\", or \"forever\", got {text:?}",
                Self::DAYS_MAX
            )),
        }
    }
}

impl fmt::Display for KeepFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(1) => f.write_str("1 day"),
            Some(days) => write!(f, "{days} days"),
            None => f.write_str("forever"),
        }
    }
}

impl From<KeepFor> for Keep {
    fn from(keep: KeepFor) -> Self {
        keep.0.map_or(Self::Forever, |days| {
            Self::For(Duration::from_hours(24) * days)
        })
    }
}

/// The URL of a database; its password stays out of logs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DatabaseUrl(pub String);

impl FromStr for DatabaseUrl {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = ["sqlite:", "postgres://", "postgresql://"];
        if known
            .iter()
            .any(|scheme| text.len() > scheme.len() && text.starts_with(scheme))
        {
            return Ok(Self(text.into()));
        }
        // The text may hold a password: only its scheme is said.
        let scheme = text
            .split(':')
            .next()
            .filter(|scheme| *scheme != text)
            .unwrap_or("no scheme");
        Err(format!(
            "expected sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME, got {scheme:?}"
        ))
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.split_once("://"), self.0.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, place))) => write!(f, "{scheme}://***@{place}"),
            _ => f.write_str(&self.0),
        }
    }
}

/// The URL of a Valkey; `Debug` hides its password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LiveUrl(pub String);

impl FromStr for LiveUrl {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let named = ["redis://", "rediss://"]
            .iter()
            .any(|scheme| text.len() > scheme.len() && text.starts_with(scheme));
        // The text may hold a password: nothing of it is said.
        let known = named && Valkey::new(text, Duration::from_secs(1)).is_ok();
        if known {
            Ok(Self(text.into()))
        } else {
            Err(BadUrl.to_string())
        }
    }
}

impl fmt::Display for LiveUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for LiveUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.split_once("://"), self.0.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, place))) => write!(f, "{scheme}://***@{place}"),
            _ => f.write_str(&self.0),
        }
    }
}

/// The password of a mail server's user; `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MailPassword(pub String);

impl FromStr for MailPassword {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            Err("expected a password, got none".into())
        } else {
            Ok(Self(text.into()))
        }
    }
}

impl fmt::Display for MailPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MailPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// How the talk with the mail server is kept from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTlsWord {
    /// TLS after STARTTLS, and nothing before it.
    Starttls,
    /// TLS from the first octet.
    Implicit,
    /// None.
    Off,
}

/// How a server is reached, ours or a carrier's: scheme, host and perhaps a port, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicUrl(pub String);

impl FromStr for PublicUrl {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let url = text.trim_end_matches('/');
        let host = url
            .strip_prefix("https://")
            .or_else(|| url.strip_prefix("http://"));
        match host {
            Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']) => {
                Ok(Self(url.into()))
            }
            _ => Err(format!(
                "expected a URL such as https://calls.example.com, without a path, got {text:?}"
            )),
        }
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An address or a network of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(pub ipnet::IpNet);

impl FromStr for Network {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        text.parse::<ipnet::IpNet>()
            .or_else(|_| text.parse::<std::net::IpAddr>().map(ipnet::IpNet::from))
            .map(Self)
            .map_err(|_| format!("expected an address or a network such as 192.0.2.7 or 192.0.2.0/28, got {text:?}"))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// UDP ports from `first` to `last`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PortRange {
    /// The lowest.
    pub first: u16,
    /// The highest.
    pub last: u16,
}

impl FromStr for PortRange {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let range = text.split_once('-').and_then(|(first, last)| {
            Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
        });
        match range {
            Some((first, last)) if first >= 1024 && last > first && last - first >= 3 => {
                Ok(Self { first, last })
            }
            _ => Err(format!(
                "expected two ports from 1024 to 65535 with at least four ports between them, such as \
                 20000-29999, got {text:?}"
            )),
        }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: an object a line.
    Json,
}

/// Which log lines are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Level(pub String);

impl FromStr for Level {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let level = |word: &str| ["off", "error", "warn", "info", "debug", "trace"].contains(&word);
        // A bare word that is no level would be read as the name of a crate, and silence all others.
        let meant = text
            .split(',')
            .all(|part| part.contains('=') || level(part.trim()));
        if meant && EnvFilter::try_new(text).is_ok() {
            return Ok(Self(text.into()));
        }
        Err(format!(
            "expected error, warn, info, debug or trace, perhaps with parts of their own such as \
             info,ringfence_telephony=debug, got {text:?}"
        ))
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_password_is_not_shown() {
        let url: DatabaseUrl = "postgres://ann:hush@db.test/calls".parse().expect("a URL");
        assert_eq!(format!("{url:?}"), "postgres://***@db.test/calls");
        let error = "mysql://ann:hush@db.test/calls"
            .parse::<DatabaseUrl>()
            .expect_err("another engine");
        assert!(!error.contains("hush"), "{error}");
    }

    #[test]
    fn a_port_range_needs_room_for_a_call() {
        assert_eq!(
            "20000-20003".parse(),
            Ok(PortRange {
                first: 20_000,
                last: 20_003
            })
        );
        for bad in ["20000-20002", "30000-20000", "80-90000", "20000", ""] {
            assert!(bad.parse::<PortRange>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_public_url_has_a_scheme_and_no_path() {
        assert_eq!(
            "https://calls.example.com/".parse(),
            Ok(PublicUrl("https://calls.example.com".into()))
        );
        for bad in [
            "calls.example.com",
            "https://",
            "https://example.com/calls",
            "ftp://example.com",
        ] {
            assert!(bad.parse::<PublicUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn how_long_is_days_or_forever_and_never_nothing() {
        for good in ["1 day", "750 days", "3650 days", "forever"] {
            let kept = good.parse::<KeepFor>().map(|kept| kept.to_string());
            assert_eq!(kept.as_deref(), Ok(good));
        }
        for bad in [
            "0 days",
            "3651 days",
            "-1 days",
            "750",
            "25 months",
            "Forever",
            "",
        ] {
            assert!(bad.parse::<KeepFor>().is_err(), "{bad}");
        }
        assert_eq!(
            Keep::from(KeepFor(Some(2))),
            Keep::For(Duration::from_hours(48))
        );
        assert_eq!(Keep::from(KeepFor(None)), Keep::Forever);
    }

    #[test]
    fn a_single_address_is_a_network_of_one() {
        assert_eq!(
            "192.0.2.7"
                .parse::<Network>()
                .map(|network| network.to_string()),
            Ok("192.0.2.7/32".into())
        );
        assert!("192.0.2".parse::<Network>().is_err());
    }

    #[test]
    fn a_level_that_is_none_is_refused() {
        assert!("info,ringfence_telephony=debug".parse::<Level>().is_ok());
        assert!("loud".parse::<Level>().is_err());
        assert!("ringfence=loud".parse::<Level>().is_err());
    }
}
