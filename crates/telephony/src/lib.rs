//! SIP: the wire on one side, the call's state machine on the other.
//!
//! [`Telephony`] listens on UDP and TCP (RFC 3261), lets in what comes from the trunks and phones that it is told of and
//! nothing else, and hands each new call up as an [`IncomingCall`]. Answered with a [`CallSetup`], it drives
//! that call's flow, its sound and both of its dialogs in one task, and tells everything as [`CallNotice`]s.
//!
//! It knows no plan, no account and no database. SIP's own types stay inside.

mod call;
mod config;
mod dialog;
mod dialogs;
mod digest;
mod error;
mod fold;
mod gate;
mod guard;
mod guesses;
mod listen;
mod loops;
mod message;
mod nonces;
mod peers;
mod phones;
mod registered;
mod registrar;
mod sdp;
mod seam;
mod server;
mod session;
mod streams;
mod tls;
mod trunks;
mod unknown;
mod wire;

pub use config::{Certificate, TelephonyConfig, TlsConfig};
pub use digest::PhoneSecret;
pub use error::TelephonyError;
pub use phones::{Phone, PhoneDirectory, Reached, RegistrationsChanged};
pub use registered::{RegisteredTrunk, RegistrarAddress, WayOut};
pub use registrar::{Binding, RegisterFailure, TrunkIdentity};
pub use ringfence_media::RecordingReport;
pub use seam::{
    CallDecision, CallNotice, CallSetup, Flow, IncomingCall, InviteFacts, Origin, RecordingPlan,
};
pub use server::Telephony;
pub use trunks::{TrunkAccount, TrunkAddress, TrunkDirectory};
