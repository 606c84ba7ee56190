//! Paging through the call log shows every call once.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use ringfence_model::{Call, Disposition};
use ringfence_store::{CallCursor, CallFilter, Write};

use crate::world::{World, at};

// The runner of property tests is not async: it blocks one thread while others carry the connections.
#[tokio::test(flavor = "multi_thread")]
async fn pages_of_any_size_show_every_call_once_and_in_order_on_sqlite() {
    pages_of_any_size_show_every_call_once_and_in_order(&World::sqlite().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_any_size_show_every_call_once_and_in_order_on_postgresql() {
    pages_of_any_size_show_every_call_once_and_in_order(&World::postgresql().await);
}

const DISPOSITIONS: [Option<Disposition>; 3] =
    [None, Some(Disposition::Answered), Some(Disposition::Missed)];

fn pages_of_any_size_show_every_call_once_and_in_order(world: &World) {
    let mut runner = TestRunner::new(Config {
        cases: 12,
        failure_persistence: None,
        ..Config::default()
    });
    // Few different starts, so that many calls share one and only the identifier orders them.
    let calls = prop::collection::vec((0_u64..6, 0..DISPOSITIONS.len()), 0..40);
    let strategy = (calls, 1_u32..12, 0..DISPOSITIONS.len(), 0_u64..7, 0_u64..7);
    runner
        .run(&strategy, |case| {
            tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(check(world, case))
            })
        })
        .unwrap();
}

type Case = (Vec<(u64, usize)>, u32, usize, u64, u64);

async fn check(world: &World, case: Case) -> Result<(), TestCaseError> {
    let (rows, limit, wanted, from, to) = case;
    let tenant = world.tenant(world.case()).await;
    let calls: Vec<Call> = rows
        .into_iter()
        .map(|(seconds, disposition)| Call {
            disposition: DISPOSITIONS[disposition],
            ..world.call(&tenant, at(seconds))
        })
        .collect();
    let writes = calls.iter().cloned().map(Box::new).map(Write::CallBegun);
    world.db.write(writes.collect()).await.unwrap();

    let filter = CallFilter {
        from: Some(at(from)),
        to: Some(at(to)),
        disposition: DISPOSITIONS[wanted],
        ..CallFilter::default()
    };
    let mut expected: Vec<Call> = calls
        .into_iter()
        .filter(|call| (at(from)..at(to)).contains(&call.started_at))
        .filter(|call| filter.disposition.is_none() || call.disposition == filter.disposition)
        .collect();
    expected.sort_by_key(|call| std::cmp::Reverse((call.started_at, call.id)));

    let mut shown = Vec::new();
    let mut after: Option<CallCursor> = None;
    loop {
        let page = world
            .db
            .calls(tenant.account, &filter, after, limit)
            .await
            .unwrap();
        prop_assert!(page.calls.len() <= limit as usize);
        shown.extend(page.calls);
        match page.next {
            // As a page's link carries it.
            Some(next) => after = Some(next.to_string().parse().unwrap()),
            None => break,
        }
    }
    prop_assert_eq!(shown, expected);
    Ok(())
}
