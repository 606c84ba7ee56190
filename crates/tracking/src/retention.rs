//! How long a thing is kept, and what is past its time.

use ringfence_model::{Duration, Timestamp};

/// How long something is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// So long after it began.
    For(Duration),
    /// Until somebody erases it.
    Forever,
}

impl Keep {
    /// What began before this is past its time at `now`; `None` when nothing ever is.
    pub fn due_before(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::For(length) => Some(now - length),
            Self::Forever => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_for_a_time_is_due_after_it_and_what_is_kept_forever_never() {
        let now = Timestamp::from_micros(86_400_000_000);
        let hour = Keep::For(Duration::from_hours(1));
        assert_eq!(hour.due_before(now), Some(now - Duration::from_hours(1)));
        assert_eq!(Keep::Forever.due_before(now), None);
        // A clock that stands near its beginning makes nothing due that is yet to come.
        let early = Timestamp::from_micros(5);
        assert!(hour.due_before(early).is_some_and(|before| before < early));
    }
}
