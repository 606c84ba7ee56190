//! Who may be shown a number: tokens, credentials, host names and host proofs; and what a page is that shows one.
//!
//! Pure: no I/O, no clock, no chance. Time, keys and nonces come in from outside.

mod admit;
mod gate;
mod host;
mod judge;
pub mod look;
mod proof;
mod refusal;
mod sensor;
mod silence;
mod token;
mod vantages;
mod withdrawn;

pub use admit::{Admission, HostFacts, PageHost, RequestFacts, admit, agreed_host, origin_host};
pub use gate::{
    FAILURES_MAX, Gate, GatePolicy, PageFacts, as_asked, as_from_an_advert, bare, gate, page_name,
};
pub use host::{AddressPrefix, HostError, normalise_host};
pub use judge::{outcome_of_look, outcome_of_view};
pub use proof::{META_NAME, PROOF_FILE_PATH, TXT_LABEL, file_proves, meta_proves, txt_proves};
pub use refusal::Refusal;
pub use sensor::{KINDS_AT, LOOK_AT, PageCalls, Sensed, WITHDRAW_AT};
pub use silence::{
    Crowd, PATIENCE, REMEMBERED_FOR, SILENT_MAX, SPEAKING_SHARE, Silence, Silences, UNPROVED_MAX,
};
pub use token::{Signer, TOKEN_LIFE, Token, TokenFacts, VISIT_CREDENTIAL_LIFE, VisitCredential};
pub use vantages::{
    DESKTOP_AGENT, LookFrom, PHONE_AGENT, PLAIN_AGENT, USUAL_LANGUAGE, Visitor, vantages,
};
pub use withdrawn::{STOPPED_MAX, WithdrawnVisits};
