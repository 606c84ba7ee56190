//! What an operator sets: `ringfence.toml`, over it the environment. The one place where each key, its default and
//! its unit are written down; docs/configuration.md is made from it (`ringfence config reference`).

mod load;
mod reference;
mod values;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use load::load;
pub use reference::reference;
pub use values::{
    DatabaseUrl, KeepFor, Level, LiveUrl, LogFormat, MailPassword, MailTlsWord, Network, PortRange,
    PublicUrl, ServerName, SessionInterval,
};

/// A key as the reference page shows it.
struct Key {
    name: &'static str,
    kind: &'static str,
    about: &'static [&'static str],
}

/// A table of the file as the reference page shows it. The first one has no name: its keys stand at the top.
struct Section {
    name: &'static str,
    about: &'static [&'static str],
    keys: &'static [Key],
}

/// Makes a struct, its defaults and its page of the reference from one text.
macro_rules! section {
    ($(#[doc = $about:literal])* $struct:ident $table:literal {
        $($(#[doc = $doc:literal])* $key:ident: $kind:ty = $default:expr;)*
    }) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        #[allow(clippy::struct_field_names, reason = "keys are read below their table's name, where each says what it is")]
        pub struct $struct {
            $($(#[doc = $doc])* pub $key: $kind,)*
        }

        impl Default for $struct {
            fn default() -> Self {
                Self { $($key: $default,)* }
            }
        }

        impl $struct {
            const SECTION: Section = Section {
                name: $table,
                about: &[$($about),*],
                keys: &[$(Key { name: stringify!($key), kind: stringify!($kind), about: &[$($doc),*] }),*],
            };
        }
    };
}

/// The whole configuration. Everything has a default that works on one machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The folder of everything that has no place of its own: database, recordings, key. Relative paths begin
    /// in the folder that the program is started in.
    pub data_folder: PathBuf,
    /// `[server]`
    pub server: ThisServer,
    /// `[database]`
    pub database: Database,
    /// `[live]`
    pub live: SharedLive,
    /// `[http]`
    pub http: Http,
    /// `[tag]`
    pub tag: Tag,
    /// `[fence]`
    pub fence: Fence,
    /// `[sip]`
    pub sip: Sip,
    /// `[media]`
    pub media: Media,
    /// `[recording]`
    pub recording: Recording,
    /// `[retention]`
    pub retention: Retention,
    /// `[secrets]`
    pub secrets: Secrets,
    /// `[outbound]`
    pub outbound: Outbound,
    /// `[carriers]`
    pub carriers: Carriers,
    /// `[conversions]`
    pub conversions: Conversions,
    /// `[mail]`
    pub mail: Mail,
    /// `[log]`
    pub log: Log,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_folder: "ringfence-data".into(),
            server: ThisServer::default(),
            database: Database::default(),
            live: SharedLive::default(),
            http: Http::default(),
            tag: Tag::default(),
            fence: Fence::default(),
            sip: Sip::default(),
            media: Media::default(),
            recording: Recording::default(),
            retention: Retention::default(),
            secrets: Secrets::default(),
            outbound: Outbound::default(),
            carriers: Carriers::default(),
            conversions: Conversions::default(),
            mail: Mail::default(),
            log: Log::default(),
        }
    }
}

impl Config {
    const TOP: Section = Section {
        name: "",
        about: &[],
        keys: &[Key {
            name: "data_folder",
            kind: "PathBuf",
            about: &[
                " The folder of everything that has no place of its own: database, recordings, key. Relative paths begin",
                " in the folder that the program is started in.",
            ],
        }],
    };

    const SECTIONS: &[Section] = &[
        Self::TOP,
        ThisServer::SECTION,
        Database::SECTION,
        SharedLive::SECTION,
        Http::SECTION,
        Tag::SECTION,
        Fence::SECTION,
        Sip::SECTION,
        Media::SECTION,
        Recording::SECTION,
        Retention::SECTION,
        Secrets::SECTION,
        Outbound::SECTION,
        Carriers::SECTION,
        Conversions::SECTION,
        Mail::SECTION,
        Log::SECTION,
    ];

