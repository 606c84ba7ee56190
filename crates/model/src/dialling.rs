//! Which numbers an account's calls may go out to. Only what is set; whether a number is among them is asked in `routing`.

use serde::{Deserialize, Serialize};

use crate::{AccountId, Timestamp};

/// The numbers that may be dialled over an account's trunks: those of `countries`, and those that begin with one of
/// `prefixes`. What costs the caller more than a call is closed unless it is opened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dialling {
    /// ISO 3166-1 alpha-2. `None` is the account's own country; an empty list is no country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub countries: Option<Vec<String>>,
    /// Beginnings of numbers with their country code: `+4420`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prefixes: Vec<String>,
    /// Premium-rate, shared-cost and personal numbers too.
    pub premium: bool,
    /// To whom who answered may put a caller through.
    pub transfers: TransfersTo,
}

/// To whom a caller may be put through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransfersTo {
    /// To nobody.
    Nobody,
    /// To the account's targets and groups.
    Targets,
    /// To those, and to numbers that may be dialled.
    #[default]
    Numbers,
}

/// What holds an account's dialling of telephone numbers: more minutes were dialled within an hour than may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiallingHold {
    /// Whose dialling.
    pub account: AccountId,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// When it ended; no number is dialled until then.
    pub ended_at: Option<Timestamp>,
    /// Minutes that were dialled within the hour before.
    pub minutes: u64,
    /// Minutes that might have been.
    pub minutes_per_hour: u32,
}
