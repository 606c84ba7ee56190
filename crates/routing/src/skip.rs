//! Why a target is passed over.

use std::fmt;

use ringfence_model::{AgentState, BreakReason, Caps, Target, TargetProfile, Timestamp};

use crate::breaker::Admission;
use crate::facts::TargetLoad;
use crate::hours::hours_status;

/// Why a target is passed over, in words that are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Skip {
    /// It is paused.
    Paused,
    /// Its agent is not at work.
    SignedOut,
    /// Its agent is at work, but not to be rung.
    OnBreak(Option<BreakReason>),
    /// It is a number, and nobody said which trunk carries its calls.
    NoTrunk,
    /// It takes no calls at this time.
    OutsideHours(String),
    /// It has as many calls as it may have at the same time.
    Concurrent {
        /// As many as it has.
        active: u32,
        /// As many as it may have.
        cap: u32,
    },
    /// It has had its calls of this hour.
    Hour(u32),
    /// It has had its calls of this day.
    Day(u32),
    /// It has had its calls of this month.
    Month(u32),
    /// Its last call ended a moment ago.
    WrappingUp {
        /// When it may have the next one.
        until: Timestamp,
        /// How long that is from now, in s.
        seconds: u64,
    },
    /// Its calls failed lately.
    BreakerOpen {
        /// When one may try again.
        until: Timestamp,
        /// How long that is from now, in s.
        seconds: u64,
    },
    /// It speaks none of the wanted languages.
    Language,
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Paused => f.write_str("paused"),
            Self::SignedOut => f.write_str("its agent is signed out"),
            Self::OnBreak(None) => f.write_str("its agent is on a break"),
            Self::OnBreak(Some(reason)) => {
                write!(f, "its agent is on a break: {}", reason.meaning())
            }
            Self::NoTrunk => f.write_str("a number without a trunk"),
            Self::OutsideHours(why) => write!(f, "outside hours: {why}"),
            Self::Concurrent { active, cap } => write!(f, "full: {active} of {cap} calls"),
            Self::Hour(cap) => write!(f, "full, {cap} this hour"),
            Self::Day(cap) => write!(f, "full, {cap} today"),
            Self::Month(cap) => write!(f, "full, {cap} this month"),
            Self::WrappingUp { seconds, .. } => write!(f, "wrapping up for another {seconds} s"),
            Self::BreakerOpen { seconds, .. } => {
                write!(f, "calls failed there, next try in {seconds} s")
            }
            Self::Language => f.write_str("speaks no wanted language"),
        }
    }
}

/// Whether a call may go to a target: `Ok(true)` as the probe of its breaker. Languages are asked elsewhere.
///
/// # Errors
/// The first reason against it.
pub fn admitted(
    target: &Target,
    profile: &TargetProfile,
    load: &TargetLoad,
    now: Timestamp,
) -> Result<bool, Skip> {
    if !target.enabled {
        return Err(Skip::Paused);
    }
    match load.agent {
        Some(AgentState::SignedOut) => return Err(Skip::SignedOut),
        Some(AgentState::OnBreak) => return Err(Skip::OnBreak(load.break_reason)),
        // How long a wrap-up lasts is the profile's to say, below.
        Some(AgentState::Available | AgentState::WrappingUp) | None => {}
    }
    if is_number(target) && profile.trunk.is_none() {
        return Err(Skip::NoTrunk);
    }
    if let Some(hours) = &profile.hours {
        let status = hours_status(hours, now);
        if !status.open {
            return Err(Skip::OutsideHours(status.reason));
        }
    }
    if let Some(cap) = full(
        &profile.caps,
        [load.active, load.hour, load.day, load.month],
    ) {
        return Err(cap);
    }
    // Without a rest nothing is asked of the clock: a call may have ended just after this one's moment was taken.
    if profile.wrap_up > 0
        && let Some(ended) = load.last_ended_at
        && load.ready_at.is_none_or(|ready| ready < ended)
    {
        let until = ended + std::time::Duration::from_secs(profile.wrap_up.into());
        if now < until {
            return Err(Skip::WrappingUp {
                until,
                seconds: whole_seconds(until, now),
            });
        }
    }
    match load.breaker.admission(now) {
        Admission::Free => Ok(false),
        Admission::Probe => Ok(true),
        Admission::Refused { until } => Err(Skip::BreakerOpen {
            until,
            seconds: whole_seconds(until, now),
        }),
    }
}

/// The first cap that is reached by the calls at a time, of the hour, of the day and of the month.
pub fn full(caps: &Caps, [active, hour, day, month]: [u32; 4]) -> Option<Skip> {
    let reached = |cap: Option<u32>, count: u32| cap.filter(|cap| count >= *cap);
    reached(caps.concurrent, active)
        .map(|cap| Skip::Concurrent { active, cap })
        .or_else(|| reached(caps.hour, hour).map(Skip::Hour))
        .or_else(|| reached(caps.day, day).map(Skip::Day))
        .or_else(|| reached(caps.month, month).map(Skip::Month))
}

/// Whether a target is a number (RFC 3966), which only a trunk can reach.
pub(crate) fn is_number(target: &Target) -> bool {
    target
        .uri
        .get(..4)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("tel:"))
}

/// Rounded up: never "0 s" for what is not over.
fn whole_seconds(until: Timestamp, now: Timestamp) -> u64 {
    until
        .since(now)
        .as_micros()
        .div_ceil(1_000_000)
        .try_into()
        .unwrap_or(u64::MAX)
}