    /// The URL of the database; without one, SQLite in the data folder.
    pub fn database_url(&self) -> String {
        self.database.url.as_ref().map_or_else(
            || format!("sqlite:{}", self.data_folder.join("ringfence.db").display()),
            |url| url.0.clone(),
        )
    }

    /// The folder of the recordings.
    pub fn recordings_folder(&self) -> PathBuf {
        self.recording
            .folder
            .clone()
            .unwrap_or_else(|| self.data_folder.join("recordings"))
    }

    /// The file of the master key.
    pub fn key_file(&self) -> PathBuf {
        self.secrets
            .key_file
            .clone()
            .unwrap_or_else(|| self.data_folder.join("master.key"))
    }
}

section! {
    /// This server among others over one PostgreSQL. See docs/cluster.md.
    ThisServer "server" {
        /// What it is called, 1 to 64 letters, digits, `-`, `_` and `.`; no two servers are called the same, and one keeps
        /// its name at every start: so it closes at once what an earlier run of its own left open. Without it: the
        /// machine's name and eight digits of the data folder's identifier.
        name: Option<ServerName> = None;
        /// Seconds. A server that gives no sign of life for so long is given up: another one closes its calls as
        /// interrupted. Signs of life come six times as often.
        dead_after: NonZeroU32 = at_least_one(30);
    }
}

section! {
    /// Where rows are kept.
    Database "database" {
        /// `sqlite:PATH`, or `postgres://USER:PASSWORD@HOST/NAME`. Without it: SQLite in the file `ringfence.db`
        /// of the data folder.
        url: Option<DatabaseUrl> = None;
        /// A file that holds the URL instead, so that its password is not in this one.
        url_file: Option<PathBuf> = None;
    }
}

section! {
    /// Where several servers over one PostgreSQL share who has which number. See docs/cluster.md.
    SharedLive "live" {
        /// The URL of a Valkey (or Redis 7): `redis://USER:PASSWORD@HOST:6379/0`, or `rediss://…` with TLS, whose
        /// certificate the system has to believe. The same for all servers. Without it: this server alone answers number
        /// requests.
        url: Option<LiveUrl> = None;
        /// A file that holds the URL instead, so that its password is not in this one.
        url_file: Option<PathBuf> = None;
        /// Milliseconds. No number request waits longer for an answer of Valkey; the page then keeps its own number.
        patience: NonZeroU32 = at_least_one(250);
    }
}

section! {
    /// Where browsers connect: the tag and the dashboard.
    Http "http" {
        /// The address and port to listen on. TLS is left to a proxy before it.
        listen: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
        /// How browsers reach this server, with its scheme: `https://calls.example.com`. Without it:
        /// `http://` and the address that it listens on.
        public_url: Option<PublicUrl> = None;
        /// Addresses or networks (CIDR, RFC 4632) of proxies whose `X-Forwarded-For` is believed.
        trusted_proxies: Vec<Network> = Vec::new();
    }
}

section! {
    /// How numbers are given out.
    Tag "tag" {
        /// Number requests a minute from one network (/24 of IPv4, /48 of IPv6); twice as many may come at
        /// once. 0 turns the limit off.
        number_requests_per_minute: u32 = 120;
        /// Seconds. A lease that ended this long before a call still explains it, with less confidence.
        late_call_window: u32 = 3600;
    }
}

