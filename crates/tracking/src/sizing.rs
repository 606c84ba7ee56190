//! How many numbers a pool needs: Erlang's loss formula over the load that visits bring. Advises; leases nothing.
//!
//! A visit holds its number for its own length and the hold behind it. By Little's law (J. D. C. Little, 1961; ITU-T E.501)
//! the offered load in erlangs is arrivals per hour times that time in hours: the numbers that would be held on average if
//! there were always one. The share of visits that find none is Erlang's B formula (A. K. Erlang, 1917). It asks for
//! arrivals that are independent of each other, as those of an hour are, and for nothing else: how the lengths of visits
//! spread makes no difference, their mean is enough (B. A. Sevastyanov, 1957).

use std::time::Duration;

/// The most numbers that are reckoned with.
pub const POOL_NUMBERS_MAX: u32 = 1_000_000;
/// The largest load that is reckoned with, in erlangs.
pub const ERLANGS_MAX: f64 = 500_000.0;
/// The smallest share of visits without a number of their own that can be asked for: one in a million.
pub const SHARE_MIN: f64 = 0.000_001;

/// A demand that cannot be reckoned with.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum SizingError {
    /// Not a number above 0.
    #[error("expected more than 0 visits an hour, got {0}")]
    Visits(f64),
    /// The visit and the hold are both nothing.
    #[error("expected a visit or a hold that takes time, got 0 s for both")]
    NoTime,
    /// Over [`ERLANGS_MAX`].
    #[error(
        "expected at most {ERLANGS_MAX} erlangs (visits an hour x hours for which each holds its number), got {0}; \
         split the demand over several pools"
    )]
    Load(f64),
    /// Not from [`SHARE_MIN`] to below 1.
    #[error(
        "expected a share of visits without a number of their own from 0.0001 % to below 100 %, got {} %",
        .0 * 100.0
    )]
    Share(f64),
}

/// The load that visits bring to a pool.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct OfferedLoad(f64);

impl OfferedLoad {
    /// The load of so many visits in the busiest hour, each of which takes `visit` and keeps its number for `hold` longer.
    ///
    /// # Errors
    /// [`SizingError`] when there is no such load, or it is over [`ERLANGS_MAX`].
    pub fn of_visits(per_hour: f64, visit: Duration, hold: Duration) -> Result<Self, SizingError> {
        if !(per_hour.is_finite() && per_hour > 0.0) {
            return Err(SizingError::Visits(per_hour));
        }
        let seconds = visit.as_secs_f64() + hold.as_secs_f64();
        if seconds <= 0.0 {
            return Err(SizingError::NoTime);
        }
        let erlangs = per_hour * seconds / 3600.0;
        if erlangs > ERLANGS_MAX {
            return Err(SizingError::Load(erlangs));
        }
        Ok(Self(erlangs))
    }

    /// In erlangs.
    pub const fn erlangs(self) -> f64 {
        self.0
    }

    /// The share of visits, 0 to 1, that find every one of `numbers` leased; beyond [`POOL_NUMBERS_MAX`] as there.
    pub fn share_without(self, numbers: u32) -> f64 {
        let place = numbers.min(POOL_NUMBERS_MAX) as usize;
        self.losses().nth(place).map_or(0.0, |(_, share)| share)
    }

    /// The fewest numbers with which at most `share` of the visits, 0 to 1, find none of their own.
    ///
    /// # Errors
    /// [`SizingError::Share`] when `share` is not from [`SHARE_MIN`] to below 1.
    pub fn numbers_for(self, share: f64) -> Result<u32, SizingError> {
        if !(SHARE_MIN..1.0).contains(&share) {
            return Err(SizingError::Share(share));
        }
        // `ERLANGS_MAX` and `SHARE_MIN` keep the answer far below `POOL_NUMBERS_MAX`; the end is for the type alone.
        Ok(self
            .losses()
            .find(|&(_, loss)| loss <= share)
            .map_or(POOL_NUMBERS_MAX, |(numbers, _)| numbers))
    }

