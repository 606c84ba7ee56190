//! An event for MISP (its core format, draft-dulaunoy-misp-core-format): one event that is brought up to date, with an
//! attribute for each host.

use ringfence_model::{FeedEntry, Timestamp};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use uuid::{Builder, Uuid};

use crate::feed::times;

/// Medium: 1 is high, 2 medium, 3 low, 4 undefined.
const THREAT_LEVEL: &str = "2";
/// Complete: somebody has decided.
const ANALYSIS: &str = "2";

pub fn write(entries: &[&FeedEntry], now: Timestamp, publisher: Uuid) -> String {
    let attributes: Vec<_> = entries
        .iter()
        .map(|entry| attribute(entry, publisher))
        .collect();
    let day: String = now.to_string().chars().take(10).collect();
    let event = json!({
        "Event": {
            "uuid": identifier(publisher, "event", ""),
            "info": "Pages that lock their visitors and alarm them to make them call",
            "date": day,
            "timestamp": seconds(now),
            "threat_level_id": THREAT_LEVEL,
            "analysis": ANALYSIS,
            "published": false,
            "Tag": [{ "name": "tlp:clear" }],
            "Attribute": attributes,
        }
    });
    format!("{event}\n")
}

fn attribute(entry: &FeedEntry, publisher: Uuid) -> serde_json::Value {
    json!({
        "uuid": identifier(publisher, "hostname", &entry.host),
        "type": "hostname",
        "category": "Network activity",
        "value": entry.host,
        "to_ids": true,
        "timestamp": seconds(entry.last_seen),
        "first_seen": entry.first_seen.to_string(),
        "last_seen": entry.last_seen.to_string(),
        "comment": times(entry),
    })
}

fn seconds(at: Timestamp) -> String {
    at.as_micros().div_euclid(1_000_000).to_string()
}

/// Always the same for the same thing (RFC 9562 §5.8), so that what is sent twice is one attribute.
fn identifier(publisher: Uuid, kind: &str, value: &str) -> Uuid {
    let digest = Sha256::digest(format!("{publisher} {kind} {value}"));
    let mut octets = [0; 16];
    octets.copy_from_slice(&digest[..16]);
    Builder::from_custom_bytes(octets).into_uuid()
}
