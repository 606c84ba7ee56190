//! Phones that register, what they have registered, and how trunks prove themselves.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::records::words;
use crate::{AccountId, TargetId, Timestamp, TrunkId};

words! {
    /// How SIP messages travel (RFC 3261 §18, RFC 5630).
    SipTransport {
        /// Datagrams.
        Udp = "udp",
        /// A stream.
        Tcp = "tcp",
        /// A stream that is enciphered.
        Tls = "tls",
    }
}

/// A target that registers where it is reached (RFC 3261 §10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone {
    /// Whose it is.
    pub account: AccountId,
    /// The target.
    pub target: TargetId,
    /// The user that it registers as; no other phone of this server has it.
    pub user: String,
    /// Its sealed digest secrets: SHA-256 of H(A1) in 32 octets, then MD5 of it in 16 (RFC 7616 §3.4.2).
    pub secret: Vec<u8>,
}

/// Where a phone is reached until it expires: one binding (RFC 3261 §10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The target.
    pub target: TargetId,
    /// The URI that the phone says it is reached at; one of its own registrations only has it.
    pub contact: String,
    /// Which device it is (RFC 5626 §4.1), when it says so.
    pub instance: Option<String>,
    /// How the request came.
    pub transport: SipTransport,
    /// Where the request came from: where calls go, whatever the contact says (RFC 3581, RFC 5626).
    pub address: SocketAddr,
    /// The Call-ID of the request.
    pub call_id: String,
    /// Its `CSeq`; a later request of that Call-ID has a higher one.
    pub sequence: u32,
    /// What its program calls itself.
    pub agent: Option<String>,
    /// When it was made or refreshed.
    pub registered_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// The user and password of a trunk (RFC 3261 §22).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkLogin {
    /// Whose it is.
    pub account: AccountId,
    /// The trunk.
    pub trunk: TrunkId,
    /// Who we are there, or they are here.
    pub user: String,
    /// The sealed password: it answers challenges of realms that are not known before.
    pub secret: Vec<u8>,
    /// The only realm of theirs that is answered; of calls that come in, the one that is challenged for.
    pub realm: Option<String>,
    /// Calls from the trunk must prove the password.
    pub challenge: bool,
    /// Challenge with MD5 alone (RFC 8760).
    pub md5_only: bool,
}

/// Where we register at a trunk (RFC 3261 §10); its [`TrunkLogin`] says with what that is proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkRegister {
    /// Whose it is.
    pub account: AccountId,
    /// The trunk.
    pub trunk: TrunkId,
    /// Its registrars: SIP URIs without a user, `sip:sip.example.com;transport=tcp`, the first to try first.
    pub registrars: Vec<String>,
    /// Our address there, `sip:+442079460123@example.com`, when it is not the login at the first registrar's host.
    pub identity: Option<String>,
    /// The time that is asked for, in seconds.
    pub expiry: u32,
}

/// How the registration at a trunk stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrunkRegistered {
    /// Until when a registrar knows us; none when none does.
    pub until: Option<Timestamp>,
    /// Since when all have refused or been silent; none when one answers.
    pub failing_since: Option<Timestamp>,
    /// Why, in words.
    pub reason: Option<String>,
    /// The address of the registrar that was asked last, `udp 192.0.2.1:5060`.
    pub registrar: Option<String>,
}
