//! The people who take the demo's calls, afterwards: they say of some what came of them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use ringfence_model::{Account, Call, Disposition, Lead, Timestamp};
use ringfence_platform::call_log::CallFilter;
use ringfence_platform::worth::WorthChange;
use ringfence_platform::{Platform, now};

/// Between two looks at the call log.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Calls that are looked at each time: more than end between two looks.
const AT_A_TIME: u32 = 100;

/// Says what calls were worth, until it is dropped.
pub async fn keep(platform: Arc<Platform>, account: Account, began: Timestamp) {
    let filter = CallFilter {
        from: Some(began),
        disposition: Some(Disposition::Answered),
        ..CallFilter::default()
    };
    let mut seen = HashSet::new();
    let mut beat = tokio::time::interval(LOOK_EVERY);
    loop {
        beat.tick().await;
        let Ok(page) = platform
            .call_log(account.id, &filter, None, AT_A_TIME)
            .await
        else {
            continue;
        };
        for row in page.rows {
            // What a visitor of the demo said meanwhile stands.
            if !seen.insert(row.call.id) || row.worth.is_some() {
                continue;
            }
            if let Some(change) = said_of(&row.call) {
                let said = platform.change_worth(&account, row.call.id, change, now());
                if let Err(error) = said.await {
                    tracing::warn!(call = %row.call.id, %error, "nobody could say what a call was worth");
                }
            }
        }
    }
}

/// What is said of a call: the same of the same call, and of two in ten nothing.
fn said_of(call: &Call) -> Option<WorthChange> {
    let draw = call.id.0.as_u128() % 10;
    let (lead, value, tags): (_, _, &[&str]) = match draw {
        0 => (Lead::Converted, "95", &["boiler service"]),
        1 => (Lead::Converted, "140", &["leak"]),
        2 => (Lead::Converted, "1,850", &["new boiler"]),
        3 | 4 => (Lead::Qualified, "", &["quote"]),
        5 => (Lead::Qualified, "", &["quote", "ring back"]),
        6 | 7 => (Lead::Unqualified, "", &["wrong number"]),
        _ => return None,
    };
    Some(WorthChange {
        lead: Some(Some(lead)),
        value: Some(value.to_owned()),
        tags: Some(tags.iter().map(|tag| (*tag).to_owned()).collect()),
        note: None,
    })
}