section! {
    /// What keeps numbers from pages that lock and alarm their visitors. See docs/fence.md.
    Fence "fence" {
        /// Whether a release takes two different operators. Only where one person runs the platform: `false`.
        two_people: bool = true;
        /// Whether pages that ask for numbers are looked at. Only where no page can be reached from here: `false`.
        look_at_pages: bool = true;
        /// Seconds. A page whose last look is older is looked at again when it asks for a number.
        look_again_after: u32 = 21_600;
        /// Days. Pages of accounts that are younger are looked at before they are shown their first number.
        new_account_days: u32 = 30;
        /// Whether a page that cannot be looked at is shown numbers all the same, once that was tried three times.
        show_on_unseen_pages: bool = true;
        /// Whether a network that asks for numbers which no page then shows is given no more of that site's.
        withhold_from_silent_networks: bool = true;
        /// Whether a visit does without its number when its page locks it in: full screen, keyboard, dialogs and leaving
        /// together, as the tag counts them. Only where such pages are the business, as those of an arcade: `false`.
        withdraw_from_locking_pages: bool = true;
        /// Minutes of calls to telephone numbers (targets, forwards and transfers over trunks) that an account may dial
        /// within an hour; above it its dialling is held until an operator releases it. 0 is without a limit. `ringfence
        /// account change --dialled-minutes-per-hour` sets another one for an account.
        dialled_minutes_per_hour: u32 = 6000;
    }
}

section! {
    /// Where carriers connect.
    Sip "sip" {
        /// The UDP address and port to listen on.
        listen_udp: SocketAddr = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 5060));
        /// The TCP address and port to listen on.
        listen_tcp: SocketAddr = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 5060));
        /// The address and port to listen on for TLS, for example `0.0.0.0:5061`. Without it: no TLS.
        listen_tls: Option<SocketAddr> = None;
        /// The PEM file of the certificate that is shown, and of those that vouch for it. Read again at SIGHUP.
        tls_certificate: Option<PathBuf> = None;
        /// The PEM file of the certificate's private key. Read again at SIGHUP.
        tls_key: Option<PathBuf> = None;
        /// The PEM file of the certificates that are believed of targets with `;transport=tls`. Without it: none.
        tls_roots: Option<PathBuf> = None;
        /// Seconds, 90 to 86400. A side of a call that gives no sign of life for so long (RFC 4028) has gone, and
        /// the call is ended. 0 leaves it to the sides.
        session_interval: SessionInterval = SessionInterval(1800);
        /// The IP address that others reach this machine by: what Contact, Via and SDP say. Needed behind NAT.
        /// Without it: the address that it listens on, or that of the way to the carrier.
        advertised_address: Option<IpAddr> = None;
        /// Calls under way at the same time; the next INVITE gets 503.
        max_calls: NonZeroU32 = at_least_one(2000);
        /// New calls a second; those above it get 503 with Retry-After.
        max_new_calls_per_second: NonZeroU32 = at_least_one(500);
        /// Seconds: the shortest time that a phone may register for; shorter ones get 423. See docs/phones.md.
        phone_expiry_min: NonZeroU32 = at_least_one(60);
        /// Seconds: the longest time that a phone is registered for without asking again; less behind NAT and over streams.
        phone_expiry_max: NonZeroU32 = at_least_one(3600);
        /// Whether phones are asked for MD5 digests alone, for those that stumble over SHA-256 (RFC 8760). They are
        /// asked for both otherwise.
        phone_md5_only: bool = false;
    }
}

section! {
    /// Where the sound of calls passes.
    Media "media" {
        /// The IP address to send and receive RTP on. Without it: that of `sip.listen_udp`.
        address: Option<IpAddr> = None;
        /// UDP ports, first and last. A call takes four.
        ports: PortRange = PortRange { first: 20_000, last: 29_999 };
        /// Whether sound is taken from another host than the one that the carrier's or target's SDP names: the first
        /// that sends decides. Only for peers behind NAT; otherwise a stranger who guesses a port may be heard.
        nat: bool = false;
    }
}

section! {
    /// What is kept of the sound of calls.
    Recording "recording" {
        /// Whether answered calls are recorded.
        enabled: bool = true;
        /// The folder of the recordings. Without it: `recordings` in the data folder.
        folder: Option<PathBuf> = None;
    }
}

