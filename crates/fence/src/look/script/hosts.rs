//! Services that lock pages use, by the host's name.

use crate::look::signal::SignalKind;

/// Services that tell where an address is.
const LOOKUPS: &[&str] = &[
    "ipapi.co",
    "ip-api.com",
    "ipinfo.io",
    "freegeoip",
    "ipify.org",
    "ipgeolocation",
    "extreme-ip-lookup",
    "db-ip.com",
    "ipdata.co",
    "geolocation-db",
    "geoplugin",
    "ipwho.is",
    "ipwhois",
    "jsonip",
    "geojs.io",
    "iplogger",
    "ipstack",
    "geoip-db",
    "ip2c",
    "myip",
    "ipregistry",
    "smart-ip.net",
    "hostip.info",
    "keycdn.com/geo",
    "ip-lookup",
    "wtfismyip",
    "seeip.org",
    "icanhazip",
    "maxmind",
    "abstractapi",
    "freeipapi",
    "ipbase",
    "api.ip.sb",
    "geoiplookup",
    "ipleak",
];

/// Chats that anybody can put into a page.
const CHATS: &[&str] = &[
    "tawk.to",
    "livechatinc",
    "zopim",
    "zendesk.com/embed",
    "crisp.chat",
    "jivosite",
    "jivo.chat",
    "smartsupp",
    "purechat",
    "tidio",
    "olark",
    "chatra",
    "intercom",
    "drift.com",
    "userlike",
    "freshchat",
    "chaport",
    "chatwoot",
    "livezilla",
    "mylivechat",
    "clickdesk",
    "formilla",
    "snapengage",
    "my-live-chat",
];

/// What the host in an address is known for.
pub(in crate::look) fn class_of_host(address: &str) -> Option<SignalKind> {
    let host = address.split_once("//").map(|(_, rest)| rest)?;
    let host = &host[..host
        .bytes()
        .take(80)
        .take_while(|&octet| (b'!'..=b'~').contains(&octet) && octet != b'?')
        .count()];
    let lower = host.to_ascii_lowercase();
    let any = |names: &[&str]| names.iter().any(|name| lower.contains(name));
    if any(LOOKUPS) {
        Some(SignalKind::AddressLookup)
    } else if any(CHATS) {
        Some(SignalKind::ChatWidget)
    } else {
        None
    }
}
