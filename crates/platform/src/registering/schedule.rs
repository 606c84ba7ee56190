//! When a registrar is asked again. Pure: chance comes in, from 0 to 1000.

use std::time::Duration;

use ringfence_telephony::RegisterFailure;

/// The first wait after all registrars failed, and the longest.
const SOON: Duration = Duration::from_secs(2);
const LATE: Duration = Duration::from_mins(5);
/// The same when one refuses us: a carrier bans those who go on asking with a wrong password.
const REFUSED_SOON: Duration = Duration::from_secs(30);
const REFUSED_LATE: Duration = Duration::from_mins(30);
/// A longer wait than this is not believed.
const LONGEST_WISH: Duration = Duration::from_hours(1);

/// How long a registration of this length is left alone: half of it, so that there is time to try other registrars, and
/// up to a tenth less, so that trunks do not ask all at once.
pub(super) fn refresh_after(granted: Duration, chance: u32) -> Duration {
    (granted / 2).saturating_sub(granted / 20 * chance.min(1000) / 1000)
}

/// How long to wait after the `failures`th round in a row in which nobody knew us: longer each time, and by chance up to
/// half less (RFC 5626 §4.5), but no shorter than the registrar asked for.
pub(super) fn back_off(failures: u32, why: &RegisterFailure, chance: u32) -> Duration {
    let (first, longest) = match why {
        RegisterFailure::Silence(_) => (SOON, LATE),
        failure if tries_next(failure) => (SOON, LATE),
        _ => (REFUSED_SOON, REFUSED_LATE),
    };
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1).min(16));
    let wait = first.saturating_mul(doubled).min(longest);
    let wait = wait.saturating_sub(wait / 2 * chance.min(1000) / 1000);
    match why {
        RegisterFailure::Refused {
            retry_after: Some(wished),
            ..
        } => wait.max((*wished).min(LONGEST_WISH)),
        _ => wait,
    }
}

/// Whether another registrar may say otherwise: this one is silent, moved or in trouble (RFC 3263 §4.3), and does not
/// refuse us.
pub(super) const fn tries_next(failure: &RegisterFailure) -> bool {
    match failure {
        RegisterFailure::Silence(_) => true,
        RegisterFailure::Password { .. } => false,
        RegisterFailure::Refused { code, .. } => matches!(*code, 300..400 | 408 | 480 | 500..600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u16, retry_after: Option<u64>) -> RegisterFailure {
        RegisterFailure::Refused {
            code,
            phrase: "no".into(),
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    #[test]
    fn a_registration_is_refreshed_long_before_it_ends() {
        let hour = Duration::from_hours(1);
        assert_eq!(refresh_after(hour, 0), Duration::from_mins(30));
        assert_eq!(refresh_after(hour, 1000), Duration::from_mins(27));
        let second = refresh_after(Duration::from_secs(1), 500);
        assert_eq!(second, Duration::from_millis(475));
    }

    #[test]
    fn waits_grow_to_their_end_and_never_beyond() {
        let silence = RegisterFailure::Silence("nothing".into());
        let seconds =
            |failures, why: &RegisterFailure, chance| back_off(failures, why, chance).as_secs();
        assert_eq!(seconds(1, &silence, 0), 2);
        assert_eq!(seconds(1, &silence, 1000), 1);
        assert_eq!(seconds(4, &silence, 0), 16);
        assert_eq!(seconds(u32::MAX, &silence, 0), 300);
        assert_eq!(seconds(1, &refused(403, None), 0), 30);
        assert_eq!(seconds(50, &refused(403, None), 0), 1800);
        assert_eq!(seconds(1, &refused(503, Some(40)), 0), 40);
        assert_eq!(seconds(1, &refused(503, Some(1_000_000)), 0), 3600);
    }

    #[test]
    fn another_registrar_is_asked_unless_we_are_refused() {
        assert!(tries_next(&RegisterFailure::Silence("nothing".into())));
        assert!(tries_next(&refused(503, None)));
        for no in [
            refused(403, None),
            refused(404, None),
            refused(603, None),
            RegisterFailure::Password {
                code: 401,
                phrase: "no".into(),
            },
        ] {
            assert!(!tries_next(&no), "{no}");
        }
    }
}