section! {
    /// How long what tells of people is kept. See docs/privacy.md.
    Retention "retention" {
        /// How long after its start a visit is kept as it was: `1 day` to `3650 days`, or `forever`. After that its
        /// page, referrer, keyword, UTM and click ids, language, device, address and visitor are erased, and what pages
        /// told of it; the visit itself is still counted.
        visits: KeepFor = KeepFor(Some(750));
        /// How long after its start a call is kept as it was: `1 day` to `3650 days`, or `forever`. After that the
        /// caller's number, the keyword, the link to the visit, the carrier's identifier and every reason in words are
        /// erased, and its recordings; the call itself is still counted.
        calls: KeepFor = KeepFor(None);
        /// How long after its start a recording or message is kept: `1 day` to `3650 days`, or `forever`. After that
        /// its file is removed; the call's page says so.
        recordings: KeepFor = KeepFor(None);
    }
}

section! {
    /// What must not be known.
    Secrets "secrets" {
        /// The file of the master key: 64 hexadecimal digits, readable by the program's user alone. It is made
        /// when it does not exist. Without it: `master.key` in the data folder; better is a place that is not
        /// in the same backup.
        key_file: Option<PathBuf> = None;
    }
}

section! {
    /// What the program fetches from others: proofs of hosts.
    Outbound "outbound" {
        /// Whether private, loopback and link-local addresses may be asked. Only where the sites themselves are
        /// in a private network.
        allow_private: bool = false;
    }
}

section! {
    /// Where carriers are asked for numbers. The defaults are their own addresses; others are for a proxy that stands
    /// before them.
    Carriers "carriers" {
        /// Twilio's number API, by https.
        twilio_url: PublicUrl = PublicUrl("https://api.twilio.com".into());
        /// Telnyx' number API, by https.
        telnyx_url: PublicUrl = PublicUrl("https://api.telnyx.com".into());
    }
}

section! {
    /// Where advertising platforms are told of conversions. The defaults are their own addresses; others are for a proxy that
    /// stands before them.
    Conversions "conversions" {
        /// Google Analytics' Measurement Protocol, by https.
        google_analytics_url: PublicUrl = PublicUrl("https://www.google-analytics.com".into());
        /// Google's Data Manager API, which takes conversions of Google Ads, by https.
        google_ads_url: PublicUrl = PublicUrl("https://datamanager.googleapis.com".into());
        /// Where Google gives out access tokens, by https.
        google_tokens_url: PublicUrl = PublicUrl("https://oauth2.googleapis.com".into());
        /// Meta's Graph API, by https.
        meta_url: PublicUrl = PublicUrl("https://graph.facebook.com".into());
    }
}

section! {
    /// Which server takes mails: saved reports that are sent to users. See docs/mail.md.
    Mail "mail" {
        /// The name of the mail server, as its certificate has it. Without it: no mail is sent.
        host: Option<String> = None;
        /// Its port. Without it: 587 with `starttls`, 465 with `implicit`, 25 with `off`.
        port: Option<NonZeroU16> = None;
        /// `starttls`: TLS before anything else is said, or no mail; `implicit`: TLS from the first octet; `off`: none, only
        /// for a mail server on this machine.
        tls: MailTlsWord = MailTlsWord::Starttls;
        /// The PEM file of the certificate that is believed of it. Without it: those that browsers believe.
        tls_roots: Option<PathBuf> = None;
        /// The user that it takes mail from. Without it: nobody logs in.
        user: Option<String> = None;
        /// The user's password.
        password: Option<MailPassword> = None;
        /// A file that holds the password instead, so that it is not in this one.
        password_file: Option<PathBuf> = None;
        /// From whom mails are: `reports@example.com`, or `Reports <reports@example.com>`. Needed with `host`.
        from: Option<String> = None;
    }
}

section! {
    /// What the program says of itself, on standard error. Phone numbers are masked.
    Log "log" {
        /// `text` for people, `json` for machines.
        format: LogFormat = LogFormat::Text;
        /// `error`, `warn`, `info`, `debug` or `trace`; also for one part alone: `info,ringfence_telephony=debug`.
        level: Level = Level("info".into());
    }
}

fn at_least_one(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("defaults are written above and are not 0")
}
