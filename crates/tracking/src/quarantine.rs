//! Whether a number that changes its pool has to rest first.

use ringfence_model::{Duration, NumberChange, NumberState, PoolId, Timestamp, TrackingNumber};

/// What becomes of a number that is given to a pool, or to none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolMove {
    /// It is in use at once, or goes on being.
    InUse,
    /// It comes back to the pool that it left, where its last callers come from: that ends its rest.
    Back,
    /// It rests until then.
    Rests(Timestamp),
    /// It is resting already, and goes on.
    GoesOn,
}

/// What becomes of `number` that is to be in the pool `wanted`. `resting` is the change by which it went into quarantine,
/// when it is in one; `quarantine` is how long numbers rest that leave the pool it is in.
pub fn move_number(
    number: &TrackingNumber,
    wanted: Option<PoolId>,
    resting: Option<&NumberChange>,
    quarantine: Duration,
    now: Timestamp,
) -> PoolMove {
    if number.state == NumberState::Quarantined {
        let left = resting.and_then(|change| change.left);
        return if wanted.is_some() && wanted == left {
            PoolMove::Back
        } else {
            PoolMove::GoesOn
        };
    }
    if number.pool.is_none() || number.pool == wanted || quarantine.is_zero() {
        PoolMove::InUse
    } else {
        PoolMove::Rests(now + quarantine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_model::{AccountId, NumberId};

    const REST: Duration = Duration::from_hours(24);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn pool(n: u128) -> PoolId {
        PoolId::new(at(0), n)
    }

    fn number(state: NumberState, pool: Option<PoolId>) -> TrackingNumber {
        TrackingNumber {
            id: NumberId::new(at(0), 1),
            account: AccountId::new(at(0), 1),
            e164: "+442079460001".parse().unwrap(),
            label: String::new(),
            state,
            pool,
            plan: None,
            created_at: at(0),
        }
    }

    fn moved(number: &TrackingNumber, wanted: Option<PoolId>, rest: Duration) -> PoolMove {
        let change = NumberChange {
            account: number.account,
            number: number.id,
            at: at(0),
            state: NumberState::Quarantined,
            why: String::new(),
            until: Some(at(9)),
            left: Some(pool(1)),
        };
        move_number(number, wanted, Some(&change), rest, at(5))
    }

    #[test]
    fn who_leaves_a_pool_rests_and_who_comes_from_none_does_not() {
        let used = number(NumberState::Assigned, Some(pool(1)));
        assert_eq!(
            moved(&used, Some(pool(2)), REST),
            PoolMove::Rests(at(5) + REST)
        );
        assert_eq!(moved(&used, None, REST), PoolMove::Rests(at(5) + REST));
        assert_eq!(moved(&used, Some(pool(1)), REST), PoolMove::InUse);
        assert_eq!(moved(&used, Some(pool(2)), Duration::ZERO), PoolMove::InUse);
        let fresh = number(NumberState::Available, None);
        assert_eq!(moved(&fresh, Some(pool(2)), REST), PoolMove::InUse);
    }

    #[test]
    fn only_the_pool_that_it_left_takes_a_resting_number_back() {
        let resting = number(NumberState::Quarantined, None);
        assert_eq!(moved(&resting, Some(pool(1)), REST), PoolMove::Back);
        for wanted in [None, Some(pool(2))] {
            assert_eq!(moved(&resting, wanted, REST), PoolMove::GoesOn);
        }
        let unknown = move_number(&resting, None, None, REST, at(5));
        assert_eq!(unknown, PoolMove::GoesOn);
    }
}
