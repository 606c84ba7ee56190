//! A response policy zone: what name servers answer in place of the truth (draft-vixie-dnsop-dns-rpz).

use ringfence_model::{FeedEntry, Timestamp};

use crate::feed::times;

/// Octets that a name may have with the zone's own behind it (RFC 1035 §2.3.4), for a zone of a usual name.
const LONGEST: usize = 200;

/// A zone file (RFC 1035 §5.1). Its serial is the time in seconds, so each is newer than the one before.
pub fn write(entries: &[&FeedEntry], now: Timestamp) -> String {
    let serial = now.as_micros().div_euclid(1_000_000).rem_euclid(1 << 32);
    let mut text = format!(
        "$TTL 3600\n@ SOA localhost. hostmaster.localhost. {serial} 3600 600 604800 60\n@ NS localhost.\n"
    );
    for entry in entries.iter().filter(|entry| entry.host.len() <= LONGEST) {
        // CNAME to the root: the name does not exist.
        text.extend([format!(
            "; {}\n{host} CNAME .\n*.{host} CNAME .\n",
            times(entry),
            host = entry.host
        )]);
    }
    text
}