    /// The share of visits without a number of their own for 0, 1, 2, … [`POOL_NUMBERS_MAX`] numbers.
    ///
    /// `B(0) = 1`, `B(n) = A B(n-1) / (n + A B(n-1))`: every step is a sum of positive terms, so that nothing cancels out
    /// and nothing overflows, as the factorials of the formula's closed form do (V. B. Iversen, Teletraffic Engineering
    /// Handbook, ITU-D, on evaluating Erlang's B formula).
    fn losses(self) -> impl Iterator<Item = (u32, f64)> {
        (0..=POOL_NUMBERS_MAX).scan(1.0, move |loss, numbers| {
            if numbers > 0 {
                let refused = self.0 * *loss;
                *loss = refused / (f64::from(numbers) + refused);
            }
            Some((numbers, *loss))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn load(erlangs: f64) -> OfferedLoad {
        OfferedLoad::of_visits(erlangs, Duration::from_hours(1), Duration::ZERO).unwrap()
    }

    #[test]
    fn two_hundred_visits_an_hour_with_a_hold_of_half_an_hour_need_128_numbers() {
        let minutes = Duration::from_mins;
        let load = OfferedLoad::of_visits(200.0, minutes(3), minutes(30)).unwrap();
        assert!((load.erlangs() - 110.0).abs() < 1e-9);
        assert_eq!(load.numbers_for(0.01), Ok(128));
        assert!(load.share_without(127) > 0.01 && load.share_without(128) <= 0.01);
        // A pool of 10 leaves nine visits of ten without.
        assert!((load.share_without(10) - 0.91).abs() < 0.005);
    }

    /// Offered load in erlangs at 1 % loss, as every published table of the B formula has it, to its last digit.
    #[test]
    fn the_published_tables_are_met() {
        for (numbers, erlangs) in [
            (1, 0.0101),
            (2, 0.153),
            (5, 1.36),
            (10, 4.46),
            (20, 12.0),
            (50, 37.9),
            (100, 84.1),
        ] {
            let share = load(erlangs).share_without(numbers);
            assert!((share - 0.01).abs() < 0.000_4, "{numbers}: {share}");
        }
        // By hand: one erlang on one line loses half, on two a fifth.
        assert!((load(1.0).share_without(1) - 0.5).abs() < 1e-12);
        assert!((load(1.0).share_without(2) - 0.2).abs() < 1e-12);
    }

    #[test]
    fn the_largest_load_is_reckoned_without_overflow() {
        let needed = load(ERLANGS_MAX).numbers_for(SHARE_MIN).unwrap();
        assert!(needed < POOL_NUMBERS_MAX, "{needed}");
        assert!(load(ERLANGS_MAX).share_without(u32::MAX) < 1e-9);
    }

    #[test]
    fn what_is_no_demand_is_refused_with_what_came() {
        let hour = Duration::from_hours(1);
        let of = |visits| OfferedLoad::of_visits(visits, hour, hour);
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(of(bad), Err(SizingError::Visits(_))), "{bad}");
        }
        assert!(matches!(of(1e9), Err(SizingError::Load(_))));
        let nothing = OfferedLoad::of_visits(1.0, Duration::ZERO, Duration::ZERO);
        assert_eq!(nothing, Err(SizingError::NoTime));
        for bad in [0.0, 1.0, -0.1, f64::NAN] {
            assert!(matches!(
                load(1.0).numbers_for(bad),
                Err(SizingError::Share(_))
            ));
        }
        let said = load(1.0).numbers_for(1.5).unwrap_err().to_string();
        assert!(said.contains("150 %"), "{said}");
    }

    proptest! {
        #[test]
        fn more_numbers_lose_fewer_visits_and_more_load_loses_more(
            erlangs in 0.001_f64..3_000.0,
            numbers in 0_u32..3_000,
        ) {
            let here = load(erlangs).share_without(numbers);
            prop_assert!((0.0..=1.0).contains(&here));
            let one_more = load(erlangs).share_without(numbers + 1);
            // Below the smallest float both are nothing.
            prop_assert!(one_more < here || one_more == 0.0);
            prop_assert!(load(erlangs * 1.1).share_without(numbers) >= here);
        }

        #[test]
        fn the_answer_is_enough_and_one_number_less_is_not(
            erlangs in 0.001_f64..3_000.0,
            share in 0.000_1_f64..0.5,
        ) {
            let load = load(erlangs);
            let needed = load.numbers_for(share).unwrap();
            prop_assert!(load.share_without(needed) <= share);
            prop_assert!(needed == 0 || load.share_without(needed - 1) > share);
        }

        /// What is lost and what is carried make up what is offered: no more is carried than there are numbers.
        #[test]
        fn no_more_is_carried_than_there_are_numbers(
            erlangs in 0.001_f64..3_000.0,
            numbers in 0_u32..3_000,
        ) {
            let carried = erlangs * (1.0 - load(erlangs).share_without(numbers));
            prop_assert!(carried <= f64::from(numbers) + 1e-9);
        }
    }
}
