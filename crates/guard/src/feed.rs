//! The formats, and those of them that are a line for each host.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringfence_model::{FeedEntry, Timestamp};
use uuid::Uuid;

use crate::{misp, zone};

/// In which form a feed is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedFormat {
    /// A table of hosts (hosts(5)) that sends each to 0.0.0.0.
    Hosts,
    /// A response policy zone for name servers (draft-vixie-dnsop-dns-rpz): each host and what is below it do not exist.
    Rpz,
    /// A dataset of strings for Suricata: a line of base64 for each host. It has no room for times.
    Suricata,
    /// A filter list as browsers' blockers read it (Adblock Plus 2.0).
    Adblock,
    /// An event with an attribute for each host, for MISP.
    Misp,
    /// A JSON object for each host, one on a line, with every field.
    Json,
}

impl FeedFormat {
    /// Every format.
    pub const ALL: [Self; 6] = [
        Self::Hosts,
        Self::Rpz,
        Self::Suricata,
        Self::Adblock,
        Self::Misp,
        Self::Json,
    ];

    /// Its word: `rpz`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hosts => "hosts",
            Self::Rpz => "rpz",
            Self::Suricata => "suricata",
            Self::Adblock => "adblock",
            Self::Misp => "misp",
            Self::Json => "json",
        }
    }
}

/// No format has this name.
#[derive(Debug, PartialEq, Eq)]
pub struct UnknownFormat(String);

impl fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = FeedFormat::ALL.map(FeedFormat::as_str);
        write!(f, "expected one of {}, got {:?}", words.join(", "), self.0)
    }
}

impl std::error::Error for UnknownFormat {}

impl FromStr for FeedFormat {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        Self::ALL
            .into_iter()
            .find(|format| format.as_str() == text)
            .ok_or_else(|| UnknownFormat(text.to_owned()))
    }
}

/// Writes a feed as it stands `now`. Entries that have expired are left out. `publisher` tells this server's events from
/// those of others where feeds meet.
pub fn write(format: FeedFormat, entries: &[FeedEntry], now: Timestamp, publisher: Uuid) -> String {
    let live: Vec<&FeedEntry> = entries
        .iter()
        .filter(|entry| now < entry.expires && is_name(&entry.host))
        .collect();
    match format {
        FeedFormat::Hosts => hosts(&live, now),
        FeedFormat::Rpz => zone::write(&live, now),
        FeedFormat::Suricata => suricata(&live),
        FeedFormat::Adblock => adblock(&live, now),
        FeedFormat::Misp => misp::write(&live, now, publisher),
        FeedFormat::Json => json(&live),
    }
}

/// Whether a host is a name that may stand in a feed (RFC 952, RFC 1123 §2.1), so that nothing in it is taken for syntax,
/// and no address. It has a dot: a feed must not take a top-level domain, or a network's own machine, away.
fn is_name(host: &str) -> bool {
    let labels: Vec<&str> = host.split('.').collect();
    let is_label = |label: &&str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|octet| {
                octet.is_ascii_lowercase() || octet.is_ascii_digit() || b"-_".contains(&octet)
            })
    };
    labels.len() > 1
        && host.len() <= 253
        && labels.iter().all(is_label)
        && !labels
            .last()
            .is_some_and(|last| last.bytes().all(|octet| octet.is_ascii_digit()))
}

/// What a feed says of itself.
fn heading(now: Timestamp) -> [String; 2] {
    [
        "Hosts of pages that lock their visitors and alarm them to make them call; each was confirmed by a person.".into(),
        format!("Made {now}. Leave an entry out once it has expired."),
    ]
}

pub fn times(entry: &FeedEntry) -> String {
    format!(
        "first seen {}, last seen {}, expires {}",
        entry.first_seen, entry.last_seen, entry.expires
    )
}

fn hosts(entries: &[&FeedEntry], now: Timestamp) -> String {
    let mut text = String::new();
    for line in heading(now) {
        text.extend([format!("# {line}\n")]);
    }
    for entry in entries {
        text.extend([format!("0.0.0.0 {} # {}\n", entry.host, times(entry))]);
    }
    text
}

fn suricata(entries: &[&FeedEntry]) -> String {
    let line = |entry: &&FeedEntry| STANDARD.encode(&entry.host) + "\n";
    entries.iter().map(line).collect()
}

fn adblock(entries: &[&FeedEntry], now: Timestamp) -> String {
    let mut text = String::from("[Adblock Plus 2.0]\n! Title: Ringfence\n! Expires: 1 days\n");
    for line in heading(now) {
        text.extend([format!("! {line}\n")]);
    }
    for entry in entries {
        text.extend([format!("! {}\n||{}^$all\n", times(entry), entry.host)]);
    }
    text
}

fn json(entries: &[&FeedEntry]) -> String {
    let line = |entry: &&FeedEntry| {
        let object = serde_json::json!({
            "host": entry.host,
            "first_seen": entry.first_seen.to_string(),
            "last_seen": entry.last_seen.to_string(),
            "expires": entry.expires.to_string(),
        });
        format!("{object}\n")
    };
    entries.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn entry(host: &str) -> FeedEntry {
        FeedEntry {
            host: host.into(),
            first_seen: at(1_000),
            last_seen: at(2_000),
            expires: at(3_000),
        }
    }

    fn written(format: FeedFormat, hosts: &[&str]) -> String {
        let entries: Vec<FeedEntry> = hosts.iter().map(|host| entry(host)).collect();
        write(format, &entries, at(2_500), Uuid::nil())
    }

    #[test]
    fn every_format_names_every_host_and_all_but_one_tell_its_times() {
        for format in FeedFormat::ALL {
            let text = written(format, &["bad.example.com", "worse.test"]);
            for host in ["bad.example.com", "worse.test"] {
                let shown = if format == FeedFormat::Suricata {
                    STANDARD.encode(host)
                } else {
                    host.to_owned()
                };
                assert!(text.contains(&shown), "{format:?}: {text}");
            }
            if format != FeedFormat::Suricata {
                for time in [1_000, 2_000, 3_000] {
                    assert!(text.contains(&at(time).to_string()), "{format:?}: {text}");
                }
            }
        }
    }

    #[test]
    fn what_has_expired_is_left_out() {
        for format in FeedFormat::ALL {
            let text = write(format, &[entry("bad.example.com")], at(3_000), Uuid::nil());
            assert!(!text.contains("bad"), "{format:?}: {text}");
        }
    }

    #[test]
    fn what_is_no_name_of_a_host_is_in_no_feed() {
        let hostile = [
            "com",
            "localhost",
            "192.0.2.1",
            "a b.example.com",
            "a\nb.example.com",
            "*.example.com",
            "x.example.com. CNAME .\n",
            "Bad.example.com",
            "-a.example.com",
            "..example.com",
            "",
        ];
        for format in FeedFormat::ALL {
            assert_eq!(
                written(format, &hostile),
                written(format, &[]),
                "{format:?}"
            );
        }
    }

    #[test]
    fn a_line_of_each_format() {
        let has = |format, line: &str| {
            let text = written(format, &["bad.example.com"]);
            assert!(text.lines().any(|of| of == line), "{format:?}: {text}");
        };
        has(FeedFormat::Rpz, "bad.example.com CNAME .");
        has(FeedFormat::Rpz, "*.bad.example.com CNAME .");
        has(FeedFormat::Suricata, "YmFkLmV4YW1wbGUuY29t");
        has(FeedFormat::Adblock, "||bad.example.com^$all");
        assert!(
            written(FeedFormat::Hosts, &["bad.example.com"])
                .contains("\n0.0.0.0 bad.example.com #")
        );
    }

    #[test]
    fn an_event_for_misp_has_an_attribute_for_each_host_that_keeps_its_identifier() {
        let event = |hosts: &[&str]| -> serde_json::Value {
            serde_json::from_str(&written(FeedFormat::Misp, hosts)).unwrap()
        };
        let (one, two) = (event(&["a.test"]), event(&["b.test", "a.test"]));
        assert_eq!(one["Event"]["Attribute"][0]["type"], "hostname");
        assert_eq!(
            one["Event"]["Attribute"][0]["uuid"],
            two["Event"]["Attribute"][1]["uuid"]
        );
        assert_eq!(one["Event"]["uuid"], two["Event"]["uuid"]);
        let other = write(FeedFormat::Misp, &[], at(1), Uuid::max());
        assert!(!other.contains(one["Event"]["uuid"].as_str().unwrap()));
    }

    #[test]
    fn an_unknown_format_is_told_the_known_ones() {
        let error = "dns".parse::<FeedFormat>().unwrap_err();
        assert!(
            error
                .to_string()
                .contains("hosts, rpz, suricata, adblock, misp, json")
        );
    }
}
